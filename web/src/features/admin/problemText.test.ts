import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FlowProblem } from "@/api/types";
import en from "@/i18n/locales/en.json";
import ja from "@/i18n/locales/ja.json";
import zh from "@/i18n/locales/zh-CN.json";
import { problemText } from "./problemText";

const catalogues: Record<string, Record<string, string>> = {
  en: en.flow_problem,
  "zh-CN": zh.flow_problem,
  ja: ja.flow_problem,
};

/** The codes that the checker of flows uses, each with the names of its parameters. */
function codes(): Map<string, Set<string>> {
  const dir = join(import.meta.dirname, "../../../../ivr");
  const out = new Map<string, Set<string>>();
  for (const file of readdirSync(dir).filter((f) => f.endsWith(".go") && !f.endsWith("_test.go")))
    for (const line of readFileSync(join(dir, file), "utf8").split("\n")) {
      if (line.trimStart().startsWith("//")) continue;
      for (const [, code, rest] of line.matchAll(/\bsay\("([a-z_]+)"(.*)/g)) {
        const names = out.get(code ?? "") ?? new Set<string>();
        for (const [, name] of (rest ?? "").matchAll(/, "(\w+)", /g)) names.add(name ?? "");
        if (rest?.includes(".bounds(")) names.add("low").add("high");
        out.set(code ?? "", names);
      }
    }
  for (const rule of ["no_identifier", "no_language_tag", "no_sound"])
    out.set(rule, (out.get(rule) ?? new Set<string>()).add("found").add("name"));
  return out;
}

describe("problems of flows", () => {
  const known = codes();
  it("are found in the checker", () => expect(known.size).toBeGreaterThan(50));

  it.each(["en", "zh-CN", "ja"])("all have a wording in %s, and no wording is left over", (language) => {
    expect(Object.keys(catalogues[language] ?? {}).sort()).toEqual([...known.keys()].sort());
  });

  it.each(["en", "zh-CN", "ja"])("name in %s only what the server gives", (language) => {
    const wrong = Object.entries(catalogues[language] ?? {}).flatMap(([code, text]) =>
      [...text.matchAll(/\{\{(\w+)\}\}/g)]
        .filter(([, hole]) => !known.get(code)?.has(hole ?? ""))
        .map(([hole]) => `${code}: ${hole}`),
    );
    expect(wrong).toEqual([]);
  });

  const t = (key: string, holes: Record<string, string> = {}) => `${key} ${JSON.stringify(holes)}`;
  const problem = (more: Partial<FlowProblem>): FlowProblem => ({
    severity: "error",
    line: 1,
    column: 1,
    path: "",
    message: "in English",
    allowed: ["a"],
    code: "not_allowed",
    ...more,
  });

  it("say what was found and what was meant", () => {
    expect(problemText(problem({ params: { found: '"sai"', meant: "say" } }), t, () => true)).toEqual({
      text: 'flow_problem.not_allowed {"found":"\\"sai\\"","meant":"say"}flow.meant {"word":"say"}',
      allowed: ["a"],
    });
    expect(
      problemText(problem({ code: "want_map", params: { shape: "list" } }), t, () => true).text,
    ).toContain("flow_shape.list");
  });
  it("stay English where the page does not know them", () => {
    expect(problemText(problem({ code: "brand_new" }), t, () => false).text).toBe("in English");
  });
  it("do not repeat in English what the wording tells", () => {
    expect(problemText(problem({ code: "duration" }), t, () => true).allowed).toEqual([]);
  });
});
