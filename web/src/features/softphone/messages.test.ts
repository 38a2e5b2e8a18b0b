import { describe, expect, it } from "vitest";
import { readOffer, readWork, readWorks } from "./messages";

describe("messages of the desk", () => {
  it("reads an offer as the server sends it", () => {
    const o = readOffer(
      {
        offer_id: "of_1",
        conversation_id: "cv_1",
        caller: "+815012345678",
        customer_id: "cu_1",
        queue_id: "qu_sales",
        queue: "Sales",
        language: "ja",
        flow_path: ["menu › 1", 7],
        waited_ms: 3200,
        expires_at: "2026-11-24T00:00:20Z",
      },
      Date.parse("2026-11-24T00:00:00Z"),
    );
    expect(o).toMatchObject({
      offerId: "of_1",
      person: { id: "cu_1", number: "+815012345678", name: "" },
      queueId: "qu_sales",
      queueName: "Sales",
      flowPath: ["menu › 1"],
      waitedMs: 3200,
    });
    expect(o?.expiresAt).toBe(Date.parse("2026-11-24T00:00:20Z"));
  });

  it.each([undefined, null, 7, "text", {}, { offer_id: "of_1" }, { conversation_id: "cv_1" }])(
    "takes %j for no offer",
    (data) => {
      expect(readOffer(data, 0)).toBeUndefined();
    },
  );

  it("reads work; a zero time is none", () => {
    const w = readWork(
      {
        conversation_id: "cv_1",
        queue_id: "qu_1",
        state: "wrap_up",
        since: "2026-11-24T00:00:00Z",
        connected_at: "2026-11-23T23:55:00Z",
        wrap_up_until: "0001-01-01T00:00:00Z",
        extensions: 1,
      },
      0,
    );
    expect(w).toMatchObject({
      state: "wrap_up",
      until: undefined,
      extensionsUsed: 1,
      queueId: "qu_1",
      since: Date.parse("2026-11-24T00:00:00Z"),
    });
  });

  it("counts a call from its connection, not from its last change", () => {
    const w = readWork(
      {
        conversation_id: "cv_1",
        state: "connected",
        since: "2026-11-24T00:05:00Z",
        connected_at: "2026-11-24T00:00:00Z",
      },
      0,
    );
    expect(w?.since).toBe(Date.parse("2026-11-24T00:00:00Z"));
  });

  it("reads one item, a list, and nothing", () => {
    const item = { conversation_id: "cv_1", state: "idle" };
    expect(readWorks(item, 0)).toHaveLength(1);
    expect(readWorks([item, item, { state: "dancing", conversation_id: "x" }], 0)).toHaveLength(2);
    expect(readWorks(null, 0)).toEqual([]);
  });
});
