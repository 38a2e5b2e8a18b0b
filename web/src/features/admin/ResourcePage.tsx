import { TextInput } from "@mantine/core";
import { IconPlus, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { type Labels, labelOf, useAll } from "@/api/directory";
import { may } from "@/api/session";
import type { Registration } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { number } from "@/i18n/format";
import { Button, PageHead, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import type { Resource, Row, TableColumn } from "./description";
import { ResourceForm } from "./ResourceForm";
import { useRefs } from "./refs";
import { at, titleOf } from "./resource";

/** One kind of record: its table, and a form at the side for one of them. */
export function ResourcePage({ resource, id }: { resource: Resource; id: string | undefined }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const navigate = useNavigate();
  const list = useAll<Row>(resource.path, true, resource.live ? 5000 : undefined);
  const [q, setQ] = useState("");
  const needle = q.trim().toLowerCase();
  const rows = list.data?.filter((r) => needle === "" || JSON.stringify(r).toLowerCase().includes(needle));
  const locked = may(me, resource.write) ? undefined : t("problem.forbidden");
  const base = `/admin/${resource.section}`;
  const one = id && id !== "new" ? list.data?.find((r) => r.id === id) : undefined;
  return (
    <div className="page">
      <PageHead title={t(`admin.${resource.section}.title`)} sub={t(`admin.${resource.section}.sub`)}>
        <Button kind="primary" reason={locked} onClick={() => navigate(`${base}/new`)}>
          <IconPlus size={16} aria-hidden="true" />
          {t("action.new")}
        </Button>
      </PageHead>
      <div className="page-body">
        <search className="filters" aria-label={t("action.search")}>
          <TextInput
            aria-label={t("action.search")}
            placeholder={t("action.search")}
            leftSection={<IconSearch size={15} aria-hidden="true" />}
            w={280}
            value={q}
            onChange={(e) => setQ(e.currentTarget.value)}
          />
        </search>
        <DataTable
          label={t(`admin.${resource.section}.title`)}
          rows={rows}
          rowKey={(r) => r.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          onOpen={(r) => navigate(`${base}/${r.id}`)}
          empty={{
            title: t(needle ? "admin.none_found" : "table.empty"),
            text: needle ? undefined : t(`admin.${resource.section}.sub`),
          }}
          columns={resource.columns.map((c) => ({
            key: c.name,
            title: t(`field.${c.name.replaceAll(".", "_")}`),
            right: c.kind === "number" || c.kind === "count" || c.kind === "limit",
            cell: (r: Row) => <Cell c={c} r={r} to={`${base}/${r.id}`} />,
          }))}
        />
      </div>
      {(id === "new" || one) && (
        <ResourceForm key={id} resource={resource} row={one} locked={locked} onClose={() => navigate(base)} />
      )}
    </div>
  );
}

function Cell({ c, r, to }: { c: TableColumn; r: Row; to: string }) {
  const { t, i18n } = useTranslation();
  const refs = useRefs(c.ref);
  const v = at(r, c.name);
  switch (c.kind) {
    case "name":
      return (
        <>
          <Link to={to} style={{ fontWeight: 600 }}>
            {titleOf(r, c.name)}
          </Link>{" "}
          {r.demo === true && <Tag>{t("state.demo")}</Tag>}
        </>
      );
    case "enabled":
      return <Tag tone={v ? "ok" : undefined}>{t(v ? "state.yes" : "state.no")}</Tag>;
    case "disabled":
      return <Tag tone={v ? "bad" : undefined}>{t(v ? "state.yes" : "state.no")}</Tag>;
    case "online":
      return <Tag tone={v ? "ok" : undefined}>{t(v ? "state.online" : "state.offline")}</Tag>;
    case "registration": {
      const state = v as Registration | undefined;
      if (!state) return <>–</>;
      const key = state.registered ? "registered" : state.status || state.error ? "refused" : "trying";
      return (
        <span title={state.error}>
          <Tag tone={state.registered ? "ok" : key === "trying" ? "warn" : "bad"}>
            {t(`registration.${key}`)}
            {key === "refused" && state.status >= 300 ? ` (${state.status})` : ""}
          </Tag>
        </span>
      );
    }
    case "limit":
      return <>{v ? number(Number(v)) : t("state.no_limit")}</>;
    case "ref":
      return <>{v ? refs(String(v)) : "–"}</>;
    case "refs": {
      const list = Array.isArray(v) ? v.map((x) => (c.ref ? refs(String(x)) : String(x))) : [];
      return (
        <span>{list.slice(0, 3).join(", ") + (list.length > 3 ? ` +${list.length - 3}` : "") || "–"}</span>
      );
    }
    case "labels": {
      const o = (v ?? {}) as Record<string, unknown>;
      const strings = Object.values(o).every((x) => typeof x === "string");
      if (strings) return <>{labelOf(o as Labels, "–")}</>;
      return (
        <span style={{ display: "inline-flex", gap: 4, flexWrap: "wrap" }}>
          {Object.entries(o).map(([k, level]) => (
            <Tag key={k}>
              {k} {String(level)}
            </Tag>
          ))}
        </span>
      );
    }
    case "word": {
      const key = `${c.group}.${String(v)}`;
      return <>{v && i18n.exists(key) ? t(key) : String(v || "–")}</>;
    }
    case "code":
      return <code className="mono">{String(v ?? "")}</code>;
    case "count":
      return <>{Array.isArray(v) ? v.length : 0}</>;
    case "number":
      return <>{number(Number(v ?? 0))}</>;
    case "text":
      return <>{String(v || "–")}</>;
    default:
      return c.kind satisfies never;
  }
}
