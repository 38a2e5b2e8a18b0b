import { Drawer } from "@mantine/core";
import {
  IconArrowLeft,
  IconExternalLink,
  IconLayoutSidebarRight,
  IconMail,
  IconMessages,
  IconNote,
  IconPhoneCall,
} from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { useDirectory } from "@/api/directory";
import type { Detail } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { setNoteFocus, useSoftphone } from "@/features/softphone/store";
import { WrapUpPanel } from "@/features/softphone/WrapUpPanel";
import { ListenButton } from "@/features/supervision/ListenButton";
import { useCaller } from "@/i18n/caller";
import { languageName } from "@/i18n/format";
import { Button, Dot, Empty, Failed, IconButton, Skeleton, Tag } from "@/ui";
import { ContextBody } from "./ContextPanel";
import { EventLog } from "./EventLog";
import { useConversation } from "./queries";

/** One conversation: header, what happened, and what the agent writes. */
export function ConversationView({ id }: { id: string | undefined }) {
  const { t } = useTranslation();
  const query = useConversation(id);
  if (id === undefined) return <Nothing />;
  if (query.isError && !query.data)
    return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data)
    return (
      <>
        <div className="conv-head">
          <h2>{t("state.loading")}</h2>
        </div>
        <Skeleton rows={6} height={30} />
      </>
    );
  return <Loaded id={id} detail={query.data} />;
}

function Nothing() {
  const { t } = useTranslation();
  const { phone } = useWorkbench();
  return (
    <div style={{ flex: 1, display: "grid", placeItems: "center" }}>
      <Empty icon={IconPhoneCall} title={t(phone ? "inbox.ready_title" : "inbox.nothing_title")}>
        {t(phone ? "inbox.ready" : "inbox.nothing")}
      </Empty>
    </div>
  );
}

function Loaded({ id, detail }: { id: string; detail: Detail }) {
  const phone = useSoftphone((s) => s.phone);
  const { me } = useWorkbench();
  const c = detail.conversation;
  const kept = keptNote(detail, me.agent_id);
  const mine = (phone.phase === "talking" || phone.phase === "wrap_up") && phone.conversationId === id;
  return (
    <>
      <Header detail={detail} />
      <Strip detail={detail} />
      <EventLog detail={detail} />
      {mine && phone.phase === "wrap_up" ? (
        <WrapUpPanel phone={phone} queueId={phone.queueId} kept={kept} />
      ) : (
        <Composer id={id} live={mine} done={c.state === "completed"} kept={kept} />
      )}
    </>
  );
}

function Header({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const directory = useDirectory();
  const [open, setOpen] = useState(false);
  const c = detail.conversation;
  const name = useCaller().name(detail.customer?.name, c.caller_number);
  return (
    <header className="conv-head">
      <span className="only-narrow">
        <IconButton label={t("action.back")} icon={IconArrowLeft} onClick={() => navigate("/inbox")} />
      </span>
      <h2>{c.subject || t("conversation.with", { name })}</h2>
      {c.queue_id && <Tag outline>{directory.queue(c.queue_id)}</Tag>}
      {detail.customer?.vip && (
        <Tag outline tone="warn">
          {t("customer.vip")}
        </Tag>
      )}
      <span className="spacer" />
      <ListenButton conversation={c} />
      <Link className="btn" data-size="sm" to={`/calls/${c.id}`}>
        <IconExternalLink size={15} aria-hidden="true" />
        {t("conversation.open")}
      </Link>
      <span className="only-narrow">
        <IconButton label={t("context.name")} icon={IconLayoutSidebarRight} onClick={() => setOpen(true)} />
      </span>
      <Drawer
        opened={open}
        onClose={() => setOpen(false)}
        position="right"
        size={390}
        title={t("context.name")}
        withOverlay={false}
        padding="sm"
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <ContextBody detail={detail} />
      </Drawer>
    </header>
  );
}

function Strip({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const c = detail.conversation;
  const live = c.state !== "completed" && c.state !== "wrap_up";
  return (
    <div className="strip">
      <Dot tone={live ? "ok" : undefined} live={live} />
      {live ? (
        <strong>{t(`conversation.state.${c.state}`)}</strong>
      ) : (
        <span>{t(`conversation.state.${c.state}`)}</span>
      )}
      {c.language && <span>{languageName(c.language)}</span>}
      <span className="num">· {c.dialled_number}</span>
      <span className="spacer" />
      <span>{t("conversation.no_transcript")}</span>
    </div>
  );
}

/** The note that the server has: of this agent's latest part, else of the conversation. */
function keptNote(detail: Detail, agentId: string): string {
  const own = detail.segments.findLast((s) => s.kind === "agent" && agentId && s.agent_id === agentId);
  return own?.wrap_up_note || detail.conversation.wrap_up_note;
}

function Composer({ id, live, done, kept }: { id: string; live: boolean; done: boolean; kept: string }) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const note = useSoftphone((s) => s.notes[id]);
  const state = useSoftphone((s) => s.noteStates[id]) ?? "saved";
  const unsent = note !== undefined && (state === "failed" || state === "refused");
  return (
    <div className="composer">
      <div className="box">
        <div className="modes">
          <Button size="sm" aria-pressed="true">
            <IconNote size={15} aria-hidden="true" />
            {t("composer.note")}
          </Button>
          <Button size="sm" reason={t("composer.no_channel")}>
            <IconMessages size={15} aria-hidden="true" />
            {t("composer.sms")}
          </Button>
          <Button size="sm" reason={t("composer.no_channel")}>
            <IconMail size={15} aria-hidden="true" />
            {t("composer.email")}
          </Button>
        </div>
        <textarea
          id="composer"
          aria-label={t("composer.message")}
          placeholder={t(
            live ? "composer.note_placeholder" : done ? "composer.closed" : "composer.not_yours",
          )}
          value={note ?? kept}
          readOnly={!live}
          maxLength={4000}
          onFocus={() => setNoteFocus(true)}
          onBlur={() => setNoteFocus(false)}
          onChange={(e) => controller?.writeNote(id, e.currentTarget.value)}
        />
        <div className="foot">
          <span role="status">
            {unsent ? t(`composer.${state}`) : live ? t("composer.kept") : t("composer.only_in_call")}
          </span>
        </div>
      </div>
    </div>
  );
}
