import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import "uplot/dist/uPlot.min.css";
import type { FigureRow } from "@/api/types";
import { currentLanguage } from "@/i18n";
import { Card } from "@/ui";
import { seriesOf } from "./table";

const NAMES = ["offered", "answered", "abandoned"];
const HOURS = [1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800]; // seconds between marks
const DAYS = [86_400, 172_800, 604_800, 1_209_600, 2_592_000];
const COLORS = ["--ink-3", "--ok", "--bad"];

/** Offered, answered and abandoned over time; the table below has the same numbers. */
export function FigureChart({ rows, byTime }: { rows: FigureRow[]; byTime: boolean }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    let stop: (() => void) | undefined;
    let gone = false;
    const { times, values } = seriesOf(rows, NAMES);
    void import("uplot").then(({ default: UPlot }) => {
      if (gone) return;
      const css = getComputedStyle(el);
      const label = new Intl.DateTimeFormat(
        currentLanguage(),
        byTime
          ? { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false }
          : { month: "numeric", day: "numeric" },
      );
      const color = (name: string) => css.getPropertyValue(name).trim();
      const axis = {
        stroke: color("--ink-3"),
        grid: { stroke: color("--line"), width: 1 },
        ticks: { show: false },
        font: "11px sans-serif",
      };
      const plot = new UPlot(
        {
          width: el.clientWidth,
          height: 170,
          legend: { show: false },
          cursor: { show: false },
          axes: [
            {
              ...axis,
              size: 30,
              space: byTime ? 70 : 56,
              incrs: byTime ? HOURS : DAYS,
              values: (_u, at) => at.map((t) => label.format(t * 1000)),
            },
            { ...axis, size: 38 },
          ],
          scales: { y: { range: (_u, _min, max) => [0, Math.max(4, max * 1.08)] } },
          series: [
            {},
            ...NAMES.map((_, i) => ({
              stroke: color(COLORS[i] ?? "--ink"),
              width: 2,
              points: { show: times.length < 60, size: 5 },
            })),
          ],
        },
        [times, ...values],
        el,
      );
      const observer = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height: 170 }));
      observer.observe(el);
      stop = () => {
        observer.disconnect();
        plot.destroy();
      };
    });
    return () => {
      gone = true;
      stop?.();
    };
  }, [rows, byTime]);
  return (
    <Card
      title={t("figures.chart")}
      aside={
        <span className="chart-key" aria-hidden="true">
          {NAMES.map((n, i) => (
            <span key={n}>
              <i style={{ background: `var(${COLORS[i]})` }} />
              {t(`figure.${n}`)}
            </span>
          ))}
        </span>
      }
    >
      <div ref={box} aria-hidden="true" style={{ height: 170 }} />
    </Card>
  );
}
