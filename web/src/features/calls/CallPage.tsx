import { IconArrowLeft, IconUser } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { useDirectory } from "@/api/directory";
import type { Detail, Leg, Segment } from "@/api/types";
import { useTitle, useWorkbench } from "@/app/workbench";
import { EventLog } from "@/features/inbox/EventLog";
import { useConversation } from "@/features/inbox/queries";
import { ListenButton } from "@/features/supervision/ListenButton";
import { useCaller } from "@/i18n/caller";
import { clock, dateTime, languageName, millis, number, timeOfDay } from "@/i18n/format";
import { Avatar, Card, Facts, Failed, Skeleton, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { Result } from "./CallsPage";
import { RecordingPlayer } from "./RecordingPlayer";
import { RoutingExplanation } from "./RoutingExplanation";
import { SegmentChart } from "./SegmentChart";
import "./call.css";

/** One call with everything that is known of it. */
export default function CallPage() {
  const { t } = useTranslation();
  const { id } = useParams();
  const query = useConversation(id);
  const detail = query.data;
  const caller = useCaller();
  const name = caller.name(detail?.customer?.name, detail?.conversation.caller_number ?? "");
  useTitle(detail ? t("conversation.with", { name }) : t("nav.calls"));
  return (
    <div className="page">
      <header className="page-head">
        <Link className="icon-button" to="/calls" aria-label={t("call.back")}>
          <IconArrowLeft size={18} aria-hidden="true" />
        </Link>
        {detail && <Avatar name={name} size="lg" />}
        <div className="grow">
          <h1>{detail ? t("conversation.with", { name }) : t("nav.calls")}</h1>
          {detail && (
            <p className="sub num">
              {[
                caller.number(detail.conversation.caller_number),
                dateTime(detail.conversation.created_at),
              ].join(" · ")}
            </p>
          )}
        </div>
        {detail && <Result c={detail.conversation} />}
        {detail && <ListenButton conversation={detail.conversation} />}
        {detail?.customer && (
          <Link className="btn" to={`/customers/${detail.customer.id}`}>
            <IconUser size={16} aria-hidden="true" />
            {t("context.profile")}
          </Link>
        )}
      </header>
      <div className="page-body">
        {query.isError && !detail ? (
          <Failed error={query.error} onRetry={() => void query.refetch()} />
        ) : detail ? (
          <Body detail={detail} />
        ) : (
          <Skeleton rows={6} height={70} />
        )}
      </div>
    </div>
  );
}

function Body({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  // Agents read a customer's other conversations while they serve them, and hear only their own.
  const hears =
    me.role !== "agent" || detail.segments.some((s) => s.kind === "agent" && s.agent_id === me.agent_id);
  const c = detail.conversation;
  return (
    <div className="call-grid">
      <div className="call-main">
        {hears &&
          detail.recordings
            .filter((r) => r.state !== "deleted")
            .map((r) => <RecordingPlayer key={r.id} recording={r} />)}
        {!hears && detail.recordings.length > 0 && (
          <Card title={t("recording.title")}>
            <p className="meta">{t("recording.others")}</p>
          </Card>
        )}
        {detail.recordings.length === 0 && (
          <Card title={t("recording.title")}>
            <p className="meta">{t("recording.none")}</p>
          </Card>
        )}
        <Card title={t("call.segments")}>
          <SegmentChart detail={detail} />
          <SegmentTable segments={detail.segments} />
        </Card>
        <Card title={t("call.legs")}>
          {detail.legs.length > 0 ? (
            <LegTable legs={detail.legs} />
          ) : (
            <p className="meta">{t("call.no_legs")}</p>
          )}
        </Card>
        <section className="card call-log" aria-label={t("call.events")}>
          <header>
            <h2>{t("call.events")}</h2>
            <span className="meta num">{detail.events.length}</span>
          </header>
          <EventLog detail={detail} everything />
        </section>
      </div>
      <div className="call-side">
        <Summary detail={detail} />
        <WrapUps detail={detail} />
        <RoutingExplanation detail={detail} />
        <p className="meta mono" style={{ overflowWrap: "anywhere" }}>
          {c.id}
        </p>
      </div>
    </div>
  );
}

function Summary({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const directory = useDirectory();
  const c = detail.conversation;
  return (
    <Card
      title={t("call.summary")}
      aside={
        c.simulated ? <Tag>{t("call.simulated")}</Tag> : c.demo ? <Tag>{t("state.demo")}</Tag> : undefined
      }
    >
      <Facts
        items={[
          [
            t("call.dialled"),
            <span key="v" className="num">
              {c.dialled_number}
            </span>,
          ],
          [t("calls.queue"), directory.queue(c.queue_id)],
          [t("calls.agent"), directory.agent(c.agent_id)],
          [t("customer.language"), languageName(c.language)],
          [t("call.path"), c.flow_path?.join(" › ")],
          [t("call.started"), timeOfDay(c.created_at)],
          [t("call.answered"), timeOfDay(c.answered_at)],
          [t("call.ended"), timeOfDay(c.ended_at)],
        ]}
      />
    </Card>
  );
}

/** What each agent chose and wrote after their part of the call. */
function WrapUps({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const directory = useDirectory();
  const parts = detail.segments.filter((s) => s.kind === "agent");
  if (parts.length === 0) return null;
  return (
    <Card title={t("wrapup.title")}>
      {parts.map((s) => (
        <section key={s.id} className="wrapup-part" aria-label={directory.agent(s.agent_id)}>
          <h3>{[directory.agent(s.agent_id), directory.queue(s.queue_id)].filter(Boolean).join(" · ")}</h3>
          <Facts
            items={[
              [t("wrapup.code"), directory.wrapUpCode(s.wrap_up_code)],
              [t("wrapup.note"), s.wrap_up_note],
            ]}
          />
        </section>
      ))}
    </Card>
  );
}

function seconds(from: string, to: string | undefined): string {
  const a = millis(from);
  const b = millis(to);
  return a === undefined || b === undefined ? "–" : clock((b - a) / 1000);
}

function SegmentTable({ segments }: { segments: Segment[] }) {
  const { t, i18n } = useTranslation();
  const d = useDirectory();
  return (
    <DataTable
      label={t("call.segments")}
      rows={segments}
      rowKey={(s) => s.id}
      empty={{ title: t("conversation.no_events") }}
      columns={[
        { key: "kind", title: t("segment.kind"), cell: (s) => t(`segment.kinds.${s.kind}`) },
        {
          key: "who",
          title: t("segment.where"),
          cell: (s) =>
            [d.flow(s.flow_id), d.queue(s.queue_id), d.agent(s.agent_id)].filter(Boolean).join(" · ") || "–",
        },
        {
          key: "from",
          title: t("call.started"),
          cell: (s) => <span className="num">{timeOfDay(s.started_at)}</span>,
        },
        { key: "len", title: t("calls.length"), right: true, cell: (s) => seconds(s.started_at, s.ended_at) },
        {
          key: "end",
          title: t("leg.end"),
          cell: (s) =>
            i18n.exists(`reason.${s.end_reason}`) ? t(`reason.${s.end_reason}`) : s.end_reason || "–",
        },
      ]}
    />
  );
}

function LegTable({ legs }: { legs: Leg[] }) {
  const { t, i18n } = useTranslation();
  const d = useDirectory();
  return (
    <DataTable
      label={t("call.legs")}
      rows={legs}
      rowKey={(l) => l.id}
      columns={[
        {
          key: "party",
          title: t("leg.party"),
          cell: (l) => `${t(`party.${l.party}`)}${l.agent_id ? ` · ${d.agent(l.agent_id)}` : ""}`,
        },
        {
          key: "transport",
          title: t("leg.transport"),
          cell: (l) => `${l.transport.toUpperCase()} · ${l.codec || "–"}`,
        },
        {
          key: "mos",
          title: t("leg.mos"),
          right: true,
          cell: (l) => (l.stats?.mos ? number(l.stats.mos, 2) : "–"),
        },
        {
          key: "lost",
          title: t("leg.lost"),
          right: true,
          cell: (l) =>
            l.stats ? `${number(l.stats.packets_lost)} / ${number(l.stats.packets_received)}` : "–",
        },
        {
          key: "jitter",
          title: t("leg.jitter"),
          right: true,
          cell: (l) => (l.stats ? t("unit.ms", { n: number(l.stats.jitter_ms, 1) }) : "–"),
        },
        {
          key: "end",
          title: t("leg.end"),
          cell: (l) =>
            `${i18n.exists(`reason.${l.end_reason}`) ? t(`reason.${l.end_reason}`) : l.end_reason || "–"}${l.sip_status ? ` (${l.sip_status})` : ""}`,
        },
      ]}
    />
  );
}
