import { describe, expect, it } from "vitest";
import { isTyped, wordToType } from "./confirm";

describe("what is typed before an erasure", () => {
  it.each([
    ["the name", { id: "cu_1", name: " 王小明 " }, [{ value: "+8613912345678" }], "王小明"],
    [
      "the number of who has no name",
      { id: "cu_1", name: "" },
      [{ value: "+8613912345678" }],
      "+8613912345678",
    ],
    ["the identifier of who has neither", { id: "cu_1", name: "" }, [], "cu_1"],
  ])("is %s", (_, customer, identities, word) => {
    expect(wordToType(customer, identities)).toBe(word);
  });

  it.each([
    ["佐藤 花子", "佐藤　花子", true], // the wide space of a Japanese keyboard
    ["ＡＢＣ", "ABC", true],
    [" Ann  Lee ", "Ann Lee", true],
    ["ann lee", "Ann Lee", false],
    ["", "", false],
    ["Ann", "Ann Lee", false],
  ])("%j for %j: %j", (typed, word, ok) => {
    expect(isTyped(typed, word)).toBe(ok);
  });
});
