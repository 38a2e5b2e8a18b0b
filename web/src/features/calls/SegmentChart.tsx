import { useTranslation } from "react-i18next";
import type { Detail } from "@/api/types";
import { clock, millis } from "@/i18n/format";

const ROWS: [string, string[]][] = [
  ["flow", ["flow", "bot"]],
  ["queue", ["queue"]],
  ["offer", ["offer"]],
  ["agent", ["agent", "consult", "monitor"]],
  ["hold", ["hold"]],
  ["wrap_up", ["wrap_up"]],
];

/** The call over time: one lane per kind of stay. A picture of the table below it. */
export function SegmentChart({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const times = detail.segments
    .flatMap((s) => [millis(s.started_at), millis(s.ended_at)])
    .filter((x): x is number => x !== undefined);
  if (times.length < 2) return null;
  const from = Math.min(...times);
  const span = Math.max(1000, Math.max(...times) - from);
  const lanes = ROWS.map(([name, kinds]) => ({
    name,
    items: detail.segments.filter((s) => kinds.includes(s.kind)),
  })).filter((l) => l.items.length > 0);
  return (
    <div className="lanes" aria-hidden="true">
      {lanes.map((l) => (
        <div key={l.name} className="lane">
          <span>{t(`segment.kinds.${l.name}`)}</span>
          <div className="track">
            {l.items.map((s) => {
              const a = millis(s.started_at) ?? from;
              const b = millis(s.ended_at) ?? from + span;
              return (
                <i
                  key={s.id}
                  data-kind={s.kind}
                  style={{
                    left: `${((a - from) / span) * 100}%`,
                    width: `${Math.max(0.6, ((b - a) / span) * 100)}%`,
                  }}
                  title={clock((b - a) / 1000)}
                />
              );
            })}
          </div>
        </div>
      ))}
      <div className="lane scale num">
        <span />
        <div>
          <span>0:00</span>
          <span>{clock(span / 2000)}</span>
          <span>{clock(span / 1000)}</span>
        </div>
      </div>
    </div>
  );
}
