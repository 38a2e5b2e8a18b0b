import { useEffect, useRef } from "react";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const KEEP = 240;

/** How many wait, since this page was opened. Drawn by uPlot, which is cheap to update. */
export function WaitingChart({ waiting, stamp }: { waiting: number; stamp: number }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = useRef<[number[], number[]]>([[], []]);

  useEffect(() => {
    const el = box.current;
    if (!el) return;
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("uplot").then(({ default: UPlot }) => {
      if (gone) return;
      const css = getComputedStyle(el);
      const accent = css.getPropertyValue("--accent").trim();
      plot.current = new UPlot(
        {
          width: el.clientWidth,
          height: 64,
          padding: [4, 0, 0, 0],
          cursor: { show: false },
          legend: { show: false },
          axes: [{ show: false }, { show: false }],
          scales: { y: { range: (_u, _min, max) => [0, Math.max(4, max)] } },
          series: [
            {},
            {
              stroke: accent,
              width: 2,
              fill: css.getPropertyValue("--accent-soft").trim(),
              points: { show: false },
            },
          ],
        },
        data.current,
        el,
      );
      observer = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height: 64 }));
      observer.observe(el);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);

  useEffect(() => {
    const [x, y] = data.current;
    x.push(stamp / 1000);
    y.push(waiting);
    if (x.length > KEEP) {
      x.shift();
      y.shift();
    }
    plot.current?.setData(data.current);
  }, [waiting, stamp]);

  return <div ref={box} aria-hidden="true" style={{ height: 64 }} />;
}
