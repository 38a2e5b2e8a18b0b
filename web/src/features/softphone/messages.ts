// Turns the socket's messages into inputs of the softphone's state.
import type { OfferData } from "@/live/protocol";
import type { Offer, Person, Work } from "./state";

type Loose = Record<string, unknown>;

function text(v: unknown): string {
  return typeof v === "string" ? v : "";
}
function object(v: unknown): Loose {
  return typeof v === "object" && v !== null ? (v as Loose) : {};
}
function time(v: unknown): number | undefined {
  const t = typeof v === "string" && !v.startsWith("0001-") ? Date.parse(v) : Number.NaN;
  return Number.isNaN(t) ? undefined : t;
}

function person(d: Loose): Person {
  const c = object(d.customer);
  const number =
    typeof d.caller === "string" ? d.caller : text(object(d.caller).number) || text(d.caller_number);
  return {
    id: text(c.id) || text(d.customer_id),
    name: text(c.name) || text(d.customer_name),
    number,
    vip: c.vip === true,
  };
}

function named(v: unknown): { id: string; name: string } {
  if (typeof v === "string") return { id: v, name: v };
  const o = object(v);
  return { id: text(o.id), name: text(o.name) || text(o.id) };
}

/** Reads an offer message; undefined when it names no offer. */
export function readOffer(data: unknown, now: number): Offer | undefined {
  const d = object(data) as Loose & Partial<OfferData>;
  const offerId = text(d.offer_id) || text(d.id);
  const conversationId = text(d.conversation_id);
  if (!offerId || !conversationId) return undefined;
  const queue = named(d.queue);
  const path = Array.isArray(d.flow_path)
    ? d.flow_path.filter((p): p is string => typeof p === "string")
    : [];
  return {
    offerId,
    conversationId,
    person: person(d),
    queueId: text(d.queue_id) || queue.id,
    queueName: text(d.queue_name) || queue.name,
    language: text(d.language),
    flowPath: path,
    note: text(object(d.customer).note),
    askedBy: (d as Loose).kind === "consult" ? text((d as Loose).asked_by) : "",
    waitedMs: typeof (d as Loose).waited_ms === "number" ? Number((d as Loose).waited_ms) : 0,
    expiresAt: time(d.expires_at) ?? now + 20_000,
    startedAt: now,
  };
}

const STATES = new Set(["idle", "reserved", "alerting", "connected", "on_hold", "consulting", "wrap_up"]);

/** Reads one item of work; undefined when it makes no sense. */
export function readWork(data: unknown, now: number): Work | undefined {
  const d = object(data);
  const conversationId = text(d.conversation_id);
  const state = text(d.state) || text(d.work_state);
  if (!conversationId || !STATES.has(state)) return undefined;
  const p = person(d);
  return {
    conversationId,
    state: state as Work["state"],
    since:
      (state === "wrap_up" || state === "on_hold" ? undefined : time(d.connected_at)) ?? time(d.since) ?? now,
    until: time(d.wrap_up_until) ?? time(d.until) ?? time(d.deadline),
    extensionsUsed: typeof d.extensions === "number" ? d.extensions : undefined,
    person: p.id || p.number || p.name ? p : undefined,
    queueId: text(d.queue_id) || named(d.queue).id,
  };
}

/** A work message carries one item, or a list of them. */
export function readWorks(data: unknown, now: number): Work[] {
  const d = object(data);
  const list = Array.isArray(data)
    ? data
    : Array.isArray(d.items)
      ? d.items
      : Array.isArray(d.work)
        ? d.work
        : [data];
  return list.map((w) => readWork(w, now)).filter((w): w is Work => w !== undefined);
}

/** What becomes of the recording of a call. */
export interface RecordingState {
  conversationId: string;
  state: "off" | "running" | "paused";
  /** Why it is paused: the agent, or keys that nobody may keep. */
  reason: string;
  since: number | undefined;
  /** The agent may begin to record. */
  mayStart: boolean;
}

/** Reads the message "recording"; undefined when it makes no sense. */
export function readRecording(data: unknown): RecordingState | undefined {
  const d = object(data);
  const conversationId = text(d.conversation_id);
  const state = text(d.state);
  if (!conversationId || (state !== "off" && state !== "running" && state !== "paused")) return undefined;
  return {
    conversationId,
    state,
    reason: text(d.reason),
    since: time(d.since),
    mayStart: d.may_start === true,
  };
}
