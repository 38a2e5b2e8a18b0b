import { QueryClient } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { Staleness, staleKeys } from "./cache";
import { type Envelope, parseEnvelope } from "./protocol";
import { initialLive, type LiveInput, type LiveState, reduceLive, retryDelay } from "./state";

const message = (m: Envelope): LiveInput => ({ kind: "message", message: m });
const run = (...inputs: LiveInput[]): LiveState =>
  inputs.reduce((s, i) => reduceLive(s, i).state, initialLive);

describe("live link", () => {
  it("moves on with events and heads, and never back", () => {
    const s = run(
      { kind: "opened" },
      message({ type: "head", seq: 10 }),
      message({ type: "x", seq: 12 }),
      message({ type: "head", seq: 11 }),
    );
    expect(s.seq).toBe(12);
  });

  it("gives an event once", () => {
    const s = run({ kind: "opened" }, message({ type: "head", seq: 10 }));
    const first = reduceLive(
      s,
      message({ type: "queue.entered", seq: 11, data: { id: "ev_1", conversation_id: "cv_1", ts: "t" } }),
    );
    expect(first.event).toMatchObject({ seq: 11, type: "queue.entered", conversation_id: "cv_1" });
    expect(reduceLive(first.state, message({ type: "queue.entered", seq: 11 })).event).toBeUndefined();
  });

  it("takes a gap for a filter: the head says how far it is", () => {
    const s = run({ kind: "opened" }, message({ type: "a", seq: 3 }));
    expect(reduceLive(s, message({ type: "b", seq: 9 })).event?.seq).toBe(9);
  });

  it("passes messages without a seq by", () => {
    const step = reduceLive(run({ kind: "opened" }), message({ type: "offer", data: {} }));
    expect(step.event).toBeUndefined();
    expect(step.state.seq).toBeUndefined();
  });

  it("refetches after a reset and goes on from the head", () => {
    const step = reduceLive(
      run({ kind: "opened" }, message({ type: "a", seq: 3 })),
      message({ type: "reset", seq: 50_000 }),
    );
    expect(step).toMatchObject({ refetch: true, state: { seq: 50_000 } });
  });

  it("is connecting until it was open once, lost afterwards", () => {
    expect(run({ kind: "connecting" }, { kind: "closed", at: 1 }).status).toBe("connecting");
    const lost = run(
      { kind: "opened" },
      { kind: "closed", at: 5 },
      { kind: "connecting" },
      { kind: "closed", at: 9 },
    );
    expect(lost).toMatchObject({ status: "lost", lostAt: 5 });
    expect(reduceLive(lost, { kind: "opened" }).state).toMatchObject({
      status: "open",
      lostAt: undefined,
      attempts: 0,
    });
  });

  it("waits longer and longer, at most 6.25 s", () => {
    expect(retryDelay(1, () => 0.5)).toBe(300);
    expect(retryDelay(3, () => 0.5)).toBe(1200);
    expect(retryDelay(30, () => 1)).toBe(6250);
  });
});

describe("frames", () => {
  it.each(["", "7", "null", "[]", '{"type":3}', "{", '{"seq":1}'])("takes %j for none", (text) => {
    expect(parseEnvelope(text)).toBeUndefined();
  });
  it("reads one", () =>
    expect(parseEnvelope('{"type":"head","seq":4}')).toMatchObject({ type: "head", seq: 4 }));
});

describe("stale answers", () => {
  const keys = (type: string, more = {}) =>
    staleKeys({ seq: 1, id: "e", type, ts: "", ...more }).map((k) => k.join("/"));
  it("follow the event", () => {
    expect(keys("conversation.connected", { conversation_id: "cv_1" })).toEqual([
      "conversation/cv_1",
      "conversations",
      "wallboard",
    ]);
    expect(keys("agent.presence_changed", { agent_id: "ag_1" })).toEqual(["wallboard"]);
    expect(keys("segment.started", { conversation_id: "cv_1" })).toEqual(["conversation/cv_1"]);
    expect(keys("audit.added")).toEqual([]);
    expect(keys("customer.erased", { data: { customer_id: "cu_1" } })).toEqual(["erasures"]);
  });
  it("of a customer whose data were erased are not shown once more", () => {
    const client = new QueryClient();
    const at = (key: string[], data: unknown) => client.setQueryData(key, data);
    at(["customer", "cu_1"], { customer: { id: "cu_1", name: "Ann" } });
    at(["customer", "cu_1", "erasure"], { customer: { id: "cu_1" } });
    at(["customers", "ann"], { pages: [{ items: [{ id: "cu_2" }, { id: "cu_1" }] }] });
    at(["conversation", "cv_1"], { conversation: { id: "cv_1", customer_id: "cu_1" } });
    at(["conversation", "cv_2"], { conversation: { id: "cv_2", customer_id: "cu_12" } });
    at(["customers", "bob"], { pages: [{ items: [{ id: "cu_2" }] }] });
    at(["erasures"], { items: [{ customer_id: "cu_1" }] });
    new Staleness(client).event({
      seq: 1,
      id: "e",
      type: "customer.erased",
      ts: "",
      data: { customer_id: "cu_1" },
    });
    const left = client.getQueryCache().getAll();
    expect(left.filter((q) => q.state.data !== undefined).map((q) => q.queryKey.join("/"))).toEqual([
      "conversation/cv_2",
      "customers/bob",
      "erasures",
    ]);
  });
});
