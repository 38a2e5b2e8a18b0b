// Who is in the agent's call, as the server tells it. No React, no media here.
import type { components } from "@/api/schema";

export type Parties = components["schemas"]["Parties"];
export type Member = Parties["parties"][number];

/** Reads the message "parties"; undefined when it makes no sense. */
export function readParties(data: unknown): Parties | undefined {
  const d = data as Partial<Parties> | undefined | null;
  if (typeof d?.conversation_id !== "string" || !Array.isArray(d.parties)) return undefined;
  return d as Parties;
}

/** What this agent may do in a call with several people. */
export interface Part {
  /** Has the call; others may only leave it. */
  leads: boolean;
  /** Is asked by a colleague and does not talk with the customer. */
  consulted: boolean;
  /** Somebody is asked and has come: hand over, swap, merge. */
  answered: boolean;
  /** Somebody is asked; it can be taken back. */
  asking: boolean;
  /** The customer waits while this agent consults. */
  apart: boolean;
  /** A flow serves the customer while this agent waits. */
  served: boolean;
  /** Somebody else talks with the customer: the agent may leave. */
  mayLeave: boolean; // or a flow goes on with them
  /** There is more to show than one agent with a customer. */
  shown: boolean;
}

/** The most people in one call (call.MaxParties). */
export const MOST = 6;

export function partOf(p: Parties | undefined, conversationId: string, agentId: string): Part {
  const here = p?.conversation_id === conversationId ? p : undefined;
  const consult = here?.consult;
  const leads = here === undefined || here.lead_id === agentId;
  const me = here?.parties.find((m) => m.id === agentId);
  const mine = consult !== undefined && consult.by_id === agentId;
  const others = (here?.parties ?? []).filter(
    (m) => m.id !== agentId && m.kind !== "customer" && m.state !== "ringing",
  );
  const consulted = consult?.answered === true && !mine && !leads && me?.state !== "talking";
  const withCustomer = others.filter((m) => m.state === "talking" || m.state === "lost");
  return {
    leads,
    consulted,
    answered: mine && consult.answered,
    asking: mine,
    apart: mine && !consult.joins && !consult.swapped,
    served: here?.flow !== undefined,
    mayLeave: consulted || withCustomer.length > 0 || here?.flow !== undefined,
    shown: consult !== undefined || here?.flow !== undefined || (here?.parties.length ?? 0) > 2,
  };
}
