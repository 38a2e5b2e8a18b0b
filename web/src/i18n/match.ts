export const LANGUAGES = ["zh-CN", "en", "ja"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language that a BCP 47 tag means, or undefined. */
export function matchLanguage(tag: string | null | undefined): Language | undefined {
  if (!tag) return undefined;
  const primary = tag.toLowerCase().split("-")[0];
  return LANGUAGES.find((l) => l.toLowerCase() === tag.toLowerCase() || l.split("-")[0] === primary);
}
