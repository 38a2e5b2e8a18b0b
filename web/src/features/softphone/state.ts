// The softphone's state and every move it can make. No React, no media here.

export interface Person {
  id: string;
  name: string;
  number: string;
  vip: boolean;
}

export interface Offer {
  offerId: string;
  conversationId: string;
  person: Person;
  queueId: string;
  queueName: string;
  language: string;
  flowPath: string[];
  note: string;
  /** Name of the colleague who consults; empty for a customer's call. */
  askedBy: string;
  waitedMs: number;
  expiresAt: number; // ms since 1970 on this computer's clock
  startedAt: number;
}

/** The call's sound between this browser and the server. */
export type Media = "none" | "connecting" | "live" | "lost";

export type Phone =
  | { phase: "idle"; last?: string }
  | { phase: "ringing"; offer: Offer; answering: boolean }
  | {
      phase: "talking";
      conversationId: string;
      person: Person;
      queueId: string;
      since: number;
      heldSince: number | undefined;
      muted: boolean;
      ending: boolean;
      media: Media;
    }
  | {
      phase: "wrap_up";
      conversationId: string;
      person: Person;
      queueId: string;
      since: number;
      until: number | undefined;
      extensionsUsed: number;
      saving: boolean;
    };

/** One conversation of this agent as the server sees it. */
export interface Work {
  conversationId: string;
  state: "idle" | "reserved" | "alerting" | "connected" | "on_hold" | "consulting" | "wrap_up";
  since: number;
  until: number | undefined;
  extensionsUsed: number | undefined;
  person: Person | undefined;
  queueId: string;
}

export type PhoneInput =
  | { kind: "offer"; offer: Offer }
  | { kind: "offer_ended"; offerId: string }
  | { kind: "answering"; offerId: string }
  | { kind: "answer_failed"; offerId: string }
  | { kind: "accepted"; offerId: string; at: number }
  | { kind: "work"; work: Work }
  | { kind: "held"; conversationId: string; at: number }
  | { kind: "resumed"; conversationId: string }
  | { kind: "ending"; on: boolean }
  | { kind: "wrap_up"; conversationId: string; at: number }
  | { kind: "gone"; conversationId: string }
  | { kind: "muted"; on: boolean }
  | { kind: "media"; media: Media }
  | { kind: "saving"; on: boolean }
  | { kind: "reset" };

export const idle: Phone = { phase: "idle" };

export function reducePhone(phone: Phone, input: PhoneInput): Phone {
  switch (input.kind) {
    case "offer":
      // A repeated offer (after a reconnect) must not undo "answering".
      if (phone.phase === "ringing" && phone.offer.offerId === input.offer.offerId)
        return { ...phone, offer: { ...input.offer, startedAt: phone.offer.startedAt } };
      return phone.phase === "talking" ? phone : { phase: "ringing", offer: input.offer, answering: false };
    case "offer_ended":
      return phone.phase === "ringing" && phone.offer.offerId === input.offerId
        ? { phase: "idle", last: phone.offer.conversationId }
        : phone;
    case "answering":
    case "answer_failed":
      return phone.phase === "ringing" && phone.offer.offerId === input.offerId
        ? { ...phone, answering: input.kind === "answering" }
        : phone;
    case "accepted":
      return phone.phase === "ringing" && phone.offer.offerId === input.offerId
        ? talk(phone.offer, input.at)
        : phone;
    case "work":
      return applyWork(phone, input.work);
    case "held":
      return talking(phone, input.conversationId, (p) => ({ ...p, heldSince: p.heldSince ?? input.at }));
    case "resumed":
      return talking(phone, input.conversationId, (p) => ({ ...p, heldSince: undefined }));
    case "ending":
      return phone.phase === "talking" ? { ...phone, ending: input.on } : phone;
    case "wrap_up":
      return phone.phase === "talking" && phone.conversationId === input.conversationId
        ? wrapUp(phone, input.at)
        : phone;
    case "gone":
      return conversationOf(phone) === input.conversationId
        ? { phase: "idle", last: input.conversationId }
        : phone;
    case "muted":
      return phone.phase === "talking" ? { ...phone, muted: input.on } : phone;
    case "media":
      return phone.phase === "talking" && phone.media !== input.media
        ? { ...phone, media: input.media }
        : phone;
    case "saving":
      return phone.phase === "wrap_up" ? { ...phone, saving: input.on } : phone;
    case "reset":
      return idle;
    default:
      return input satisfies never;
  }
}

type Talking = Extract<Phone, { phase: "talking" }>;

function talking(phone: Phone, conversationId: string, change: (p: Talking) => Talking): Phone {
  return phone.phase === "talking" && phone.conversationId === conversationId ? change(phone) : phone;
}

function talk(offer: Offer, at: number): Talking {
  return {
    phase: "talking",
    conversationId: offer.conversationId,
    person: offer.person,
    queueId: offer.queueId,
    since: at,
    heldSince: undefined,
    muted: false,
    ending: false,
    media: "connecting",
  };
}

function wrapUp(phone: Talking, at: number): Phone {
  return {
    phase: "wrap_up",
    conversationId: phone.conversationId,
    person: phone.person,
    queueId: phone.queueId,
    since: at,
    until: undefined,
    extensionsUsed: 0,
    saving: false,
  };
}

const nobody: Person = { id: "", name: "", number: "", vip: false };

/** What the server says of this agent's work wins over what the page assumed. */
function applyWork(phone: Phone, w: Work): Phone {
  const same = conversationOf(phone) === w.conversationId;
  switch (w.state) {
    case "idle":
      return same && phone.phase !== "ringing" ? { phase: "idle", last: w.conversationId } : phone;
    case "reserved":
    case "alerting":
      return phone; // the offer itself arrives as its own message
    case "connected":
    case "consulting":
    case "on_hold": {
      const before: Talking =
        same && phone.phase === "talking"
          ? phone
          : same && phone.phase === "ringing"
            ? talk(phone.offer, w.since)
            : {
                phase: "talking",
                conversationId: w.conversationId,
                person: w.person ?? nobody,
                queueId: w.queueId,
                since: w.since,
                heldSince: undefined,
                muted: false,
                ending: false,
                media: "none",
              };
      return {
        ...before,
        person: w.person ?? before.person,
        queueId: w.queueId || before.queueId,
        heldSince: w.state === "on_hold" ? (before.heldSince ?? w.since) : undefined,
      };
    }
    case "wrap_up": {
      const known = same && (phone.phase === "talking" || phone.phase === "wrap_up") ? phone : undefined;
      const was = same && phone.phase === "wrap_up" ? phone : undefined;
      return {
        phase: "wrap_up",
        conversationId: w.conversationId,
        person: w.person ?? known?.person ?? nobody,
        queueId: w.queueId || known?.queueId || "",
        since: was?.since ?? w.since,
        until: w.until ?? was?.until,
        extensionsUsed: w.extensionsUsed ?? was?.extensionsUsed ?? 0,
        saving: was?.saving ?? false,
      };
    }
    default:
      return w.state satisfies never;
  }
}

/** The conversation that the phone is busy with, or undefined. */
export function conversationOf(phone: Phone): string | undefined {
  switch (phone.phase) {
    case "idle":
      return undefined;
    case "ringing":
      return phone.offer.conversationId;
    case "talking":
    case "wrap_up":
      return phone.conversationId;
    default:
      return phone satisfies never;
  }
}
