import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { api } from "@/api/client";
import { may } from "@/api/session";
import type { Customer, Erasure, List } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { useRefs } from "@/features/admin/refs";
import { dateTime, languageName } from "@/i18n/format";
import { Card, PageHead, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { useSettled } from "@/ui/hooks";
import { EraseCustomer } from "./EraseCustomer";
import { useErasures } from "./queries";
import "./erasure.css";

/** Finds a customer, erases what is kept of them, and lists what was erased before. */
export function ErasuresPage() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const [params, setParams] = useSearchParams();
  const chosen = params.get("customer") ?? "";
  return (
    <div className="page">
      <PageHead title={t("admin.erasures.title")} sub={t("admin.erasures.sub")} />
      <div className="page-body erasures">
        {may(me, "erasures.write") &&
          (chosen ? (
            <EraseCustomer key={chosen} id={chosen} onBack={() => setParams({})} />
          ) : (
            <FindCustomer onChoose={(c) => setParams({ customer: c.id })} />
          ))}
        <Former />
      </div>
    </div>
  );
}

function FindCustomer({ onChoose }: { onChoose: (c: Customer) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const q = useSettled(text.trim(), 300);
  const long = [...q].length >= 2;
  const list = useQuery({
    queryKey: ["customers", "erasure", q],
    queryFn: ({ signal }) => api.get<List<Customer>>("/customers", { q, limit: 20 }, signal),
    placeholderData: (before) => before,
    enabled: long,
  });
  return (
    <Card title={t("erasure.find")}>
      <search aria-label={t("customers.find")}>
        <TextInput
          label={t("customers.search")}
          description={t("erasure.find_hint")}
          leftSection={<IconSearch size={15} aria-hidden="true" />}
          maw={420}
          mb={12}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      </search>
      {long && (
        <DataTable
          label={t("nav.customers")}
          rows={list.data?.items}
          rowKey={(c) => c.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          onOpen={onChoose}
          empty={{ title: t("customers.none"), text: t("erasure.none_hint") }}
          columns={[
            {
              key: "name",
              title: t("customer.name"),
              cell: (c) => (
                <Link to={`/admin/erasures?customer=${c.id}`} style={{ fontWeight: 600 }}>
                  {c.name || t("customer.unnamed")}
                </Link>
              ),
            },
            { key: "language", title: t("customer.language"), cell: (c) => languageName(c.language) },
            {
              key: "since",
              title: t("customer.since"),
              cell: (c) => <span className="num">{dateTime(c.created_at)}</span>,
            },
          ]}
        />
      )}
    </Card>
  );
}

/** How an erasure stands: running, done, or done but for what a legal hold keeps. */
export function ErasureState({ erasure }: { erasure: Erasure }) {
  const { t } = useTranslation();
  if (erasure.state === "running") return <Tag tone="accent">{t("erasure.state.running")}</Tag>;
  const complete = erasure.certificate?.complete;
  return (
    <Tag tone={complete ? "ok" : "warn"}>{t(complete ? "erasure.state.done" : "erasure.state.held")}</Tag>
  );
}

function Former() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const users = useRefs("users");
  const list = useErasures();
  return (
    <Card title={t("erasure.former")}>
      <DataTable
        label={t("erasure.former")}
        rows={list.data?.items}
        rowKey={(e) => e.id}
        error={list.error}
        onRetry={() => void list.refetch()}
        onOpen={(e) => navigate(`/admin/erasures/${e.id}`)}
        empty={{ title: t("erasure.none"), text: t("erasure.none_text") }}
        columns={[
          {
            key: "at",
            title: t("erasure.requested"),
            cell: (e) => (
              <Link className="num" to={`/admin/erasures/${e.id}`}>
                {dateTime(e.requested_at)}
              </Link>
            ),
          },
          {
            key: "customer",
            title: t("erasure.customer"),
            cell: (e) => <code className="mono">{e.customer_id}</code>,
          },
          { key: "reason", title: t("erasure.reason"), cell: (e) => e.reason },
          { key: "by", title: t("erasure.by"), cell: (e) => users(e.requested_by) },
          { key: "state", title: t("calls.state"), cell: (e) => <ErasureState erasure={e} /> },
        ]}
      />
    </Card>
  );
}
