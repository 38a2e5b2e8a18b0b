/** Up to two letters for Latin names, one character for Chinese and Japanese ones. */
export function initials(name: string): string {
  const clean = name.trim();
  if (!clean) return "?";
  if (/^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(clean)) return [...clean][0] ?? "?";
  if (/^[+\d]/.test(clean)) return "#";
  const words = clean.split(/\s+/);
  return words
    .slice(0, 2)
    .map((w) => [...w][0]?.toUpperCase() ?? "")
    .join("");
}
