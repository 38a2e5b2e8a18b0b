import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TFunction } from "i18next";
import { describe, expect, it } from "vitest";
import en from "@/i18n/locales/en.json";
import { actionText, KINDS, kindText } from "./audit";

function text(key: string): string | undefined {
  const found = key.split(".").reduce<unknown>((t, k) => (t as Record<string, unknown> | undefined)?.[k], en);
  return typeof found === "string" ? found : undefined;
}
const t = ((key: string, holes?: { what: string }) =>
  text(key)?.replace("{{what}}", holes?.what ?? "") ?? key) as TFunction;
const exists = (key: string) => text(key) !== undefined;
const called = (action: string) => actionText(action, t, exists);

describe("an action of the audit", () => {
  it("is called by all of it", () => {
    expect(called("recording.release")).toBe("Ended the legal hold");
    expect(called("queue.update")).toBe("Changed");
    expect(called("wrapup-code.create")).toBe("Created");
  });
  it("is not called as another kind's action with the same verb", () => {
    expect(called("simulation.hold")).toBe("simulation.hold");
    expect(called("queue.release")).toBe("queue.release");
    expect(called("user")).toBe("user");
  });
  it("that was refused says so", () => {
    expect(called("conversation.take_over.refused")).toBe("Took over (refused)");
    expect(called("queue.pause.refused")).toBe("queue.pause.refused");
  });
  it("is about a kind", () => {
    expect(kindText("wrapup-code.create", t)).toBe("Wrap-up code");
    expect(kindText("moon.create", t)).toBe("");
  });
});

// The service's sources: each action that they name has a text and a kind.
function written(): string[] {
  const root = join(import.meta.dirname, "../../../../internal");
  const lines = ["httpapi", "journey", "app", "simulate"]
    .flatMap((dir) => readdirSync(join(root, dir)).map((name) => join(root, dir, name)))
    .filter((path) => path.endsWith(".go") && !path.endsWith("_test.go"))
    .flatMap((path) => readFileSync(path, "utf8").split("\n"))
    .filter((line) => /\bAction: |\baction\b.*=|s\.entry\(|putUser\(|saveUser\(|putFlow\(/.test(line));
  const kinds = KINDS.join("|");
  return lines.flatMap((line) =>
    [...line.matchAll(new RegExp(`"((?:${kinds})\\.[a-z_]+)"`, "g"))].map((m) => m[1] ?? ""),
  );
}

describe("actions that the service writes", () => {
  const actions = [...new Set(written())];
  it("are found", () => expect(actions).toEqual(expect.arrayContaining(["user.login", "recording.release"])));
  it.each(actions)("%s has a text", (action) => expect(called(action)).not.toBe(action));
});
