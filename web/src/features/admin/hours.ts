// Opening hours as people write them: "09:00-12:00, 13:00-18:00". No React here.

export interface Stretch {
  from: string;
  to: string;
}

export function writeHours(hours: Stretch[]): string {
  return hours.map((h) => `${h.from}-${h.to}`).join(", ");
}

/**
 * Reads stretches; undefined when the text is not a list of them in order. The
 * last one may end on the next day: 20:00-02:00.
 */
export function readHours(text: string): Stretch[] | undefined {
  const clean = text.replaceAll("：", ":").trim();
  if (clean === "") return [];
  const out: Stretch[] = [];
  for (const part of clean.split(/[,;，、]/)) {
    const m = /^(\d{1,2}):(\d{2})\s*[-–~～〜至]\s*(\d{1,2}):(\d{2})$/.exec(part.trim());
    if (!m) return undefined;
    const from = pad(m[1], m[2]);
    const to = pad(m[3], m[4]);
    const before = out.at(-1);
    if (!from || !to || from === "24:00") return undefined;
    if (before && (before.to <= before.from || from < before.to)) return undefined;
    out.push({ from, to });
  }
  return out;
}

function pad(h: string | undefined, m: string | undefined): string | undefined {
  const hours = Number(h);
  const minutes = Number(m);
  if (hours > 24 || minutes > 59 || (hours === 24 && minutes > 0)) return undefined;
  return `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}
