import { TextInput } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft, IconGavel, IconPhone } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api } from "@/api/client";
import type { CustomerDetail, ErasurePreview } from "@/api/types";
import { useCaller } from "@/i18n/caller";
import { bytes, dateTime, number } from "@/i18n/format";
import { Button, Card, Facts, Failed, IconButton, Notice, Skeleton } from "@/ui";
import { useProblemText } from "@/ui/problem";
import { isTyped, wordToType } from "./confirm";
import { useErase, useErasurePreview } from "./queries";

/** Shows what of a customer would be erased and what stays, and erases it when that is confirmed. */
export function EraseCustomer({ id, onBack }: { id: string; onBack: () => void }) {
  const { t } = useTranslation();
  const detail = useQuery({
    queryKey: ["customer", id, "erasure"], // the customer's page keeps a longer timeline
    queryFn: ({ signal }) => api.get<CustomerDetail>(`/customers/${id}`, { limit: 1 }, signal),
  });
  const preview = useErasurePreview(id);
  const title = useRef<HTMLHeadingElement>(null);
  const ready = detail.data !== undefined && preview.data !== undefined;
  useEffect(() => {
    if (ready) title.current?.focus(); // the link that had the focus is gone
  }, [ready]);
  const error = detail.error ?? preview.error;
  if (error && !ready)
    return <Failed error={error} onRetry={() => void Promise.all([detail.refetch(), preview.refetch()])} />;
  if (!detail.data || !preview.data) return <Skeleton rows={5} height={44} />;
  const { customer } = detail.data;
  return (
    <section className="card" aria-labelledby="erase-title">
      <header>
        <IconButton label={t("erasure.other")} icon={IconArrowLeft} onClick={onBack} />
        <h2 id="erase-title" ref={title} tabIndex={-1}>
          {t("erasure.preview", { name: customer.name || t("customer.unnamed") })}
        </h2>
        <Link to={`/customers/${id}`}>{t("erasure.open_customer")}</Link>
      </header>
      <div className="body erase-body">
        <Preview preview={preview.data} detail={detail.data} />
        <Order
          id={id}
          word={wordToType(customer, detail.data.identities)}
          preview={preview.data}
          look={async () => (await preview.refetch({ throwOnError: true })).data}
        />
      </div>
    </section>
  );
}

function Preview({ preview: p, detail }: { preview: ErasurePreview; detail: CustomerDetail }) {
  const { t } = useTranslation();
  const caller = useCaller();
  const { customer } = detail;
  const stays = p.kept.length > 0;
  return (
    <>
      {p.open > 0 && (
        <Notice tone="warn" icon={IconPhone}>
          {t("erasure.waits", { n: number(p.open) })}
        </Notice>
      )}
      {stays && (
        <Notice tone="warn" icon={IconGavel}>
          {t("erasure.held")}
        </Notice>
      )}
      <div className="erase-grid">
        <Card title={t("erasure.goes")}>
          <Facts
            items={[
              [
                t("erasure.name_and_note"),
                stays
                  ? t("erasure.stays_too")
                  : [customer.name, customer.note].filter(Boolean).join(" · ") || "–",
              ],
              [
                t("erasure.identities"),
                stays ? (
                  t("erasure.stays_too")
                ) : (
                  <span key="v" className="num">
                    {detail.identities.map((i) => caller.number(i.value)).join(", ")}
                  </span>
                ),
              ],
              [t("erasure.conversations"), number(p.conversations)],
              [
                t("erasure.recordings"),
                p.recordings > 0 ? `${number(p.recordings)} (${bytes(p.bytes)})` : number(0),
              ],
              [t("erasure.messages"), number(p.messages)],
              [t("erasure.notes"), number(p.notes)],
            ]}
          />
          <p className="meta">{t("erasure.goes_too")}</p>
        </Card>
        <Card title={t("erasure.stays")}>
          {stays && (
            <ul className="held-list">
              {p.kept.map((k) => (
                <li key={k.recording_id}>
                  <Link to={`/calls/${k.conversation_id}`}>
                    {t("erasure.recording_of", { time: dateTime(k.started_at) })}
                  </Link>
                  <span className="meta">
                    {t("recording.held_because", { reason: k.reason, time: dateTime(k.held_at) })}
                  </span>
                </li>
              ))}
            </ul>
          )}
          <p className="meta">{t("erasure.stays_always")}</p>
        </Card>
      </div>
    </>
  );
}

interface OrderProps {
  id: string;
  word: string;
  /** What is shown; another object only where something of it has changed. */
  preview: ErasurePreview;
  /** Reads it once more. */
  look: () => Promise<ErasurePreview | undefined>;
}

/** The word is typed for what is shown: where that changes, it has to be typed again. */
function Order({ id, word, preview, look }: OrderProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const text = useProblemText();
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [seen, setSeen] = useState(preview);
  const [moved, setMoved] = useState(false);
  if (seen !== preview) {
    setSeen(preview);
    setMoved(typed !== "" || moved);
    setTyped("");
  }
  const erase = useErase(id, seen, look);
  const lacks = !reason.trim()
    ? t("erasure.needs_reason")
    : isTyped(typed, word)
      ? undefined
      : t("erasure.needs_word", { word });
  return (
    <form
      className="erase-form"
      onSubmit={(e) => {
        e.preventDefault();
        if (lacks === undefined && !erase.isPending)
          erase.mutate(reason.trim(), {
            onSuccess: (made) => made && navigate(`/admin/erasures/${made.id}`),
          });
      }}
    >
      <TextInput
        label={t("erasure.reason")}
        description={t("erasure.reason_hint")}
        required
        maxLength={500}
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value)}
      />
      <TextInput
        label={t("erasure.type", { word })}
        description={t("erasure.type_hint")}
        required
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(e) => {
          setTyped(e.currentTarget.value);
          setMoved(false);
        }}
      />
      {moved && (
        <Notice tone="warn" icon={IconAlertTriangle}>
          {t("erasure.moved")}
        </Notice>
      )}
      {erase.error && (
        <Notice tone="bad" icon={IconAlertTriangle}>
          {text(erase.error)}
        </Notice>
      )}
      <Button kind="bad" type="submit" busy={erase.isPending} reason={lacks}>
        {t("erasure.erase")}
      </Button>
    </form>
  );
}
