import { describe, expect, it } from "vitest";
import { between, countersOf, grade } from "./quality";

describe("line quality", () => {
  it.each([
    ["a clean line", { lossPercent: 0, jitterMs: 3, roundTripMs: 20, mos: 4.4 }, "good"],
    ["some loss", { lossPercent: 2, jitterMs: 3, roundTripMs: 20, mos: undefined }, "fair"],
    ["much loss", { lossPercent: 8, jitterMs: 3, roundTripMs: 20, mos: undefined }, "poor"],
    ["a bad estimate of the server", { lossPercent: 0, jitterMs: 3, roundTripMs: 20, mos: 2.9 }, "poor"],
    ["an unknown estimate", { lossPercent: 0, jitterMs: 3, roundTripMs: undefined, mos: 0 }, "good"],
  ])("%s", (_name, figures, want) => {
    expect(grade(figures)).toBe(want);
  });

  it("is none without figures", () => expect(grade(undefined)).toBe("none"));

  it("measures the last interval, not the whole call", () => {
    const f = between(
      { received: 1000, lost: 100, jitterMs: 5, roundTripMs: 9 },
      { received: 1098, lost: 102, jitterMs: 6, roundTripMs: 9 },
      4.2,
    );
    expect(f.lossPercent).toBeCloseTo(2);
    expect(f.mos).toBe(4.2);
  });

  it("reads a stats report", () => {
    const report = new Map<string, unknown>([
      ["a", { type: "inbound-rtp", kind: "audio", packetsReceived: 500, packetsLost: 3, jitter: 0.004 }],
      ["b", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.012 }],
    ]) as unknown as RTCStatsReport;
    expect(countersOf(report)).toEqual({ received: 500, lost: 3, jitterMs: 4, roundTripMs: 12 });
    expect(countersOf(new Map() as unknown as RTCStatsReport)).toBeUndefined();
  });
});
