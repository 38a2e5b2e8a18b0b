import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { api } from "@/api/client";
import type { Customer, List } from "@/api/types";
import { useTitle, useWorkbench } from "@/app/workbench";
import { dateTime, languageName } from "@/i18n/format";
import { Avatar, Button, PageHead, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { useSettled } from "@/ui/hooks";

/** Everybody who ever called, found by name or number. */
export default function CustomersPage() {
  const { t } = useTranslation();
  useTitle(t("nav.customers"));
  const { me } = useWorkbench();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const text = params.get("q") ?? "";
  const q = useSettled(text.trim(), 300);
  const short = me.role === "agent" && [...q].length < 2; // agents may search, not browse
  const list = useInfiniteQuery({
    queryKey: ["customers", q],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<Customer>>("/customers", { q, limit: 50, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: (before) => before,
    enabled: !short,
  });
  return (
    <div className="page">
      <PageHead title={t("nav.customers")} />
      <div className="page-body">
        <search className="filters" aria-label={t("customers.find")}>
          <TextInput
            label={t("action.search")}
            placeholder={t("customers.search")}
            leftSection={<IconSearch size={15} aria-hidden="true" />}
            w={320}
            value={text}
            onChange={(e) =>
              setParams(e.currentTarget.value ? { q: e.currentTarget.value } : {}, { replace: true })
            }
          />
        </search>
        <DataTable
          label={t("nav.customers")}
          rows={short ? [] : list.data?.pages.flatMap((p) => p.items)}
          rowKey={(c) => c.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          onOpen={(c) => navigate(`/customers/${c.id}`)}
          empty={{
            title: t(short ? "customers.type" : "customers.none"),
            text: t(short ? "customers.type_hint" : "customers.none_hint"),
          }}
          columns={[
            {
              key: "name",
              title: t("customer.name"),
              cell: (c) => (
                <span style={{ display: "inline-flex", gap: 10, alignItems: "center" }}>
                  <Avatar name={c.name || "?"} />
                  <Link to={`/customers/${c.id}`} style={{ fontWeight: 600 }}>
                    {c.name || t("customer.unnamed")}
                  </Link>
                  {c.vip && <Tag tone="warn">{t("customer.vip")}</Tag>}
                </span>
              ),
            },
            { key: "language", title: t("customer.language"), cell: (c) => languageName(c.language) },
            {
              key: "note",
              title: t("customer.note"),
              cell: (c) => <span className="meta">{c.note.slice(0, 80)}</span>,
            },
            {
              key: "since",
              title: t("customer.since"),
              cell: (c) => <span className="num">{dateTime(c.created_at)}</span>,
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
    </div>
  );
}
