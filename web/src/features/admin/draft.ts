// A flow's unsaved text, kept in this tab: an accepted call leads away from the
// editor at once, and nobody should be asked anything then.

export const DRAFTS = "hotline.flow.";

export interface KeptDraft {
  text: string;
  /** The record's version on which the text was based. */
  version: number;
}

const key = (userId: string, flowId: string) => `${DRAFTS}${userId}.${flowId}`;

export function keepDraft(userId: string, flowId: string, draft: KeptDraft | undefined): void {
  if (draft) sessionStorage.setItem(key(userId, flowId), JSON.stringify(draft));
  else sessionStorage.removeItem(key(userId, flowId));
}

export function keptDraft(userId: string, flowId: string): KeptDraft | undefined {
  try {
    const raw = JSON.parse(
      sessionStorage.getItem(key(userId, flowId)) ?? "null",
    ) as Partial<KeptDraft> | null;
    return typeof raw?.text === "string" && typeof raw.version === "number"
      ? { text: raw.text, version: raw.version }
      : undefined;
  } catch {
    return undefined;
  }
}
