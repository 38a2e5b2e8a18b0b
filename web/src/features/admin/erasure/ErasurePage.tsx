import { Progress } from "@mantine/core";
import { IconArrowLeft, IconDownload, IconGavel, IconPhone, IconPrinter } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { may } from "@/api/session";
import type { Certificate, Erasure } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { useRefs } from "@/features/admin/refs";
import { dateTime, number } from "@/i18n/format";
import { Button, Card, Facts, Failed, Notice, Skeleton, Tag } from "@/ui";
import { DataTable } from "@/ui/DataTable";
import { ErasureState } from "./ErasuresPage";
import { useErasure } from "./queries";
import "./erasure.css";

/** One erasure: how far it is, and its certificate once it is done. */
export function ErasurePage({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useErasure(id);
  const e = query.data;
  return (
    <div className="page erasure-page">
      <header className="page-head">
        <Link className="icon-button" to="/admin/erasures" aria-label={t("erasure.back")}>
          <IconArrowLeft size={18} aria-hidden="true" />
        </Link>
        <div className="grow">
          <h1>
            {t(e?.certificate ? "erasure.certificate" : "erasure.one")} {e && <ErasureState erasure={e} />}
          </h1>
          {e && <p className="sub mono">{e.id}</p>}
        </div>
        {e?.certificate && <Actions certificate={e.certificate} />}
      </header>
      <div className="page-body erasures">
        {query.error && !e ? (
          <Failed error={query.error} onRetry={() => void query.refetch()} />
        ) : !e ? (
          <Skeleton rows={6} height={44} />
        ) : e.certificate ? (
          <Paper erasure={e} certificate={e.certificate} />
        ) : (
          <Running erasure={e} />
        )}
      </div>
    </div>
  );
}

function Actions({ certificate }: { certificate: Certificate }) {
  const { t } = useTranslation();
  const document = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(certificate, null, 2))}`;
  return (
    <>
      <a className="btn" href={document} download={`certificate-${certificate.erasure_id}.json`}>
        <IconDownload size={16} aria-hidden="true" />
        {t("erasure.download")}
      </a>
      <Button onClick={() => window.print()}>
        <IconPrinter size={16} aria-hidden="true" />
        {t("erasure.print")}
      </Button>
    </>
  );
}

function Running({ erasure }: { erasure: Erasure }) {
  const { t } = useTranslation();
  const users = useRefs("users");
  const p = erasure.progress ?? { conversations: 0, done: 0, open: 0 };
  const text = t("erasure.progress", { done: number(p.done), all: number(p.conversations) });
  return (
    <>
      {p.open > 0 && (
        <Notice tone="warn" icon={IconPhone}>
          {t("erasure.waits", { n: number(p.open) })}
        </Notice>
      )}
      <Card title={t("erasure.state.running")}>
        <p role="status">{text}</p>
        <Progress
          my={10}
          animated={p.open === 0}
          value={p.conversations > 0 ? (100 * p.done) / p.conversations : 0}
          aria-label={text}
        />
        <Facts
          items={[
            [
              t("erasure.customer"),
              <code key="v" className="mono">
                {erasure.customer_id}
              </code>,
            ],
            [t("erasure.reason"), erasure.reason],
            [t("erasure.by"), users(erasure.requested_by)],
            [t("erasure.requested"), dateTime(erasure.requested_at)],
          ]}
        />
      </Card>
    </>
  );
}

function Paper({ erasure, certificate: c }: { erasure: Erasure; certificate: Certificate }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const users = useRefs("users");
  return (
    <>
      {!c.complete && (
        <Notice
          tone="warn"
          icon={IconGavel}
          action={
            may(me, "erasures.write") && (
              <Link className="btn" to={`/admin/erasures?customer=${c.customer_id}`}>
                {t("erasure.again")}
              </Link>
            )
          }
        >
          {t("erasure.incomplete")}
        </Notice>
      )}
      <Card title={t("erasure.what")}>
        <Facts
          items={[
            [
              t("erasure.customer"),
              <code key="v" className="mono">
                {c.customer_id}
              </code>,
            ],
            [t("erasure.reason"), c.reason],
            [t("erasure.by"), users(c.requested_by)],
            [t("erasure.requested"), dateTime(c.requested_at)],
            [t("erasure.completed"), dateTime(c.completed_at)],
            [t("erasure.identities"), c.identities.map((k) => t(`identity.${k}`)).join(", ")],
            [
              t("erasure.document_hash"),
              <code key="v" className="mono">
                {c.sha256}
              </code>,
            ],
          ]}
        />
      </Card>
      <Card
        title={t("erasure.conversations")}
        aside={<span className="meta num">{number(c.conversations.length)}</span>}
      >
        <DataTable
          label={t("erasure.conversations")}
          rows={c.conversations}
          rowKey={(p) => p.conversation_id}
          empty={{ title: t("erasure.no_conversations") }}
          columns={[
            {
              key: "id",
              title: t("erasure.conversation"),
              cell: (p) => (
                <Link className="mono" to={`/calls/${p.conversation_id}`}>
                  {p.conversation_id}
                </Link>
              ),
            },
            {
              key: "recordings",
              title: t("erasure.recordings"),
              cell: (p) =>
                p.kept ? (
                  <Tag tone="warn">{t("recording.held")}</Tag>
                ) : p.recordings.length === 0 ? (
                  number(0)
                ) : (
                  <ul className="hash-list">
                    {p.recordings.map((r) => (
                      <li key={r.id}>
                        <code className="mono">{r.id}</code>
                        <code className="mono meta">SHA-256 {r.sha256 || "–"}</code>
                      </li>
                    ))}
                  </ul>
                ),
            },
            { key: "messages", title: t("erasure.messages"), right: true, cell: (p) => number(p.messages) },
            { key: "notes", title: t("erasure.notes"), right: true, cell: (p) => number(p.notes) },
            { key: "events", title: t("erasure.events"), right: true, cell: (p) => number(p.events) },
          ]}
        />
      </Card>
      <p className="meta">{t("erasure.no_personal_data", { id: erasure.id })}</p>
    </>
  );
}
