import { Menu, SegmentedControl } from "@mantine/core";
import { IconDots, IconMaximize, IconPhoneOff } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { api } from "@/api/client";
import { labelOf, useAll, useDirectory } from "@/api/directory";
import { may, mayOpen } from "@/api/session";
import type {
  AgentSnapshot,
  Break,
  Conversation,
  FigureRow,
  List,
  PresenceState,
  QueueSnapshot,
} from "@/api/types";
import { NoPermission } from "@/app/ErrorPage";
import { useTitle, useWorkbench } from "@/app/workbench";
import { ListenButton } from "@/features/supervision/ListenButton";
import { useCaller } from "@/i18n/caller";
import { clock, millis, number, percent } from "@/i18n/format";
import { Avatar, Dot, Failed, IconButton, PageHead, Skeleton, Tag, type Tone } from "@/ui";
import { ask } from "@/ui/confirm";
import { DataTable } from "@/ui/DataTable";
import { useNow } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { type AgentLook, figure, lookOf, serviceLevel, sortAgents, totalsOf } from "./board";
import { boardQuery, useToday } from "./query";
import { WaitingChart } from "./WaitingChart";
import "./wallboard.css";

/** Queues, agents and calls now; made to be read from across a room. */
export default function WallboardPage() {
  const { t } = useTranslation();
  useTitle(t("nav.wallboard"));
  const { me } = useWorkbench();
  if (!mayOpen(me, "wallboard")) return <NoPermission />;
  return <Board />;
}

function Board() {
  const { t } = useTranslation();
  const { queue: only } = useParams();
  const navigate = useNavigate();
  const d = useDirectory();
  const board = useQuery(boardQuery);
  const today = useToday("queue");
  const now = useNow();
  if (board.isError && !board.data)
    return <Failed error={board.error} onRetry={() => void board.refetch()} />;
  if (!board.data) return <Skeleton rows={6} height={90} />;
  const queues = board.data.queues.filter((q) => !only || q.queue_id === only);
  const totals = totalsOf(board.data, queues);
  const age = Math.max(0, now - board.dataUpdatedAt); // waits go on between two snapshots
  return (
    <div className="page wallboard">
      <PageHead title={t("nav.wallboard")}>
        <SegmentedControl
          size="xs"
          aria-label={t("wallboard.queues")}
          value={only ?? ""}
          onChange={(v) => navigate(v ? `/wallboard/${v}` : "/wallboard")}
          data={[
            { value: "", label: t("wallboard.all") },
            ...board.data.queues.map((q) => ({ value: q.queue_id, label: d.queue(q.queue_id) })),
          ]}
        />
        <IconButton
          label={t("wallboard.fullscreen")}
          icon={IconMaximize}
          onClick={() => void document.querySelector(".wallboard")?.requestFullscreen()}
        />
      </PageHead>
      <div className="page-body">
        <div className="tiles">
          <Tile
            label={t("wallboard.waiting")}
            value={number(totals.waiting)}
            tone={totals.waiting > 0 ? "warn" : undefined}
          />
          <Tile
            label={t("wallboard.longest")}
            value={clock(totals.longestMs > 0 ? (totals.longestMs + age) / 1000 : 0)}
            tone={totals.longestMs > 60_000 ? "bad" : undefined}
          />
          <Tile
            label={t("wallboard.talking")}
            value={number(totals.talking)}
            tone={totals.talking > 0 ? "ok" : undefined}
          />
          <Tile
            label={t("wallboard.free")}
            value={number(totals.available)}
            sub={t("wallboard.of_logged_in", { n: totals.loggedIn })}
            tone={totals.available > 0 ? "ok" : totals.waiting > 0 ? "bad" : undefined}
          />
          <div className="tile chart">
            <span className="label">{t("wallboard.waiting_chart")}</span>
            <WaitingChart waiting={totals.waiting} stamp={board.dataUpdatedAt} />
          </div>
        </div>
        <h2>{t("wallboard.queues")}</h2>
        <div className="queue-grid">
          {queues.map((q) => (
            <QueueCard key={q.queue_id} q={q} row={today?.find((r) => r.id === q.queue_id)} age={age} />
          ))}
          {queues.length === 0 && <p className="meta">{t("wallboard.no_queues")}</p>}
        </div>
        <h2>{t("wallboard.agents")}</h2>
        {board.data.agents.length === 0 && <p className="meta">{t("wallboard.no_agents")}</p>}
        <ul className="agent-grid">
          {sortAgents(board.data.agents, d.agent).map((a) => (
            <AgentTile key={a.agent_id} a={a} now={now} />
          ))}
        </ul>
        <h2>{t("wallboard.live")}</h2>
        <LiveCalls items={board.data.live.filter((c) => !only || c.queue_id === only)} now={now} />
      </div>
    </div>
  );
}

