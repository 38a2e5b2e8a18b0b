import type { Envelope, JournalEvent } from "./protocol";

export type LinkStatus = "connecting" | "open" | "lost";

/** Where this page is in the journal, and how its socket does. */
export interface LiveState {
  status: LinkStatus;
  seq: number | undefined;
  attempts: number;
  everOpen: boolean;
  lostAt: number | undefined;
}

export const initialLive: LiveState = {
  status: "connecting",
  seq: undefined,
  attempts: 0,
  everOpen: false,
  lostAt: undefined,
};

export type LiveInput =
  | { kind: "connecting" }
  | { kind: "opened" }
  | { kind: "closed"; at: number }
  | { kind: "message"; message: Envelope };

/** What one input changes, and which journal event is new to this page. */
export interface LiveStep {
  state: LiveState;
  event?: JournalEvent;
  /** The page cannot know what it missed: fetch everything again. */
  refetch?: boolean;
}

export function reduceLive(state: LiveState, input: LiveInput): LiveStep {
  switch (input.kind) {
    case "connecting":
      return {
        state: { ...state, status: state.everOpen ? "lost" : "connecting", attempts: state.attempts + 1 },
      };
    case "opened":
      return {
        state: { ...state, status: "open", attempts: 0, everOpen: true, lostAt: undefined },
        refetch: state.everOpen && state.seq === undefined,
      };
    case "closed":
      return {
        state: { ...state, status: state.everOpen ? "lost" : "connecting", lostAt: state.lostAt ?? input.at },
      };
    case "message":
      return reduceMessage(state, input.message);
    default:
      return input satisfies never;
  }
}

function reduceMessage(state: LiveState, m: Envelope): LiveStep {
  if (m.type === "head") {
    const head = headSeq(m);
    return head !== undefined && head > (state.seq ?? -1) ? { state: { ...state, seq: head } } : { state };
  }
  if (m.type === "reset") return { state: { ...state, seq: headSeq(m) }, refetch: true };
  if (m.seq === undefined || m.seq === 0) return { state };
  if (state.seq !== undefined && m.seq <= state.seq) return { state };
  return { state: { ...state, seq: m.seq }, event: toEvent(m) };
}

function headSeq(m: Envelope): number | undefined {
  if (m.seq !== undefined) return m.seq;
  const data = m.data as { seq?: unknown } | undefined;
  return typeof data?.seq === "number" ? data.seq : undefined;
}

/** The envelope's data is the whole event; what it lacks stands beside it. */
function toEvent(m: Envelope): JournalEvent {
  const data = (typeof m.data === "object" && m.data !== null ? m.data : {}) as Partial<JournalEvent>;
  return { id: "", ts: m.ts ?? "", ...data, seq: m.seq ?? 0, type: m.type };
}

/** Waits between attempts: 0.3 s doubling to 5 s, spread by ±25 %. */
export function retryDelay(attempt: number, random: () => number): number {
  const base = Math.min(5000, 300 * 2 ** Math.max(0, attempt - 1));
  return Math.round(base * (0.75 + random() * 0.5));
}
