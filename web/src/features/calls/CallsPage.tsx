import { Select, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { api } from "@/api/client";
import { labelOf, useDirectory } from "@/api/directory";
import type { Conversation, List } from "@/api/types";
import { useTitle, useWorkbench } from "@/app/workbench";
import { useCaller } from "@/i18n/caller";
import { clock, dateTime, millis } from "@/i18n/format";
import { Button, PageHead, Tag, type Tone } from "@/ui";
import { type Column, DataTable } from "@/ui/DataTable";
import { useSettled } from "@/ui/hooks";

const STATES = ["in_flow", "queued", "offered", "connected", "on_hold", "wrap_up", "completed"] as const;
const FILTERS = ["q", "state", "queue", "agent", "from", "to"] as const;

export const STATE_TONE: Record<string, Tone> = {
  queued: "warn",
  offered: "accent",
  connected: "ok",
  on_hold: "warn",
  wrap_up: "accent",
};

/** A date of this browser's calendar as the instant at which it begins. */
export function startOf(date: string, plusDays = 0): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return undefined;
  const [y, m, d] = date.split("-").map(Number) as [number, number, number];
  const t = new Date(y, m - 1, d + plusDays);
  return Number.isNaN(t.getTime()) ? undefined : t.toISOString();
}

/** Every call of the past, filtered; the filter is in the address. */
export default function CallsPage() {
  const { t } = useTranslation();
  useTitle(t("nav.calls"));
  const { me } = useWorkbench();
  const caller = useCaller();
  const navigate = useNavigate();
  const directory = useDirectory();
  const [params, setParams] = useSearchParams();
  const get = (k: (typeof FILTERS)[number]) => params.get(k) ?? "";
  const set = (k: (typeof FILTERS)[number], v: string | null) =>
    setParams(
      (p) => {
        if (v) p.set(k, v);
        else p.delete(k);
        return p;
      },
      { replace: true },
    );
  const q = useSettled(get("q"), 300);
  const filter = {
    q: q || undefined,
    state: get("state") || undefined,
    queue: get("queue") || undefined,
    agent: get("agent") || undefined,
    from: startOf(get("from")),
    to: startOf(get("to"), 1),
  };
  const list = useInfiniteQuery({
    queryKey: ["conversations", "history", filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<Conversation>>("/conversations", { ...filter, limit: 50, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: (before) => before,
  });
  const rows = list.data?.pages.flatMap((p) => p.items);
  const columns: Column<Conversation>[] = [
    {
      key: "customer",
      title: t("calls.customer"),
      cell: (c) => (
        <>
          <Link to={`/calls/${c.id}`} style={{ fontWeight: 600 }}>
            {caller.name(c.customer_name, c.caller_number)}
          </Link>
          {c.customer_name && <div className="meta num">{c.caller_number}</div>}
        </>
      ),
    },
    {
      key: "at",
      title: t("call.started"),
      cell: (c) => <span className="num">{dateTime(c.created_at)}</span>,
    },
    {
      key: "dialled",
      title: t("call.dialled"),
      cell: (c) => <span className="num">{c.dialled_number}</span>,
    },
    { key: "queue", title: t("calls.queue"), cell: (c) => directory.queue(c.queue_id) || "–" },
    { key: "agent", title: t("calls.agent"), cell: (c) => directory.agent(c.agent_id) || "–" },
    { key: "length", title: t("calls.length"), right: true, cell: (c) => <Length c={c} /> },
    { key: "state", title: t("calls.result"), cell: (c) => <Result c={c} /> },
  ];
  const filtered = FILTERS.some((k) => get(k) !== "");
  return (
    <div className="page">
      <PageHead title={t("nav.calls")} />
      <div className="page-body">
        <search className="filters" aria-label={t("calls.filter")}>
          <TextInput
            label={t("action.search")}
            placeholder={t("calls.search")}
            leftSection={<IconSearch size={15} aria-hidden="true" />}
            w={230}
            value={get("q")}
            onChange={(e) => set("q", e.currentTarget.value)}
          />
          <Select
            label={t("calls.state")}
            clearable
            w={140}
            value={get("state") || null}
            onChange={(v) => set("state", v)}
            data={STATES.map((s) => ({ value: s, label: t(`conversation.state.${s}`) }))}
            placeholder={t("calls.any")}
          />
          <Select
            label={t("calls.queue")}
            clearable
            searchable
            w={160}
            value={get("queue") || null}
            onChange={(v) => set("queue", v)}
            data={directory.queues.map((x) => ({ value: x.id, label: labelOf(x.names, x.name) }))}
            placeholder={t("calls.any")}
          />
          {me.role !== "agent" && (
            <Select
              label={t("calls.agent")}
              clearable
              searchable
              w={160}
              value={get("agent") || null}
              onChange={(v) => set("agent", v)}
              data={directory.agents.map((x) => ({ value: x.id, label: x.name }))}
              placeholder={t("calls.any")}
            />
          )}
          <TextInput
            type="date"
            label={t("calls.from")}
            w={140}
            value={get("from")}
            onChange={(e) => set("from", e.currentTarget.value)}
          />
          <TextInput
            type="date"
            label={t("calls.to")}
            w={140}
            value={get("to")}
            onChange={(e) => set("to", e.currentTarget.value)}
          />
          {filtered && (
            <Button kind="quiet" onClick={() => setParams({}, { replace: true })}>
              {t("action.clear")}
            </Button>
          )}
        </search>
        <DataTable
          label={t("nav.calls")}
          columns={columns}
          rows={rows}
          rowKey={(c) => c.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          onOpen={(c) => navigate(`/calls/${c.id}`)}
          empty={{
            title: t(filtered ? "calls.none_filtered" : "calls.none"),
            text: t(filtered ? "calls.none_filtered_hint" : "calls.none_hint"),
          }}
          foot={
            list.hasNextPage && (
              <div className="table-foot">
                <Button size="sm" onClick={() => void list.fetchNextPage()} busy={list.isFetchingNextPage}>
                  {t("action.more")}
                </Button>
              </div>
            )
          }
        />
      </div>
    </div>
  );
}

function Length({ c }: { c: Conversation }) {
  const start = millis(c.created_at);
  const end = millis(c.ended_at) ?? millis(c.completed_at);
  return <>{start !== undefined && end !== undefined ? clock((end - start) / 1000) : "–"}</>;
}

/** How a call went, in one word: its state while it lives, then its end. */
export function Result({ c }: { c: Omit<Conversation, "customer_name"> }) {
  const { t, i18n } = useTranslation();
  if (c.state !== "completed")
    return <Tag tone={STATE_TONE[c.state]}>{t(`conversation.state.${c.state}`)}</Tag>;
  const answered = !!c.answered_at && !c.answered_at.startsWith("0001");
  const queued = c.queue_id !== "";
  const tone: Tone = answered ? "ok" : queued ? "bad" : undefined;
  const label = answered ? t("calls.answered") : queued ? t("calls.abandoned") : t("calls.self_service");
  const why = i18n.exists(`reason.${c.end_reason}`) ? t(`reason.${c.end_reason}`) : "";
  return (
    <span style={{ display: "inline-flex", gap: 8, alignItems: "center" }}>
      <Tag tone={tone}>{label}</Tag>
      <span className="meta">{why}</span>
    </span>
  );
}
