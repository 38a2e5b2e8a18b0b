import type { TFunction } from "i18next";

/** What the lines of the audit are about: the first part of their actions. */
export const KINDS = [
  "user",
  "token",
  "team",
  "agent",
  "queue",
  "line",
  "device",
  "number",
  "flow",
  "hours",
  "break",
  "wrapup-code",
  "customer",
  "conversation",
  "recording",
  "simulation",
];

const REFUSED = ".refused"; // ends the line after one about what was then refused

/**
 * What an action of the audit is called: by a text for all of it, as for
 * recording.hold, or for being created, changed and deleted, which is the same of
 * every kind. An action without a text stays as it is.
 */
export function actionText(action: string, t: TFunction, exists: (key: string) => boolean): string {
  const did = action.endsWith(REFUSED) ? action.slice(0, -REFUSED.length) : action;
  const verb = did.split(".")[1] ?? "";
  const key = [`audit.did.${did}`, `audit.action.${verb}`].find((k) => verb !== "" && exists(k));
  if (key === undefined) return action;
  return did === action ? t(key) : t("audit.refused", { what: t(key) });
}

/** What kind of thing it was done to; empty where there is no word for it. */
export function kindText(action: string, t: TFunction): string {
  const kind = action.split(".")[0] ?? "";
  return KINDS.includes(kind) ? t(`audit.kind.${kind}`) : "";
}
