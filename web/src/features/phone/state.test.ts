import { describe, expect, it } from "vitest";
import { dialable, reduceTest, type TestCall, type TestInput } from "./state";

const run = (...inputs: TestInput[]): TestCall => inputs.reduce(reduceTest, { phase: "idle" } as TestCall);

describe("test phone", () => {
  it("dials, rings, talks, types and ends", () => {
    const talk = run(
      { kind: "dial", number: "9000", at: 0 },
      { kind: "ringing" },
      { kind: "answered", at: 1000 },
      { kind: "key", key: "1" },
    );
    expect(talk).toEqual({ phase: "talking", number: "9000", since: 1000, keys: "1" });
    expect(reduceTest(talk, { kind: "ended", reason: "agent_disconnect", at: 61_400 })).toEqual({
      phase: "idle",
      ended: { reason: "agent_disconnect", seconds: 60 },
    });
  });
  it("keeps the first end and the reason of a failure", () => {
    const ended = run({ kind: "dial", number: "9000", at: 0 }, { kind: "ended", reason: "a", at: 5 });
    expect(reduceTest(ended, { kind: "ended", reason: "b", at: 6 })).toBe(ended);
    expect(
      run(
        { kind: "dial", number: "1", at: 0 },
        { kind: "failed", code: "not-found" },
        { kind: "ended", reason: "x", at: 1 },
      ),
    ).toEqual({ phase: "failed", code: "not-found" });
  });
  it.each([
    ["9000", "9000"],
    ["+86 (138) 0013-8000", "+8613800138000"],
    ["*0#", "*0#"],
    ["sales", "sales"],
    ["", undefined],
    ["9000;phone", undefined],
    ["1".repeat(40), undefined],
  ])("%j is dialled as %j", (text, want) => expect(dialable(text)).toBe(want));
});