function Tile({ label, value, sub, tone }: { label: string; value: string; sub?: string; tone?: Tone }) {
  return (
    <div className="tile" data-tone={tone}>
      <span className="label">{label}</span>
      <strong className="num">{value}</strong>
      {sub && <span className="meta num">{sub}</span>}
    </div>
  );
}

function QueueCard({ q, row, age }: { q: QueueSnapshot; row: FigureRow | undefined; age: number }) {
  const { t } = useTranslation();
  const d = useDirectory();
  const sl = serviceLevel(row);
  const waiting = q.waiting + q.offered;
  const count = (name: string) => {
    const v = figure(row, name);
    return v === undefined ? "–" : number(v);
  };
  const asa = figure(row, "asa");
  return (
    <section
      className="card queue-card"
      aria-label={d.queue(q.queue_id)}
      data-tone={waiting > 0 && q.active === 0 ? "bad" : waiting > 0 ? "warn" : undefined}
    >
      <header>
        <h3>{d.queue(q.queue_id)}</h3>
        <span className="meta num">{t("wallboard.agents_of", { active: q.active, n: q.logged_in })}</span>
      </header>
      <div className="body">
        <div className="big">
          <strong className="num">{waiting}</strong>
          <span className="meta">
            {t("wallboard.waiting")}
            <br />
            <span className="num">
              {q.longest_wait_ms > 0 ? clock((q.longest_wait_ms + age) / 1000) : "00:00"}
            </span>
          </span>
          <span className="sl" title={sl ? t(`formula.${sl.code}`) : undefined}>
            <b className="num">{sl ? percent(sl.value, 0) : "–"}</b>
            <span className="meta">{sl?.code ?? t("wallboard.service_level")}</span>
          </span>
        </div>
        <dl className="day">
          {(["offered", "answered", "abandoned"] as const).map((name) => (
            <div key={name}>
              <dt>{t(`figure.${name}`)}</dt>
              <dd className="num">{count(name)}</dd>
            </div>
          ))}
          <div>
            <dt>{t("wallboard.asa")}</dt>
            <dd className="num">{asa === undefined ? "–" : clock(asa)}</dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

const TONES: Record<AgentLook, Tone> = {
  offline: undefined,
  available: "ok",
  break: "warn",
  not_responding: "bad",
  ringing: "accent",
  on_call: "ok",
  on_hold: "warn",
  wrap_up: "accent",
};

function AgentTile({ a, now }: { a: AgentSnapshot; now: number }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const d = useDirectory();
  const breaks = useAll<Break>("breaks").data ?? [];
  const { look, since } = lookOf(a);
  const reason = breaks.find((b) => b.id === a.presence.reason);
  const text = look === "break" && reason ? labelOf(reason.names, reason.id) : t(`presence.${look}`);
  const start = millis(since);
  const name = d.agent(a.agent_id);
  return (
    <li className="agent-tile" data-look={look}>
      <Avatar name={name} />
      <div className="grow">
        <strong>{name}</strong>
        <span>
          <Dot tone={TONES[look]} live={look === "ringing"} /> {text}
        </span>
      </div>
      <span className="num time">
        {start === undefined || look === "offline" ? "" : clock((now - start) / 1000)}
      </span>
      {may(me, "presence.others") && <SetPresence agentId={a.agent_id} name={name} breaks={breaks} />}
    </li>
  );
}

function SetPresence({ agentId, name, breaks }: { agentId: string; name: string; breaks: Break[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const set = async (presence: PresenceState, reason = "") => {
    try {
      await api.put(`/agents/${agentId}/presence`, { presence, reason });
      await client.invalidateQueries({ queryKey: ["wallboard"] });
    } catch (err) {
      fail(err);
    }
  };
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <IconButton label={t("wallboard.set_presence", { name })} icon={IconDots} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Dot tone="ok" />} onClick={() => void set("available")}>
          {t("presence.available")}
        </Menu.Item>
        {breaks.map((b) => (
          <Menu.Item key={b.id} leftSection={<Dot tone="warn" />} onClick={() => void set("break", b.id)}>
            {labelOf(b.names, b.id)}
          </Menu.Item>
        ))}
        <Menu.Item leftSection={<Dot />} onClick={() => void set("offline")}>
          {t("presence.offline")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const LIVE_TONE: Record<string, Tone> = {
  queued: "warn",
  offered: "accent",
  connected: "ok",
  on_hold: "warn",
};

function LiveCalls({ items, now }: { items: Conversation[]; now: number }) {
  const caller = useCaller();
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const d = useDirectory();
  const client = useQueryClient();
  const fail = useProblemNotice();
  // The rows move while one aims: the question names whose call it is.
  const end = async (c: Conversation) => {
    const name = caller.name(c.customer_name, c.caller_number);
    const yes = await ask({
      title: t("wallboard.end_title", { name }),
      text: c.agent_id
        ? t("wallboard.end_text_agent", { agent: d.agent(c.agent_id) })
        : t("wallboard.end_text"),
      action: t("call.end_call"),
    });
    if (yes)
      await api
        .post(`/conversations/${c.id}/end`)
        .then(() => client.invalidateQueries({ queryKey: ["wallboard"] }), fail);
  };
  return (
    <DataTable<List<Conversation>["items"][number]>
      label={t("wallboard.live")}
      rows={items}
      rowKey={(c) => c.id}
      empty={{ title: t("wallboard.no_live"), text: t("wallboard.no_live_hint") }}
      columns={[
        {
          key: "c",
          title: t("calls.customer"),
          cell: (c) => <Link to={`/calls/${c.id}`}>{caller.name(c.customer_name, c.caller_number)}</Link>,
        },
        {
          key: "s",
          title: t("calls.state"),
          cell: (c) => <Tag tone={LIVE_TONE[c.state]}>{t(`conversation.state.${c.state}`)}</Tag>,
        },
        { key: "q", title: t("calls.queue"), cell: (c) => d.queue(c.queue_id) || c.flow_path.at(-1) || "–" },
        { key: "a", title: t("calls.agent"), cell: (c) => d.agent(c.agent_id) || "–" },
        {
          key: "l",
          title: t("calls.length"),
          right: true,
          cell: (c) => clock((now - (millis(c.created_at) ?? now)) / 1000),
        },
        ...(may(me, "conversations.supervise")
          ? [
              {
                key: "m",
                title: "",
                right: true,
                cell: (c: Conversation) => <ListenButton conversation={c} compact />,
              },
            ]
          : []),
        ...(may(me, "conversations.close")
          ? [
              {
                key: "x",
                title: "",
                right: true,
                cell: (c: Conversation) => (
                  <IconButton label={t("wallboard.end")} icon={IconPhoneOff} onClick={() => void end(c)} />
                ),
              },
            ]
          : []),
      ]}
    />
  );
}
