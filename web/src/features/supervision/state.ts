// How this page supervises a call, and who supervises the agent's own. No React, no media here.

export type Mode = "monitor" | "whisper" | "barge";
export const MODES: Mode[] = ["monitor", "whisper", "barge"];

export type Ear =
  | { phase: "off" }
  | {
      phase: "on";
      conversationId: string;
      mode: Mode;
      /** live: the server has put this page into the call. */
      media: "connecting" | "live";
      since: number;
      /** Without a microphone one can listen, and no more. */
      microphone: boolean;
      taking: boolean;
    };

export type EarInput =
  | { kind: "begin"; conversationId: string; mode: Mode; at: number }
  | { kind: "microphone"; on: boolean }
  | { kind: "monitor"; conversationId: string; mode: Mode; since: number | undefined }
  | { kind: "taking"; on: boolean }
  | { kind: "end"; conversationId: string };

export const off: Ear = { phase: "off" };

export function reduceEar(ear: Ear, input: EarInput): Ear {
  switch (input.kind) {
    case "begin":
      return {
        phase: "on",
        conversationId: input.conversationId,
        mode: input.mode,
        media: "connecting",
        since: input.at,
        microphone: true,
        taking: false,
      };
    case "microphone":
      return ear.phase === "on" ? { ...ear, microphone: input.on } : ear;
    case "monitor":
      return ear.phase === "on" && ear.conversationId === input.conversationId
        ? { ...ear, mode: input.mode, media: "live", since: input.since ?? ear.since }
        : ear;
    case "taking":
      return ear.phase === "on" ? { ...ear, taking: input.on } : ear;
    case "end":
      return ear.phase === "on" && ear.conversationId === input.conversationId ? off : ear;
    default:
      return input satisfies never;
  }
}

/** Who listens to a call of this page's agent. */
export interface Supervised {
  conversationId: string;
  by: { name: string; mode: Mode }[];
}

type Loose = Record<string, unknown>;

function object(v: unknown): Loose {
  return typeof v === "object" && v !== null ? (v as Loose) : {};
}

function modeOf(v: unknown): Mode | undefined {
  return MODES.find((m) => m === v);
}

/** Reads the message "supervised"; undefined when it makes no sense. */
export function readSupervised(data: unknown): Supervised | undefined {
  const d = object(data);
  if (typeof d.conversation_id !== "string" || !Array.isArray(d.by)) return undefined;
  return {
    conversationId: d.conversation_id,
    by: d.by.flatMap((x) => {
      const mode = modeOf(object(x).mode);
      const name = object(x).name;
      return mode && typeof name === "string" ? [{ name, mode }] : [];
    }),
  };
}

/** Reads the message "monitor"; undefined when it makes no sense. */
export function readMonitor(data: unknown): Extract<EarInput, { kind: "monitor" }> | undefined {
  const d = object(data);
  const mode = modeOf(d.mode);
  if (typeof d.conversation_id !== "string" || !mode) return undefined;
  const since = typeof d.since === "string" ? Date.parse(d.since) : Number.NaN;
  return {
    kind: "monitor",
    conversationId: d.conversation_id,
    mode,
    since: Number.isNaN(since) ? undefined : since,
  };
}
