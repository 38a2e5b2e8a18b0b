import { describe, expect, it } from "vitest";
import { ApiError, codeOf, fieldFaults } from "@/api/problem";
import { safePath } from "@/features/login/path";
import { clock, hasTime } from "@/i18n/format";
import { matchLanguage } from "@/i18n/match";
import { initials } from "./initials";

describe("initials", () => {
  it.each([
    ["Lin Wei", "LW"],
    ["林薇", "林"],
    ["さくら", "さ"],
    ["+8613800138000", "#"],
    ["", "?"],
    ["prado", "P"],
  ])("of %j are %j", (name, want) => expect(initials(name)).toBe(want));
});

describe("problems", () => {
  it("have the code of their type, else of their status", () => {
    expect(codeOf("urn:hotline:problem:in-use", 409)).toBe("in-use");
    expect(codeOf(undefined, 503)).toBe("unavailable");
    expect(codeOf("about:blank", 418)).toBe("malformed");
    expect(codeOf(undefined, 0)).toBe("unreachable");
    expect(codeOf(undefined, 502)).toBe("internal");
  });
  it("name fields with dots", () => {
    const err = new ApiError(422, {
      errors: [
        { pointer: "#/skills/0", code: "invalid" },
        { parameter: "from", code: "type" },
      ],
    });
    expect(Object.keys(fieldFaults(err))).toEqual(["skills.0", "from"]);
    expect(fieldFaults(new Error("x"))).toEqual({});
  });
});

describe("texts", () => {
  it("write durations as clocks", () => {
    expect([clock(0), clock(252), clock(3661), clock(-5)]).toEqual(["00:00", "04:12", "1:01:01", "00:00"]);
  });
  it("take Go's zero time for none", () => {
    expect([
      hasTime("0001-01-01T00:00:00Z"),
      hasTime(""),
      hasTime(undefined),
      hasTime("2026-11-24T00:00:00Z"),
    ]).toEqual([false, false, false, true]);
  });
  it("match languages by their beginning", () => {
    expect([
      matchLanguage("zh"),
      matchLanguage("zh-Hans-CN"),
      matchLanguage("ja-JP"),
      matchLanguage("en-GB"),
      matchLanguage("fr"),
      matchLanguage(null),
    ]).toEqual(["zh-CN", "zh-CN", "ja", "en", undefined, undefined]);
  });
});

describe("after the log-in", () => {
  it.each([
    ["/calls?q=1", "/calls?q=1"],
    ["//evil.example", "/inbox"],
    ["https://evil.example", "/inbox"],
    ["/\\evil", "/inbox"],
    [null, "/inbox"],
  ])("%j leads to %j", (to, want) => expect(safePath(to)).toBe(want));
});
