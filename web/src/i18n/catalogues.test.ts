import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "./locales/en.json";
import ja from "./locales/ja.json";
import zh from "./locales/zh-CN.json";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [k, v] of Object.entries(tree)) {
    if (typeof v === "string") out.set(prefix + k, v);
    else for (const [kk, vv] of flat(v, `${prefix}${k}.`)) out.set(kk, vv);
  }
  return out;
}

const catalogues = { en: flat(en), "zh-CN": flat(zh), ja: flat(ja) };
const keys = [...catalogues.en.keys()];
const holes = (text: string) => (text.match(/\{\{\w+\}\}/g) ?? []).sort();

function sources(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) && !name.endsWith(".test.ts") ? [path] : [];
  });
}

const texts = sources(join(import.meta.dirname, "..")).map((path) => ({
  path,
  text: readFileSync(path, "utf8"),
}));

describe("catalogues", () => {
  it.each(["zh-CN", "ja"] as const)("%s has the keys of en, no more and no fewer", (language) => {
    expect([...catalogues[language].keys()].sort()).toEqual(keys.toSorted());
  });

  it.each(["zh-CN", "ja"] as const)("%s fills the same holes as en", (language) => {
    const different = keys.filter(
      (k) => holes(catalogues[language].get(k) ?? "").join() !== holes(catalogues.en.get(k) ?? "").join(),
    );
    expect(different).toEqual([]);
  });

  it("has no empty text", () => {
    for (const c of Object.values(catalogues)) expect([...c].filter(([, v]) => v.trim() === "")).toEqual([]);
  });

  it("has every key that the sources name in full", () => {
    const missing = texts.flatMap(({ path, text }) =>
      [...text.matchAll(/\bt\(\s*(?:[\w.!?()=> ]+\?\s*)?"([\w.-]+)"(?:\s*:\s*"([\w.-]+)")?/g)]
        .flatMap((m) => [m[1], m[2]])
        .filter((k): k is string => k !== undefined && !catalogues.en.has(k))
        .map((k) => `${path}: ${k}`),
    );
    expect(missing).toEqual([]);
  });

  it("has at least one key below every prefix that the sources complete", () => {
    const missing = texts.flatMap(({ path, text }) =>
      [...text.matchAll(/\bt\(`([\w.-]+)\$\{/g)]
        .map((m) => m[1] ?? "")
        .filter((prefix) => !keys.some((k) => k.startsWith(prefix)))
        .map((p) => `${path}: ${p}`),
    );
    expect(missing).toEqual([]);
  });

  it("has no key that nothing uses", () => {
    const all = texts.map((x) => x.text).join("\n");
    const quoted = new Set(all.match(/"[\w.-]+"/g));
    const prefixes = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map((m) => m[1] ?? "");
    const groups = [
      ...all.matchAll(/group: "([\w-]+)"|(?:word|group)\("([\w.]+)"|\["([\w.]+)", "([\w.]+)", "([\w.]+)"\]/g),
    ]
      .flatMap((m) => m.slice(1))
      .filter(Boolean);
    const unused = keys.filter(
      (k) =>
        !quoted.has(`"${k}"`) &&
        !prefixes.some((p) => k.startsWith(p)) &&
        !groups.some((g) => k.startsWith(`${g}.`)),
    );
    expect(unused).toEqual([]);
  });
});
