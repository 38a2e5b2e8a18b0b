import { describe, expect, it } from "vitest";
import { ask, useQuestion } from "./confirm";

const end = { title: "End?", text: "At once.", action: "End" };

describe("a question", () => {
  it("is answered once", async () => {
    const asked = ask(end);
    expect(useQuestion.getState().question).toBe(end);
    useQuestion.getState().answer(true);
    useQuestion.getState().answer(false); // a second click
    expect(await asked).toBe(true);
    expect(useQuestion.getState().question).toBeUndefined();
  });
  it("is a no when another one comes", async () => {
    const first = ask(end);
    const second = ask({ ...end, title: "Other?" });
    expect(await first).toBe(false);
    useQuestion.getState().answer(true);
    expect(await second).toBe(true);
  });
});
