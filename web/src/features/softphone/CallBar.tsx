import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { SupervisedStrip } from "@/features/supervision/SupervisedStrip";
import { useCaller } from "@/i18n/caller";
import { clock } from "@/i18n/format";
import { Avatar, Button, Tag } from "@/ui";
import { useNow } from "@/ui/hooks";
import { CallControls } from "./CallControls";
import { PartiesBar } from "./PartiesBar";
import type { Person, Phone } from "./state";
import { useSoftphone } from "./store";
import { usePerson } from "./usePerson";
import { useRecording } from "./useRecording";

type Talking = Extract<Phone, { phase: "talking" }>;

/** The active call, on whatever page the agent is; absent without one. */
export function CallBar() {
  const phone = useSoftphone((s) => s.phone);
  if (phone.phase === "talking")
    return (
      <>
        <TalkBar phone={phone} />
        <PartiesBar conversationId={phone.conversationId} />
        <SupervisedStrip conversationId={phone.conversationId} />
      </>
    );
  if (phone.phase === "wrap_up") return <WrapUpBar phone={phone} />;
  return null;
}

function TalkBar({ phone }: { phone: Talking }) {
  const { t } = useTranslation();
  const held = phone.heldSince !== undefined;
  const recording = useRecording(phone.conversationId);
  return (
    <section
      className="callbar"
      aria-label={t("call.active")}
      data-state={phone.media === "lost" ? "lost" : held ? "hold" : "talking"}
      data-media={phone.media}
      data-conversation={phone.conversationId}
    >
      <Who phone={phone}>
        <StateTag phone={phone} />
      </Who>
      <div className="time">
        <Timer since={phone.since} label={t("call.duration")} />
        <div className="sub">
          <RecordingNote state={recording} />
        </div>
      </div>
      <CallControls phone={phone} />
    </section>
  );
}

function RecordingNote({ state }: { state: ReturnType<typeof useRecording> }) {
  const { t } = useTranslation();
  switch (state) {
    case "running":
      return (
        <>
          <span className="dot rec" data-live aria-hidden="true" />
          {t("call.recording")}
        </>
      );
    case "paused":
      return (
        <span className="warning" role="status">
          {t("call.recording_paused")}
        </span>
      );
    case "failed":
      return <span className="warning">{t("call.recording_failed")}</span>;
    case "off":
      return t("call.not_recording");
    default:
      return state satisfies never;
  }
}

function Who({
  phone,
  children,
}: {
  phone: { person: Person; conversationId: string };
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const person = usePerson(phone.conversationId, phone.person);
  const caller = useCaller();
  const name = caller.name(person.name, person.number);
  return (
    <>
      <Avatar name={name} size="lg" />
      <div className="who">
        <div className="name">
          <span>{name}</span>
          {children}
        </div>
        <div className="sub num">{person.name ? caller.number(person.number) : t("customer.unnamed")}</div>
      </div>
    </>
  );
}

function StateTag({ phone }: { phone: Talking }) {
  const { t } = useTranslation();
  const now = useNow();
  if (phone.media === "lost") return <Tag tone="bad">{t("call.sound_lost")}</Tag>;
  if (phone.heldSince !== undefined)
    return (
      <Tag tone="warn">
        {t("call.on_hold")} <span className="num">{clock((now - phone.heldSince) / 1000)}</span>
      </Tag>
    );
  if (phone.muted) return <Tag tone="warn">{t("call.muted")}</Tag>;
  if (phone.media === "connecting") return <Tag tone="accent">{t("call.connecting")}</Tag>;
  return <Tag tone="ok">{t("call.connected")}</Tag>;
}

export function Timer({ since, label }: { since: number; label: string }) {
  const now = useNow();
  return (
    <div role="timer" className="num" aria-label={label}>
      {clock((now - since) / 1000)}
    </div>
  );
}

function WrapUpBar({ phone }: { phone: Extract<Phone, { phase: "wrap_up" }> }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const now = useNow();
  const left = phone.until === undefined ? undefined : Math.max(0, phone.until - now) / 1000;
  return (
    <section
      className="callbar"
      aria-label={t("wrapup.bar")}
      data-state="wrap_up"
      data-conversation={phone.conversationId}
    >
      <Who phone={phone}>
        <Tag tone="accent">{t("wrapup.title")}</Tag>
      </Who>
      <div className="time">
        <div role="timer" className="num" aria-label={t("wrapup.timer")}>
          {clock(left ?? (now - phone.since) / 1000)}
        </div>
        <div className="sub">{t(left === undefined ? "wrapup.elapsed" : "wrapup.left")}</div>
      </div>
      {!pathname.startsWith("/inbox") && (
        <div className="controls">
          <Button onClick={() => navigate(`/inbox/mine/${phone.conversationId}`)}>{t("wrapup.open")}</Button>
        </div>
      )}
    </section>
  );
}
