import { create } from "zustand";
import type { PresenceState } from "@/api/types";

export interface Presence {
  state: PresenceState;
  reason: string;
  nextState: PresenceState | "";
  nextReason: string;
  since: string;
  notResponding: boolean;
}

interface PresenceStore extends Presence {
  set(p: Partial<Presence>): void;
}

export const usePresence = create<PresenceStore>()((set) => ({
  state: "offline",
  reason: "",
  nextState: "",
  nextReason: "",
  since: "",
  notResponding: false,
  set: (p) => set(p),
}));

const STATES = new Set(["offline", "available", "break"]);

/** Reads a presence from a message or event, whatever it leaves out. */
export function readPresence(data: unknown, ts: string): Partial<Presence> | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const d = data as Record<string, unknown>;
  const state = d.presence ?? d.state;
  if (typeof state !== "string" || !STATES.has(state)) return undefined;
  const text = (v: unknown) => (typeof v === "string" ? v : "");
  const next = text(d.next_state) || text(d.next_presence) || text(d.next);
  return {
    state: state as PresenceState,
    reason: text(d.reason),
    nextState: STATES.has(next) ? (next as PresenceState) : "",
    nextReason: text(d.next_reason),
    since: text(d.since) || ts,
    notResponding: d.not_responding === true,
  };
}
