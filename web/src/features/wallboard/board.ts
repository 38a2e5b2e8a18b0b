// What the wallboard shows, computed from one snapshot. No React here.
import type { AgentSnapshot, FigureRow, QueueSnapshot, Wallboard } from "@/api/types";

export type AgentLook =
  | "offline"
  | "available"
  | "break"
  | "not_responding"
  | "ringing"
  | "on_call"
  | "on_hold"
  | "wrap_up";

/** Work comes before presence: somebody who talks on a break is talking. */
export function lookOf(a: AgentSnapshot): { look: AgentLook; since: string } {
  const works = a.works.filter((w) => w.state !== "idle");
  const find = (...states: string[]) => works.find((w) => states.includes(w.state));
  const talk = find("connected", "consulting");
  if (talk) return { look: "on_call", since: talk.connected_at ?? talk.since };
  const hold = find("on_hold");
  if (hold) return { look: "on_hold", since: hold.since };
  const ring = find("alerting", "reserved");
  if (ring) return { look: "ringing", since: ring.since };
  const wrap = find("wrap_up");
  if (wrap) return { look: "wrap_up", since: wrap.since };
  if (a.presence.not_responding && a.presence.presence !== "offline")
    return { look: "not_responding", since: a.presence.since };
  return { look: a.presence.presence, since: a.presence.since };
}

const ORDER: AgentLook[] = [
  "not_responding",
  "ringing",
  "on_call",
  "on_hold",
  "wrap_up",
  "available",
  "break",
  "offline",
];

export function sortAgents(agents: AgentSnapshot[], name: (id: string) => string): AgentSnapshot[] {
  return agents.toSorted(
    (a, b) =>
      ORDER.indexOf(lookOf(a).look) - ORDER.indexOf(lookOf(b).look) ||
      name(a.agent_id).localeCompare(name(b.agent_id)),
  );
}

export interface Totals {
  waiting: number;
  longestMs: number;
  available: number;
  loggedIn: number;
  talking: number;
}

export function totalsOf(board: Wallboard, queues: QueueSnapshot[]): Totals {
  const looks = board.agents.map((a) => lookOf(a).look);
  return {
    waiting: queues.reduce((n, q) => n + q.waiting + q.offered, 0),
    longestMs: queues.reduce((n, q) => Math.max(n, q.longest_wait_ms), 0),
    available: looks.filter((l) => l === "available").length,
    loggedIn: looks.filter((l) => l !== "offline").length,
    talking: looks.filter((l) => l === "on_call" || l === "on_hold").length,
  };
}

/** One figure of a row by its name; undefined when the formula divides by nothing. */
export function figure(row: FigureRow | undefined, name: string): number | undefined {
  const f = row?.figures.find((x) => x.name === name && x.defined);
  return f?.value;
}

/** The service level by the queue's own formula, with its code. */
export function serviceLevel(row: FigureRow | undefined): { value: number; code: string } | undefined {
  const f = row?.figures.find((x) => x.target && x.defined);
  return f && { value: f.value, code: f.code };
}
