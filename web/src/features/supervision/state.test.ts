import { describe, expect, it } from "vitest";
import { type Ear, off, readMonitor, readSupervised, reduceEar } from "./state";

const begun = reduceEar(off, { kind: "begin", conversationId: "cv_1", mode: "monitor", at: 5 });

describe("supervision", () => {
  it("is live once the server says so, and follows its mode", () => {
    const m = readMonitor({ conversation_id: "cv_1", mode: "whisper", since: "2026-01-01T00:00:00Z" });
    expect(m).toBeDefined();
    const live = m ? reduceEar(begun, m) : off;
    expect(live).toMatchObject({
      phase: "on",
      media: "live",
      mode: "whisper",
      since: Date.parse("2026-01-01T00:00:00Z"),
    });
  });

  it("ignores what concerns another call", () => {
    expect(
      reduceEar(begun, { kind: "monitor", conversationId: "cv_2", mode: "barge", since: undefined }),
    ).toBe(begun);
    expect(reduceEar(begun, { kind: "end", conversationId: "cv_2" })).toBe(begun);
    expect(reduceEar(begun, { kind: "end", conversationId: "cv_1" })).toEqual<Ear>(off);
  });

  it("does not turn on by itself", () => {
    for (const input of [
      { kind: "microphone", on: false },
      { kind: "taking", on: true },
      { kind: "monitor", conversationId: "cv_1", mode: "barge", since: 1 },
    ] as const)
      expect(reduceEar(off, input)).toBe(off);
  });

  it("reads messages, and refuses what makes no sense", () => {
    expect(
      readSupervised({ conversation_id: "cv_1", by: [{ name: "Ann", mode: "barge" }, { name: "Bob" }] }),
    ).toEqual({ conversationId: "cv_1", by: [{ name: "Ann", mode: "barge" }] });
    expect(readSupervised({ by: [] })).toBeUndefined();
    expect(readSupervised(undefined)).toBeUndefined();
    expect(readMonitor({ conversation_id: "cv_1", mode: "shout" })).toBeUndefined();
  });
});
