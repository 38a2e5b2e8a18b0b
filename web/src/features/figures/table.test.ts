import { describe, expect, it } from "vitest";
import type { FigureRow } from "@/api/types";
import { boundsOf, columnsOf, keyOf, seriesOf } from "./table";

const row = (id: string, from: string, offered: number, defined = true): FigureRow => ({
  id,
  from,
  to: from,
  figures: [
    { name: "offered", code: "OFFERED", unit: "count", value: offered, defined: true },
    { name: "service_level", code: "SL-STRICT", unit: "ratio", value: 0.8, defined },
  ],
});

describe("figures", () => {
  const rows = [
    row("a", "2026-11-23T00:00:00Z", 3),
    row("b", "2026-11-23T00:00:00Z", 4),
    row("a", "2026-11-22T00:00:00Z", 1, false),
  ];
  it("have one column per name and formula, in the server's order", () => {
    expect(columnsOf(rows).map(keyOf)).toEqual(["offered OFFERED", "service_level SL-STRICT"]);
  });
  it("are summed over queues in the order of time", () => {
    const s = seriesOf(rows, ["offered", "nothing"]);
    expect(s.times).toEqual([
      Date.parse("2026-11-22T00:00:00Z") / 1000,
      Date.parse("2026-11-23T00:00:00Z") / 1000,
    ]);
    expect(s.values).toEqual([
      [1, 7],
      [0, 0],
    ]);
  });
  it("span whole days of the calendar", () => {
    const now = new Date(2026, 10, 24, 15, 30);
    const own = { from: "2026-11-01", to: "2026-11-02" };
    expect(boundsOf("today", now, own)).toEqual({ from: new Date(2026, 10, 24), to: new Date(2026, 10, 25) });
    expect(boundsOf("7", now, own)?.from).toEqual(new Date(2026, 10, 18));
    expect(boundsOf("own", now, own)).toEqual({ from: new Date(2026, 10, 1), to: new Date(2026, 10, 3) });
    expect(boundsOf("own", now, { from: "2026-11-03", to: "2026-11-02" })).toBeUndefined();
    expect(boundsOf("own", now, { from: "", to: "" })).toBeUndefined();
  });
});
