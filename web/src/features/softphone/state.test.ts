import { describe, expect, it } from "vitest";
import {
  conversationOf,
  idle,
  type Offer,
  type Phone,
  type PhoneInput,
  reducePhone,
  type Work,
} from "./state";

const offer: Offer = {
  offerId: "of_1",
  conversationId: "cv_1",
  person: { id: "cu_1", name: "Lin Wei", number: "+8613800138000", vip: false },
  queueId: "qu_sales",
  queueName: "Sales",
  language: "zh-CN",
  flowPath: ["menu › 1"],
  note: "",
  askedBy: "",
  waitedMs: 4000,
  expiresAt: 20_000,
  startedAt: 0,
};

const work = (state: Work["state"], more: Partial<Work> = {}): Work => ({
  conversationId: "cv_1",
  state,
  since: 5000,
  until: undefined,
  extensionsUsed: undefined,
  person: undefined,
  queueId: "qu_sales",
  ...more,
});

const run = (...inputs: PhoneInput[]): Phone => inputs.reduce(reducePhone, idle);
const ringing: PhoneInput = { kind: "offer", offer };
const accepted: PhoneInput = { kind: "accepted", offerId: "of_1", at: 1000 };

describe("softphone", () => {
  it("rings, is answered, held, resumed, wrapped up and free again", () => {
    let p = run(ringing);
    expect(p.phase).toBe("ringing");
    p = reducePhone(p, { kind: "answering", offerId: "of_1" });
    expect(p).toMatchObject({ answering: true });
    p = reducePhone(p, accepted);
    expect(p).toMatchObject({ phase: "talking", since: 1000, media: "connecting" });
    p = reducePhone(p, { kind: "held", conversationId: "cv_1", at: 2000 });
    expect(p).toMatchObject({ heldSince: 2000 });
    p = reducePhone(p, { kind: "resumed", conversationId: "cv_1" });
    expect(p).toMatchObject({ heldSince: undefined });
    p = reducePhone(p, { kind: "work", work: work("wrap_up", { until: 40_000, extensionsUsed: 1 }) });
    expect(p).toMatchObject({ phase: "wrap_up", until: 40_000, extensionsUsed: 1, person: offer.person });
    p = reducePhone(p, { kind: "work", work: work("idle") });
    expect(p).toEqual({ phase: "idle", last: "cv_1" });
  });

  it("keeps answering when the same offer is repeated after a reconnect", () => {
    const p = run(
      ringing,
      { kind: "answering", offerId: "of_1" },
      { kind: "offer", offer: { ...offer, startedAt: 9 } },
    );
    expect(p).toMatchObject({ phase: "ringing", answering: true, offer: { startedAt: 0 } });
  });

  it("never lets an offer interrupt a call", () => {
    const p = run(ringing, accepted, {
      kind: "offer",
      offer: { ...offer, offerId: "of_2", conversationId: "cv_2" },
    });
    expect(conversationOf(p)).toBe("cv_1");
  });

  it("ignores the end of another offer and acts on its own", () => {
    expect(run(ringing, { kind: "offer_ended", offerId: "of_9" }).phase).toBe("ringing");
    expect(run(ringing, { kind: "offer_ended", offerId: "of_1" })).toEqual({ phase: "idle", last: "cv_1" });
  });

  it("comes back into a call after a reload from the server's word alone", () => {
    const p = run({ kind: "work", work: work("on_hold", { since: 7000 }) });
    expect(p).toMatchObject({ phase: "talking", conversationId: "cv_1", heldSince: 7000, media: "none" });
  });

  it("keeps mute and sound when the server repeats that it is connected", () => {
    const p = run(
      ringing,
      accepted,
      { kind: "media", media: "live" },
      { kind: "muted", on: true },
      { kind: "work", work: work("connected") },
    );
    expect(p).toMatchObject({ muted: true, media: "live", since: 1000 });
  });

  it("does not take events of other conversations for its own", () => {
    const p = run(
      ringing,
      accepted,
      { kind: "held", conversationId: "cv_2", at: 1 },
      { kind: "gone", conversationId: "cv_2" },
    );
    expect(p).toMatchObject({ phase: "talking", heldSince: undefined });
  });

  it("returns the same state for what changes nothing", () => {
    const p = run(ringing, accepted);
    expect(reducePhone(p, { kind: "media", media: "connecting" })).toBe(p);
    expect(reducePhone(p, { kind: "saving", on: true })).toBe(p);
    expect(reducePhone(idle, { kind: "muted", on: true })).toBe(idle);
  });
});
