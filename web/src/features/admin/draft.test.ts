import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepDraft, keptDraft } from "./draft";

let kept: Map<string, string>;
beforeEach(() => {
  kept = new Map();
  vi.stubGlobal("sessionStorage", {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
    removeItem: (k: string) => void kept.delete(k),
  });
});
afterEach(() => vi.unstubAllGlobals());

describe("a flow's unsaved text", () => {
  it("is one person's of one flow, until it is saved", () => {
    keepDraft("us_1", "fl_1", { text: "name: x", version: 3 });
    expect(keptDraft("us_1", "fl_1")).toEqual({ text: "name: x", version: 3 });
    expect(keptDraft("us_2", "fl_1")).toBeUndefined();
    expect(keptDraft("us_1", "fl_2")).toBeUndefined();
    keepDraft("us_1", "fl_1", undefined);
    expect(kept.size).toBe(0);
  });
  it("is not read from what is none", () => {
    for (const text of ["{", "null", "7", '{"text":1,"version":2}']) {
      kept.set("hotline.flow.us_1.fl_1", text);
      expect(keptDraft("us_1", "fl_1")).toBeUndefined();
    }
  });
});
