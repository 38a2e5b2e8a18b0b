import { IconCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useDirectory } from "@/api/directory";
import type { Detail, Explanation } from "@/api/types";
import { number, timeOfDay } from "@/i18n/format";
import { Card, Facts, Tag } from "@/ui";

/** Why this agent, and why this wait: one card per offer that was made. */
export function RoutingExplanation({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const offers = detail.segments.filter((s) => s.kind === "offer" && s.explanation);
  if (offers.length === 0) {
    const answered = detail.segments.some((s) => s.kind === "agent");
    return <p className="meta">{t(answered ? "routing.not_kept" : "routing.none")}</p>;
  }
  return (
    <>
      {offers
        .toReversed()
        .map(
          (s) => s.explanation && <One key={s.id} x={s.explanation} at={s.started_at} end={s.end_reason} />,
        )}
    </>
  );
}

function One({ x, at, end }: { x: Explanation; at: string; end: string }) {
  const { t, i18n } = useTranslation();
  const d = useDirectory();
  const word = (group: string, code: string) =>
    i18n.exists(`${group}.${code}`) ? t(`${group}.${code}`) : code;
  // Who was named by somebody was not weighed against others of the queue.
  const named = x.rule === "direct" || x.rule === "fallback";
  const queued: [string, ReactNode][] = [
    [t("routing.waited"), t("unit.seconds", { n: number(x.waited_ms / 1000, 1) })],
    [
      t("routing.score"),
      <span key="s" className="num" title={t("routing.score_formula")}>
        {number(x.score)} = {x.priority} × 1000 + {x.ageing} × {number(x.waited_ms)}
      </span>,
    ],
    [
      t("routing.members"),
      t("routing.members_text", {
        ready: x.members.ready,
        eligible: x.members.eligible,
        logged: x.members.logged_in,
        total: x.members.total,
      }),
    ],
  ];
  return (
    <Card
      title={t("routing.to", { name: d.agent(x.agent_id) })}
      aside={<span className="meta num">{timeOfDay(at)}</span>}
    >
      <Facts
        items={[
          [
            t("routing.rule"),
            x.rule === "strategy" ? word("strategy", x.strategy) : word("routing.rules", x.rule),
          ],
          [t("routing.queue"), d.queue(x.queue_id)],
          ...(named ? [] : queued),
          ...(end ? [[t("routing.result"), word("reason", end)] as [string, string]] : []),
        ]}
      />
      {x.skills?.length > 0 && (
        <List title={t("routing.skills")}>
          {x.skills.map((s) => (
            <li key={s.skill}>
              <span className="grow">{s.skill}</span>
              <span className="meta num">
                {t("routing.skill_text", { need: s.required_now, has: s.has })}
              </span>
            </li>
          ))}
        </List>
      )}
      {!named && (
        <List title={t("routing.candidates", { n: x.candidate_count })}>
          {(x.candidates ?? []).map((c) => (
            <li key={c.agent_id}>
              <span className="grow">{d.agent(c.agent_id)}</span>
              <span className="meta num">{number(c.score)}</span>
              {c.chosen && (
                <Tag tone="ok">
                  <IconCheck size={12} aria-hidden="true" />
                  {t("routing.chosen")}
                </Tag>
              )}
            </li>
          ))}
        </List>
      )}
      {x.passed_over?.length > 0 && (
        <List title={t("routing.passed_over")}>
          {x.passed_over.map((p) => (
            <li key={p.agent_id}>
              <span className="grow">{d.agent(p.agent_id)}</span>
              <span className="meta">{word("routing.why", p.why)}</span>
            </li>
          ))}
        </List>
      )}
      {x.waits?.length > 0 && (
        <List title={t("routing.waits")}>
          {x.waits.map((w) => (
            <li key={w.why}>
              <span className="grow">{word("routing.wait", w.why)}</span>
              <span className="meta num">{t("routing.from", { n: number(w.from_ms / 1000, 1) })}</span>
            </li>
          ))}
        </List>
      )}
    </Card>
  );
}

function List({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <>
      <h4 style={{ fontSize: 11.5, fontWeight: 600, color: "var(--ink-3)", margin: "12px 0 4px" }}>
        {title}
      </h4>
      <ul className="mini-list">{children}</ul>
    </>
  );
}
