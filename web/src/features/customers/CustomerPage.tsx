import { Select, Switch, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconArrowLeft, IconEraser } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { api } from "@/api/client";
import { useDirectory } from "@/api/directory";
import { may } from "@/api/session";
import type { Conversation, Customer, CustomerDetail } from "@/api/types";
import { useTitle, useWorkbench } from "@/app/workbench";
import { Result } from "@/features/calls/CallsPage";
import { LANGUAGE_NAMES, LANGUAGES } from "@/i18n";
import { useCaller } from "@/i18n/caller";
import { dateTime } from "@/i18n/format";
import { Avatar, Button, Card, Facts, Failed, Skeleton, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { notify } from "@/ui/notify";
import { useProblemNotice } from "@/ui/problem";
import "../calls/call.css";

/** A customer: who they are, how they are recognised, and everything that was said. */
export default function CustomerPage() {
  const { t } = useTranslation();
  const { id } = useParams();
  const query = useQuery({
    queryKey: ["customer", id],
    queryFn: ({ signal }) => api.get<CustomerDetail>(`/customers/${id}`, { limit: 100 }, signal),
  });
  const caller = useCaller();
  const { me } = useWorkbench();
  const name = query.data?.customer.name || t("customer.unnamed");
  useTitle(query.data ? name : t("nav.customers"));
  return (
    <div className="page">
      <header className="page-head">
        <Link className="icon-button" to="/customers" aria-label={t("customers.back")}>
          <IconArrowLeft size={18} aria-hidden="true" />
        </Link>
        {query.data && <Avatar name={query.data.customer.name || "?"} size="lg" />}
        <div className="grow">
          <h1>
            {query.data ? name : t("nav.customers")}{" "}
            {query.data?.customer.vip && <Tag tone="warn">{t("customer.vip")}</Tag>}{" "}
            {query.data?.consents.find((c) => c.kind === "contact")?.given === false && (
              <Tag tone="bad">{t("customer.no_contact")}</Tag>
            )}
          </h1>
        </div>
        {query.data && may(me, "erasures.write") && (
          <Link className="btn" to={`/admin/erasures?customer=${id}`}>
            <IconEraser size={16} aria-hidden="true" />
            {t("customers.erase")}
          </Link>
        )}
      </header>
      <div className="page-body">
        {query.isError && !query.data ? (
          <Failed error={query.error} onRetry={() => void query.refetch()} />
        ) : query.data ? (
          <div className="call-grid">
            <div className="call-main">
              <Timeline items={query.data.timeline} />
            </div>
            <div className="call-side">
              <Profile key={query.data.customer.updated_at} customer={query.data.customer} />
              <Card title={t("customers.identities")}>
                <Facts
                  items={query.data.identities.map((i) => [
                    t(`identity.${i.kind}`),
                    <span key="v" className="num">
                      {caller.number(i.value)}
                    </span>,
                  ])}
                />
              </Card>
            </div>
          </div>
        ) : (
          <Skeleton rows={6} height={60} />
        )}
      </div>
    </div>
  );
}

function Profile({ customer }: { customer: Customer }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const form = useForm({
    initialValues: {
      name: customer.name,
      language: customer.language,
      vip: customer.vip,
      note: customer.note,
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) =>
      api.patch(`/customers/${customer.id}`, { ...values, updated_at: customer.updated_at }),
    onError: fail,
    onSuccess: async () => {
      notify({ message: t("state.saved") });
      await client.invalidateQueries({ queryKey: ["customer"] });
      await client.invalidateQueries({ queryKey: ["conversation"] });
    },
  });
  const locked = may(me, "customers.write") ? undefined : t("problem.forbidden");
  return (
    <Card title={t("customers.profile")}>
      <form
        onSubmit={form.onSubmit((v) => save.mutate(v))}
        style={{ display: "flex", flexDirection: "column", gap: 10 }}
      >
        <TextInput
          label={t("customer.name")}
          maxLength={200}
          readOnly={!!locked}
          {...form.getInputProps("name")}
        />
        <Select
          label={t("customer.language")}
          clearable
          readOnly={!!locked}
          data={LANGUAGES.map((l) => ({ value: l, label: LANGUAGE_NAMES[l] }))}
          value={form.values.language || null}
          onChange={(v) => form.setFieldValue("language", v ?? "")}
        />
        <Textarea
          label={t("customer.note")}
          rows={4}
          maxLength={10000}
          readOnly={!!locked}
          {...form.getInputProps("note")}
        />
        <Switch
          label={t("customer.vip")}
          disabled={!!locked}
          {...form.getInputProps("vip", { type: "checkbox" })}
        />
        <Button
          kind="primary"
          type="submit"
          busy={save.isPending}
          reason={locked ?? (form.isDirty() ? undefined : t("form.unchanged"))}
        >
          {t("action.save")}
        </Button>
      </form>
    </Card>
  );
}

function Timeline({ items }: { items: Conversation[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const d = useDirectory();
  return (
    <Card title={t("customers.timeline")} aside={<span className="meta num">{items.length}</span>}>
      <DataTable
        label={t("customers.timeline")}
        rows={items}
        rowKey={(c) => c.id}
        onOpen={(c) => navigate(`/calls/${c.id}`)}
        columns={[
          {
            key: "at",
            title: t("call.started"),
            cell: (c) => (
              <Link className="num" to={`/calls/${c.id}`}>
                {dateTime(c.created_at)}
              </Link>
            ),
          },
          {
            key: "subject",
            title: t("customers.about"),
            cell: (c) => c.subject || d.queue(c.queue_id) || c.flow_path?.join(" › ") || c.dialled_number,
          },
          { key: "agent", title: t("calls.agent"), cell: (c) => d.agent(c.agent_id) || "–" },
          {
            key: "note",
            title: t("wrapup.note"),
            cell: (c) => <span className="meta">{c.wrap_up_note.slice(0, 100)}</span>,
          },
          { key: "result", title: t("calls.result"), cell: (c) => <Result c={c} /> },
        ]}
      />
    </Card>
  );
}
