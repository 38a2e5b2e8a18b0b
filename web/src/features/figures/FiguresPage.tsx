import { SegmentedControl, Select, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { api, apiUrl } from "@/api/client";
import { labelOf, useDirectory } from "@/api/directory";
import { mayOpen, useMay } from "@/api/session";
import type { FigureRow } from "@/api/types";
import { NoPermission } from "@/app/ErrorPage";
import { useTitle, useWorkbench } from "@/app/workbench";
import { currentLanguage } from "@/i18n";
import { Button, PageHead } from "@/ui";
import { type Column, DataTable } from "@/ui/DataTable";
import { BalanceCard } from "./BalanceCard";
import { Heading, Value } from "./FigureCell";
import { FigureChart } from "./FigureChart";
import { boundsOf, columnsOf, keyOf, type Span } from "./table";
import "./figures.css";

const SPANS: Span[] = ["today", "yesterday", "7", "30", "own"];
const GRANULARITIES = ["half_hour", "hour", "day", "week"] as const;
const KINDS = ["queue", "agent", "total"] as const;

/** Granularities whose rows carry a time of day. */
const withinDays = (granularity: string) => granularity === "half_hour" || granularity === "hour";

/** Figures per queue or agent. Each says by which formula it was made. */
export default function FiguresPage() {
  const { t } = useTranslation();
  useTitle(t("nav.figures"));
  const { me } = useWorkbench();
  if (!mayOpen(me, "figures")) return <NoPermission />;
  return <Figures />;
}

function Figures() {
  const { t } = useTranslation();
  const d = useDirectory();
  const leads = useMay("wallboard.read");
  const [params, setParams] = useSearchParams();
  const get = (k: string, fallback: string) => params.get(k) ?? fallback;
  const set = (k: string, v: string | null) =>
    setParams(
      (p) => {
        if (v) p.set(k, v);
        else p.delete(k);
        return p;
      },
      { replace: true },
    );
  const by = KINDS.find((k) => k === params.get("by")) ?? "queue";
  const granularity = get("granularity", "day");
  const span = get("span", "7") as Span;
  const id = params.get("id");
  const bounds = boundsOf(span, new Date(), { from: get("from", ""), to: get("to", "") });
  const tooLong =
    withinDays(granularity) && bounds && bounds.to.getTime() - bounds.from.getTime() > 32 * 86_400_000;
  const query = {
    by,
    granularity,
    from: bounds?.from.toISOString(),
    to: bounds?.to.toISOString(),
    id: id ?? undefined,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
  const figures = useQuery({
    queryKey: ["figures", query],
    queryFn: ({ signal }) => api.get<{ rows: FigureRow[] }>("/figures", query, signal),
    enabled: bounds !== undefined && !tooLong,
    placeholderData: (before) => before,
  });
  const rows = bounds && !tooLong ? figures.data?.rows : [];
  const chosen = by === "agent" ? "agent" : "queue";
  const name = (r: FigureRow) =>
    by === "total" ? t(id ? "figures.total" : "figures.all") : by === "queue" ? d.queue(r.id) : d.agent(r.id);
  const choices =
    chosen === "queue"
      ? d.queues.map((q) => ({ value: q.id, label: labelOf(q.names, q.name) }))
      : d.agents.map((a) => ({ value: a.id, label: a.name }));
  const columns: Column<FigureRow>[] = [
    {
      key: "id",
      title: t(`figures.${by}`),
      cell: (r) => <strong style={{ fontWeight: 600 }}>{name(r)}</strong>,
    },
    {
      key: "at",
      title: t("figures.interval"),
      cell: (r) => <span className="num">{interval(r, granularity)}</span>,
    },
  ];
  const found = columnsOf(rows ?? []);
  return (
    <div className="page">
      <PageHead title={t("nav.figures")} sub={t("figures.sub")}>
        <a className="btn" href={apiUrl("/figures", { ...query, format: "csv" })} download>
          <IconDownload size={16} aria-hidden="true" />
          {t("figures.csv")}
        </a>
      </PageHead>
      <div className="page-body">
        <search className="filters" aria-label={t("figures.filter")}>
          <SegmentedControl
            aria-label={t("figures.by")}
            value={by}
            onChange={(v) =>
              setParams((p) => {
                p.set("by", v);
                p.delete("id");
                return p;
              })
            }
            data={[
              { value: "queue", label: t("figures.queues") },
              { value: "agent", label: t("figures.agents") },
              { value: "total", label: t("figures.total") },
            ]}
          />
          <SegmentedControl
            aria-label={t("figures.granularity")}
            value={granularity}
            onChange={(v) => set("granularity", v)}
            data={GRANULARITIES.map((g) => ({ value: g, label: t(`figures.${g}`) }))}
          />
          <Select
            label={t("figures.span")}
            w={150}
            value={span}
            onChange={(v) => set("span", v)}
            data={SPANS.map((s) => ({ value: s, label: t(`figures.spans.${s}`) }))}
          />
          {span === "own" && (
            <>
              <TextInput
                type="date"
                label={t("calls.from")}
                w={140}
                value={get("from", "")}
                onChange={(e) => set("from", e.currentTarget.value)}
              />
              <TextInput
                type="date"
                label={t("calls.to")}
                w={140}
                value={get("to", "")}
                onChange={(e) => set("to", e.currentTarget.value)}
              />
            </>
          )}
          <Select
            label={t(`figures.${chosen}`)}
            placeholder={t("calls.any")}
            clearable
            searchable
            w={190}
            value={id}
            onChange={(v) => set("id", v)}
            data={choices}
          />
          {params.size > 0 && (
            <Button kind="quiet" onClick={() => setParams({}, { replace: true })}>
              {t("action.clear")}
            </Button>
          )}
        </search>
        {rows && rows.length > 0 && by !== "agent" && (
          <FigureChart rows={rows} byTime={withinDays(granularity)} />
        )}
        {by === "agent" && leads && bounds && <BalanceCard from={bounds.from} to={bounds.to} />}
        <div className="figures-table">
          <DataTable
            label={t("nav.figures")}
            rows={rows}
            rowKey={(r) => r.id + r.from}
            error={figures.error}
            onRetry={() => void figures.refetch()}
            empty={{
              title: t("figures.none"),
              text: t(tooLong ? "figures.too_long" : bounds ? "figures.none_hint" : "figures.choose"),
            }}
            columns={[
              ...columns,
              ...found.map(
                (f): Column<FigureRow> => ({
                  key: keyOf(f),
                  title: keyOf(f),
                  right: true,
                  cell: (r) => <Value f={r.figures.find((x) => keyOf(x) === keyOf(f))} />,
                }),
              ),
            ]}
            heading={(key) => {
              const f = found.find((x) => keyOf(x) === key);
              return f && <Heading f={f} />;
            }}
          />
        </div>
      </div>
    </div>
  );
}

function interval(r: FigureRow, granularity: string): string {
  const from = new Date(r.from);
  const l = currentLanguage();
  const date = new Intl.DateTimeFormat(l, { month: "2-digit", day: "2-digit", weekday: "short" });
  if (granularity === "day") return date.format(from);
  if (granularity === "week") return `${date.format(from)} – ${date.format(new Date(Date.parse(r.to) - 1))}`;
  const time = new Intl.DateTimeFormat(l, { hour: "2-digit", minute: "2-digit", hour12: false });
  return `${date.format(from)} ${time.format(from)}–${time.format(new Date(r.to))}`;
}
