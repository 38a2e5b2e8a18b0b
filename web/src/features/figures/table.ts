// The shape of the figures' table. No React here.
import type { Figure, FigureRow } from "@/api/types";

/** The figures that occur, in the order in which the server gives them. */
export function columnsOf(rows: Pick<FigureRow, "figures">[]): Figure[] {
  const seen = new Map<string, Figure>();
  for (const row of rows) for (const f of row.figures) if (!seen.has(keyOf(f))) seen.set(keyOf(f), f);
  return [...seen.values()];
}

/** Figures of one name may stand side by side under several formulas. */
export function keyOf(f: Figure): string {
  return `${f.name} ${f.code}`;
}

/** One series per figure name over time, summed over queues or agents. */
export function seriesOf(rows: FigureRow[], names: string[]): { times: number[]; values: number[][] } {
  const at = new Map<number, number[]>();
  for (const row of rows) {
    const t = Date.parse(row.from) / 1000;
    const sums = at.get(t) ?? names.map(() => 0);
    names.forEach((name, i) => {
      const f = row.figures.find((x) => x.name === name && x.defined);
      sums[i] = (sums[i] ?? 0) + (f?.value ?? 0);
    });
    at.set(t, sums);
  }
  const times = [...at.keys()].sort((a, b) => a - b);
  return { times, values: names.map((_, i) => times.map((t) => at.get(t)?.[i] ?? 0)) };
}

export type Span = "today" | "yesterday" | "7" | "30" | "own";

/** The bounds of a span in this browser's calendar, the end exclusive. */
export function boundsOf(
  span: Span,
  now: Date,
  own: { from: string; to: string },
): { from: Date; to: Date } | undefined {
  const midnight = (plus: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + plus);
  switch (span) {
    case "today":
      return { from: midnight(0), to: midnight(1) };
    case "yesterday":
      return { from: midnight(-1), to: midnight(0) };
    case "7":
      return { from: midnight(-6), to: midnight(1) };
    case "30":
      return { from: midnight(-29), to: midnight(1) };
    case "own": {
      const date = (s: string, plus: number) => {
        const [y, m, d] = s.split("-").map(Number);
        return y && m && d ? new Date(y, m - 1, d + plus) : undefined;
      };
      const from = date(own.from, 0);
      const to = date(own.to, 1);
      return from && to && from < to ? { from, to } : undefined;
    }
    default:
      return span satisfies never;
  }
}
