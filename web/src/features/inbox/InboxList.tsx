import { IconInbox, IconPhone, IconPhoneIncoming, IconPhoneOff, IconRefresh } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useDirectory } from "@/api/directory";
import type { Conversation } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import type { ListStep } from "@/features/palette/shortcuts";
import { figure } from "@/features/wallboard/board";
import { useToday } from "@/features/wallboard/query";
import { useCaller } from "@/i18n/caller";
import { ago, clock, millis } from "@/i18n/format";
import { Avatar, Empty, Failed, IconButton, Skeleton, Tag, type Tone } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useConversations } from "./queries";
import { type InboxView, viewsOf } from "./views";

const WAITING = ["initiated", "in_flow", "queued", "offered"];

export function InboxList({ view, selected }: { view: InboxView; selected: string | undefined }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const navigate = useNavigate();
  const client = useQueryClient();
  const agent = me.agent_id || undefined;
  // Who is no agent has no conversations of their own: the closed ones are everybody's.
  const mine = useConversations(agent ? { agent, limit: 60 } : { state: "completed", limit: 60 });
  const waiting = useConversations({ state: WAITING, limit: 100 });
  const lists: Record<InboxView, { data: Conversation[] | undefined; query: typeof mine }> = {
    mine: {
      data: mine.data?.items.filter((c) => c.state !== "completed" && !WAITING.includes(c.state)),
      query: mine,
    },
    queue: {
      data: waiting.data?.items.filter((c) => c.state === "queued" || c.state === "offered"),
      query: waiting,
    },
    closed: { data: mine.data?.items.filter((c) => c.state === "completed"), query: mine },
  };
  const { data: items, query } = lists[view];
  useListKeys(items, selected, (id) => navigate(`/inbox/${view}/${id}`));

  return (
    <section className="inbox-list" aria-label={t("nav.inbox")}>
      <header>
        <h1>{t("nav.inbox")}</h1>
        <IconButton
          label={t("action.refresh")}
          icon={IconRefresh}
          onClick={() => void client.invalidateQueries({ queryKey: ["conversations"] })}
        />
      </header>
      <div className="seg-tabs" role="tablist" aria-label={t("inbox.views")}>
        {viewsOf(me).map((v) => (
          <button
            key={v}
            type="button"
            role="tab"
            aria-selected={v === view}
            aria-controls="inbox-items"
            onClick={() => navigate(`/inbox/${v}`)}
          >
            {t(`inbox.${v}`)}
            <span className="num">{v === "closed" ? "" : (lists[v].data?.length ?? "")}</span>
          </button>
        ))}
      </div>
      <div className="scroll" id="inbox-items">
        {query.isError && !query.data ? (
          <Failed error={query.error} onRetry={() => void query.refetch()} />
        ) : items === undefined ? (
          <Skeleton rows={7} height={42} />
        ) : items.length === 0 ? (
          <Empty icon={IconInbox} title={t(`inbox.empty.${view}`)}>
            {t(`inbox.empty.${view}_hint`)}
          </Empty>
        ) : (
          <>
            <div className="group" id="inbox-group">
              {t(`inbox.group.${view}`, { n: items.length })}
            </div>
            <div role="listbox" aria-label={t("inbox.conversations")}>
              {items.map((c) => (
                <Row
                  key={c.id}
                  c={c}
                  selected={c.id === selected}
                  onOpen={() => navigate(`/inbox/${view}/${c.id}`)}
                />
              ))}
            </div>
          </>
        )}
      </div>
      {agent && <Today agent={agent} />}
    </section>
  );
}

/** The keys for next and previous walk through the list. */
function useListKeys(
  items: Conversation[] | undefined,
  selected: string | undefined,
  open: (id: string) => void,
): void {
  const latest = useRef({ items, selected, open });
  latest.current = { items, selected, open };
  useEffect(() => {
    const on = (e: Event) => {
      const { items: list, selected: now, open: go } = latest.current;
      if (!list?.length) return;
      const at = list.findIndex((c) => c.id === now);
      const next =
        list[
          Math.min(
            list.length - 1,
            Math.max(0, at + ((e as CustomEvent<ListStep>).detail === "next" ? 1 : -1)),
          )
        ];
      if (next) go(next.id);
    };
    addEventListener("hotline:list", on);
    return () => removeEventListener("hotline:list", on);
  }, []);
}

const STATE_TONE: Record<string, Tone> = {
  in_flow: undefined,
  queued: "warn",
  offered: "accent",
  connected: "ok",
  on_hold: "warn",
  wrap_up: "accent",
  completed: undefined,
};

function Row({ c, selected, onOpen }: { c: Conversation; selected: boolean; onOpen: () => void }) {
  const { t } = useTranslation();
  const directory = useDirectory();
  const now = useNow(c.state === "completed" ? 30_000 : 1000);
  const name = useCaller().name(c.customer_name, c.caller_number);
  const waits = c.state === "queued" || c.state === "offered";
  const since = millis(c.created_at) ?? now;
  const Corner = c.state === "completed" ? (c.answered_at ? IconPhone : IconPhoneOff) : IconPhoneIncoming;
  const sub = c.subject || directory.queue(c.queue_id) || c.flow_path?.at(-1) || c.dialled_number;
  return (
    <button type="button" role="option" aria-selected={selected} className="row" onClick={onOpen}>
      <Avatar name={name} corner={<Corner size={11} stroke={2} />} />
      <div className="mid">
        <div className="name">{name}</div>
        <div className="sub">{sub}</div>
      </div>
      <div className="end">
        <span className="meta num">{ago(c.created_at, now)}</span>
        {waits ? (
          <Tag tone={now - since > 60_000 ? "bad" : "warn"}>
            <span className="num">{clock((now - since) / 1000)}</span>
          </Tag>
        ) : c.state === "completed" ? (
          <span className="meta">{c.wrap_up_code ? "✓" : ""}</span>
        ) : (
          <Tag tone={STATE_TONE[c.state]}>
            {t(c.state === "connected" ? "conversation.live" : `conversation.state.${c.state}`)}
          </Tag>
        )}
      </div>
    </button>
  );
}

/** The agent's own day so far, from the figures: a list has only its newest rows. */
function Today({ agent }: { agent: string }) {
  const { t } = useTranslation();
  const row = useToday("agent", agent)?.[0];
  const answered = figure(row, "answered");
  const talk = figure(row, "talk");
  if (answered === undefined) return null;
  return (
    <footer className="num">
      <span>{t("inbox.today", { n: answered })}</span>
      {answered > 0 && talk !== undefined && (
        <span>{t("inbox.mean_talk", { time: clock(talk / answered) })}</span>
      )}
    </footer>
  );
}
