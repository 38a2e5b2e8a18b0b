import { Modal, Select, TextInput } from "@mantine/core";
import { IconCopy, IconKey, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { useAll } from "@/api/directory";
import { may } from "@/api/session";
import type { Role } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { dateTime, hasTime } from "@/i18n/format";
import { Button, IconButton, Notice, PageHead } from "@/ui";
import { ask } from "@/ui/confirm";
import { DataTable } from "@/ui/DataTable";
import { useProblemNotice, useProblemText } from "@/ui/problem";
import { useRefs } from "./refs";

interface Token {
  id: string;
  version: number;
  name: string;
  user_id: string;
  role: Role;
  expires_at?: string;
  created_at: string;
}

const ROLES: Role[] = ["agent", "supervisor", "admin", "auditor"];

/** Secrets with which programs use the API. Each is shown once. */
export function TokensPage() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const users = useRefs("users");
  const list = useAll<Token>("tokens");
  const [open, setOpen] = useState(false);
  const locked = may(me, "tokens.write") ? undefined : t("problem.forbidden");
  const revoke = useMutation({
    mutationFn: (x: Token) => api.delete(`/tokens/${x.id}`, { version: x.version }),
    onError: fail,
    onSuccess: () => client.invalidateQueries({ queryKey: ["admin", "tokens"] }),
  });
  const sure = async (x: Token) => {
    const yes = await ask({
      title: t("token.revoke", { name: x.name }),
      text: t("token.revoke_text"),
      action: t("token.revoke_now"),
    });
    if (yes) revoke.mutate(x);
  };
  return (
    <div className="page">
      <PageHead title={t("admin.tokens.title")} sub={t("admin.tokens.sub")}>
        <Button kind="primary" reason={locked} onClick={() => setOpen(true)}>
          <IconPlus size={16} aria-hidden="true" />
          {t("action.new")}
        </Button>
      </PageHead>
      <div className="page-body">
        <DataTable
          label={t("admin.tokens.title")}
          rows={list.data}
          rowKey={(x) => x.id}
          error={list.error}
          onRetry={() => void list.refetch()}
          empty={{ title: t("token.none"), text: t("admin.tokens.sub") }}
          columns={[
            {
              key: "name",
              title: t("field.name"),
              cell: (x) => <strong style={{ fontWeight: 600 }}>{x.name}</strong>,
            },
            { key: "user", title: t("field.user_id"), cell: (x) => users(x.user_id) },
            { key: "role", title: t("field.role"), cell: (x) => t(`role.${x.role}`) },
            {
              key: "created",
              title: t("token.created"),
              cell: (x) => <span className="num">{dateTime(x.created_at)}</span>,
            },
            {
              key: "expires",
              title: t("token.expires"),
              cell: (x) => (
                <span className="num">
                  {hasTime(x.expires_at) ? dateTime(x.expires_at) : t("token.never")}
                </span>
              ),
            },
            {
              key: "x",
              title: "",
              right: true,
              cell: (x) => (
                <IconButton
                  label={t("token.revoke", { name: x.name })}
                  icon={IconTrash}
                  reason={locked}
                  onClick={() => void sure(x)}
                />
              ),
            },
          ]}
        />
      </div>
      {open && <NewToken onClose={() => setOpen(false)} />}
    </div>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const client = useQueryClient();
  const text = useProblemText();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>(me.role);
  const [until, setUntil] = useState("");
  const [copied, setCopied] = useState(false);
  const create = useMutation({
    mutationFn: () =>
      api.post<{ secret: string }>("/tokens", {
        name: name.trim(),
        role,
        ...(until ? { expires_at: new Date(`${until}T23:59:59`).toISOString() } : {}),
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["admin", "tokens"] }),
  });
  const secret = create.data?.secret;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("admin.tokens.new")}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      {secret ? (
        <div style={{ display: "flex", flexDirection: "column", gap: 12 }}>
          <Notice tone="warn" icon={IconKey}>
            {t("token.once")}
          </Notice>
          <div style={{ display: "flex", gap: 8 }}>
            <code className="secret mono">{secret}</code>
            <Button onClick={() => void navigator.clipboard?.writeText(secret).then(() => setCopied(true))}>
              <IconCopy size={16} aria-hidden="true" />
              {t(copied ? "action.copied" : "action.copy")}
            </Button>
          </div>
          <Button onClick={onClose}>{t("action.close")}</Button>
        </div>
      ) : (
        <form
          style={{ display: "flex", flexDirection: "column", gap: 12 }}
          onSubmit={(e) => {
            e.preventDefault();
            if (name.trim()) create.mutate();
          }}
        >
          <TextInput
            label={t("field.name")}
            description={t("token.name_hint")}
            required
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            data-autofocus
            error={create.error ? text(create.error) : undefined}
          />
          <Select
            label={t("field.role")}
            value={role}
            onChange={(v) => setRole(v as Role)}
            data={ROLES.map((r) => ({ value: r, label: t(`role.${r}`) }))}
          />
          <TextInput
            type="date"
            label={t("token.expires")}
            description={t("token.expires_hint")}
            value={until}
            onChange={(e) => setUntil(e.currentTarget.value)}
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
      )}
    </Modal>
  );
}
