import { Modal, Select, TextInput } from "@mantine/core";
import { IconListDetails } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import type { AuditEntry, List } from "@/api/types";
import { startOf } from "@/features/calls/CallsPage";
import { dateTime } from "@/i18n/format";
import { Button, Facts, IconButton, PageHead } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { actionText, KINDS, kindText } from "./audit";

/** Who did what to what. Lines are never changed. */
export function AuditPage() {
  const { t, i18n } = useTranslation();
  const [kind, setKind] = useState<string | null>(null);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [shown, setShown] = useState<AuditEntry>();
  const filter = { action: kind ? `${kind}.` : undefined, from: startOf(from), to: startOf(to, 1) };
  const list = useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<AuditEntry>>("/audit", { ...filter, limit: 50, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: (before) => before,
  });
  const verb = (e: AuditEntry) => actionText(e.action, t, i18n.exists);
  return (
    <div className="page">
      <PageHead title={t("admin.audit.title")} sub={t("admin.audit.sub")} />
      <div className="page-body">
        <search className="filters" aria-label={t("audit.filter")}>
          <Select
            label={t("audit.about")}
            clearable
            w={180}
            value={kind}
            onChange={setKind}
            placeholder={t("calls.any")}
            data={KINDS.map((k) => ({ value: k, label: t(`audit.kind.${k}`) }))}
          />
          <TextInput
            type="date"
            label={t("calls.from")}
            w={140}
            value={from}
            onChange={(e) => setFrom(e.currentTarget.value)}
          />
          <TextInput
            type="date"
            label={t("calls.to")}
            w={140}
            value={to}
            onChange={(e) => setTo(e.currentTarget.value)}
          />
        </search>
        <DataTable
          label={t("admin.audit.title")}
          rows={list.data?.pages.flatMap((p) => p.items)}
          rowKey={(e) => e.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          onOpen={setShown}
          columns={[
            {
              key: "time",
              title: t("audit.time"),
              cell: (e) => <span className="num">{dateTime(e.time)}</span>,
            },
            { key: "who", title: t("audit.who"), cell: (e) => e.user_name || t("message.system") },
            {
              key: "what",
              title: t("audit.what"),
              cell: (e) => [verb(e), kindText(e.action, t)].filter(Boolean).join(" · "),
            },
            { key: "target", title: t("audit.target"), cell: (e) => e.target || e.target_id || "–" },
            {
              key: "from",
              title: t("audit.address"),
              cell: (e) => <span className="num meta">{e.address}</span>,
            },
            {
              key: "x",
              title: "",
              right: true,
              cell: (e) => (
                <IconButton label={t("audit.details")} icon={IconListDetails} onClick={() => setShown(e)} />
              ),
            },
          ]}
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
      {shown && (
        <Modal
          opened
          onClose={() => setShown(undefined)}
          size="xl"
          title={`${verb(shown)} · ${shown.target || shown.target_id}`}
          closeButtonProps={{ "aria-label": t("action.close") }}
        >
          <div style={{ display: "flex", flexDirection: "column", gap: 14 }}>
            <Facts
              items={[
                [t("audit.time"), dateTime(shown.time)],
                [t("audit.who"), shown.user_name],
                [
                  t("audit.action_name"),
                  <code key="v" className="mono">
                    {shown.action}
                  </code>,
                ],
                [t("audit.address"), shown.address],
                [
                  t("audit.request"),
                  <code key="v" className="mono">
                    {shown.request_id}
                  </code>,
                ],
              ]}
            />
            <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: 12 }}>
              <Json title={t("audit.before")} value={shown.before} />
              <Json title={t("audit.after")} value={shown.after} />
            </div>
          </div>
        </Modal>
      )}
    </div>
  );
}

function Json({ title, value }: { title: string; value: unknown }) {
  return (
    <div style={{ minWidth: 0 }}>
      <div className="group-label">{title}</div>
      <pre className="audit-json mono" tabIndex={0}>
        {value === undefined || value === null ? "–" : JSON.stringify(value, null, 2)}
      </pre>
    </div>
  );
}
