import { Modal, Textarea, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api } from "@/api/client";
import { useAll, useDirectory } from "@/api/directory";
import { may } from "@/api/session";
import type { Flow } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { dateTime } from "@/i18n/format";
import { Button, PageHead, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { useProblemText } from "@/ui/problem";

/**
 * A flow that is valid from the start: a greeting, then a person of the given
 * queue; without one, the greeting alone.
 */
function starter(name: string, queueId: string | undefined): string {
  if (queueId === undefined)
    return `name: ${JSON.stringify(name)}
languages: [zh-CN, en, ja]
start: hello

texts:
  hello:
    zh-CN: 您好，感谢您的来电。
    en: Hello. Thank you for calling.
    ja: お電話ありがとうございます。

nodes:
  hello: {type: say, text: hello, next: done}
  done: {type: end}
`;
  return `name: ${JSON.stringify(name)}
languages: [zh-CN, en, ja]
start: hello
human: person

texts:
  hello:
    zh-CN: 您好，正在为您转接人工客服。
    en: Hello. We are connecting you to a person.
    ja: お電話ありがとうございます。オペレーターにおつなぎします。

nodes:
  hello: {type: say, text: hello, next: person}
  person: {type: queue, queue: ${queueId}, next: done}
  done: {type: end}
`;
}

export function FlowsPage({ creating }: { creating: boolean }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const navigate = useNavigate();
  const flows = useAll<Flow>("flows");
  const locked = may(me, "flows.write") ? undefined : t("problem.forbidden");
  return (
    <div className="page">
      <PageHead title={t("admin.flows.title")} sub={t("admin.flows.sub")}>
        <Button kind="primary" reason={locked} onClick={() => navigate("/admin/flows/new")}>
          <IconPlus size={16} aria-hidden="true" />
          {t("action.new")}
        </Button>
      </PageHead>
      <div className="page-body">
        <DataTable
          label={t("admin.flows.title")}
          rows={flows.data}
          rowKey={(f) => f.id}
          error={flows.error}
          onRetry={() => void flows.refetch()}
          onOpen={(f) => navigate(`/admin/flows/${f.id}`)}
          empty={{ title: t("table.empty"), text: t("admin.flows.sub") }}
          columns={[
            {
              key: "name",
              title: t("field.name"),
              cell: (f) => (
                <>
                  <Link to={`/admin/flows/${f.id}`} style={{ fontWeight: 600 }}>
                    {f.name}
                  </Link>{" "}
                  {f.demo && <Tag>{t("state.demo")}</Tag>}
                </>
              ),
            },
            { key: "description", title: t("field.description"), cell: (f) => f.description || "–" },
            {
              key: "published",
              title: t("flow.published"),
              cell: (f) =>
                f.published ? (
                  <Tag tone="ok">{t("flow.version", { n: f.published })}</Tag>
                ) : (
                  <Tag tone="warn">{t("flow.never")}</Tag>
                ),
            },
            {
              key: "updated",
              title: t("flow.changed"),
              cell: (f) => <span className="num">{dateTime(f.updated_at)}</span>,
            },
          ]}
        />
      </div>
      {creating && <NewFlow onClose={() => navigate("/admin/flows")} />}
    </div>
  );
}

function NewFlow({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const text = useProblemText();
  const { queues } = useDirectory();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const create = useMutation({
    mutationFn: () =>
      api.post<Flow>("/flows", {
        name: name.trim(),
        description,
        draft: starter(name.trim(), queues[0]?.id),
      }),
    onSuccess: async (f) => {
      await client.invalidateQueries({ queryKey: ["admin", "flows"] });
      await client.invalidateQueries({ queryKey: ["admin", "flow-names"] });
      navigate(`/admin/flows/${f.id}`);
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("admin.flows.new")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        style={{ display: "flex", flexDirection: "column", gap: 12 }}
        onSubmit={(e) => {
          e.preventDefault();
          if (name.trim()) create.mutate();
        }}
      >
        <TextInput
          label={t("field.name")}
          required
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          data-autofocus
          error={create.error ? text(create.error) : undefined}
        />
        <Textarea
          label={t("field.description")}
          value={description}
          onChange={(e) => setDescription(e.currentTarget.value)}
        />
        <Button
          kind="primary"
          type="submit"
          busy={create.isPending}
          reason={name.trim() ? undefined : t("fault.required")}
        >
          {t("action.new")}
        </Button>
      </form>
    </Modal>
  );
}
