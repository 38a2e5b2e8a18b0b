import {
  IconArrowForwardUp,
  IconBell,
  IconCheck,
  IconClock,
  IconDots,
  IconFileAlert,
  IconFileMusic,
  IconHeadphones,
  IconHeadphonesOff,
  IconLock,
  IconLockOpen,
  IconMessageQuestion,
  IconPhone,
  IconPhoneIncoming,
  IconPhoneOff,
  IconPlayerPause,
  IconPlayerRecord,
  IconRoute,
  IconUsersGroup,
  IconUsersMinus,
  IconUsersPlus,
  IconVolumeOff,
  type TablerIcon,
} from "@tabler/icons-react";
import type { TFunction } from "i18next";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { type Directory, useDirectory } from "@/api/directory";
import type { ConversationEvent, Detail, Message } from "@/api/types";
import { day, millis, timeOfDay } from "@/i18n/format";
import type { Tone } from "@/ui";

const LOOK: Record<string, [TablerIcon, Tone]> = {
  "conversation.initiated": [IconPhoneIncoming, "accent"],
  "conversation.flow_entered": [IconRoute, undefined],
  "conversation.flow_left": [IconRoute, undefined],
  "conversation.queued": [IconUsersGroup, undefined],
  "conversation.offered": [IconBell, undefined],
  "conversation.connected": [IconPhone, "ok"],
  "conversation.held": [IconPlayerPause, "warn"],
  "conversation.resumed": [IconPhone, "ok"],
  "conversation.consult_started": [IconMessageQuestion, "accent"],
  "conversation.consult_ended": [IconMessageQuestion, undefined],
  "conversation.party_joined": [IconUsersPlus, "ok"],
  "conversation.party_left": [IconUsersMinus, undefined],
  "conversation.transferred": [IconArrowForwardUp, "accent"],
  "conversation.wrap_up_started": [IconPhoneOff, undefined],
  "conversation.wrapped_up": [IconCheck, undefined],
  "conversation.completed": [IconCheck, "ok"],
  "offer.rejected": [IconBell, "warn"],
  "offer.timeout": [IconBell, "warn"],
  "offer.canceled": [IconBell, undefined],
  "offer.rescinded": [IconBell, undefined],
  "queue.overflowed": [IconUsersGroup, "warn"],
  "queue.overflow_skipped": [IconUsersGroup, "warn"],
  "queue.timeout": [IconClock, "warn"],
  "customer.contact_refused": [IconPhoneOff, "warn"],
  "agent.media_lost": [IconVolumeOff, "bad"],
  "agent.media_resumed": [IconPhone, "ok"],
  "monitor.started": [IconHeadphones, "accent"],
  "monitor.mode_changed": [IconHeadphones, "accent"],
  "monitor.ended": [IconHeadphonesOff, undefined],
  "recording.started": [IconPlayerRecord, "bad"],
  "recording.consented": [IconCheck, "ok"],
  "recording.refused": [IconPlayerPause, "warn"],
  "recording.skipped": [IconPlayerPause, "warn"],
  "recording.paused": [IconPlayerPause, "warn"],
  "recording.resumed": [IconPlayerRecord, "bad"],
  "recording.held": [IconLock, undefined],
  "recording.released": [IconLockOpen, undefined],
  "recording.ready": [IconFileMusic, undefined],
  "recording.failed": [IconFileAlert, "bad"],
};

/** What people want to read: segments, work states and explanations are for the call's own page. */
const QUIET = new Set([
  "segment.started",
  "segment.ended",
  "routing.explained",
  "agent.work_state_changed",
  "queue.entered",
  "offer.created",
  "offer.accepted",
  "conversation.offered",
]);

export function eventText(
  e: ConversationEvent,
  t: TFunction,
  d: Directory,
  exists: (key: string) => boolean,
): { text: string; detail: string } {
  const data = e.data ?? {};
  const text = (k: string) => (typeof data[k] === "string" ? (data[k] as string) : "");
  const withdrawn = e.type === "offer.canceled" && text("consult_by") !== ""; // the customer is still there
  const sent = e.type === "conversation.flow_entered" && data.agent_waits === true;
  const kind = withdrawn ? "offer.rescinded" : sent ? "conversation.flow_sent" : e.type;
  const key = `event.${kind.replaceAll(".", "_")}`;
  const agent = d.agent(e.agent_id || text("agent_id"));
  const queue = d.queue(e.queue_id || text("queue_id"));
  const node = text("node") || text("name");
  const outcome = e.type === "conversation.flow_left" ? `consult.flow_outcome.${text("outcome")}` : "";
  const code = text("end_reason") || text("reason");
  const detail = [
    queue,
    agent,
    node,
    d.flow(text("flow_id")),
    e.type === "conversation.wrapped_up" ? d.wrapUpCode(text("wrap_up_code")) : "",
    e.type.startsWith("monitor.") && exists(`supervise.now.${text("mode")}`)
      ? t(`supervise.now.${text("mode")}`)
      : "",
    outcome && exists(outcome) ? t(outcome) : "",
    code && exists(`reason.${code}`) ? t(`reason.${code}`) : "",
    e.type !== "recording.failed" && exists(`recording.why.${code}`) ? t(`recording.why.${code}`) : "",
    e.type.startsWith("conversation.consult_") && text("kind") === "agent" ? d.agent(text("target")) : "",
    e.type === "conversation.consult_ended" && exists(`consult.state_why.${code}`)
      ? t(`consult.state_why.${code}`)
      : "",
    e.type === "recording.failed" && exists(`recording.failure.${code}`)
      ? t(`recording.failure.${code}`)
      : "",
  ];
  return { text: exists(key) ? t(key) : e.type, detail: [...new Set(detail.filter(Boolean))].join(" · ") };
}

type Item = { at: number; ts: string; event?: ConversationEvent; message?: Message };

/** The conversation's log: its events and messages in the order of time. */
export function EventLog({ detail, everything = false }: { detail: Detail; everything?: boolean }) {
  const { t, i18n } = useTranslation();
  const directory = useDirectory();
  const box = useRef<HTMLDivElement>(null);
  const items: Item[] = [
    ...detail.events
      .filter((e) => everything || !QUIET.has(e.type))
      .filter((e) => e.type !== "message.received")
      .map((event): Item => ({ at: millis(event.ts) ?? 0, ts: event.ts, event })),
    ...detail.messages.map(
      (message): Item => ({ at: millis(message.created_at) ?? 0, ts: message.created_at, message }),
    ),
  ].sort((a, b) => a.at - b.at || (a.event?.seq ?? 0) - (b.event?.seq ?? 0));
  const count = items.length;
  useEffect(() => {
    if (count > 0 && !everything) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [count, everything]);

  let last = "";
  return (
    <div className="log" role="log" aria-label={t("conversation.log")} ref={box} tabIndex={0}>
      {!everything && <div className="push" />}
      {items.map((item) => {
        const date = day(item.ts);
        const head = date === last ? null : <div className="day">{date}</div>;
        last = date;
        return (
          <div key={item.event?.id || item.message?.id || item.ts} style={{ display: "contents" }}>
            {head}
            {item.message ? (
              <Bubble m={item.message} />
            ) : (
              item.event && <Entry e={item.event} {...eventText(item.event, t, directory, i18n.exists)} />
            )}
          </div>
        );
      })}
      {count === 0 && <div className="day">{t("conversation.no_events")}</div>}
    </div>
  );
}

function Entry({ e, text, detail }: { e: ConversationEvent; text: string; detail: string }) {
  const [Icon, tone] = LOOK[e.type] ?? [IconDots, undefined];
  return (
    <div className="entry" data-event={e.type}>
      <span className="ico" data-tone={tone}>
        <Icon size={14} stroke={1.8} aria-hidden="true" />
      </span>
      <div className="what">
        {text}
        {detail && <small>{detail}</small>}
      </div>
      <time className="num" dateTime={e.ts}>
        {timeOfDay(e.ts)}
      </time>
    </div>
  );
}

function Bubble({ m }: { m: Message }) {
  const { t } = useTranslation();
  const directory = useDirectory();
  const side = m.author === "customer" ? "customer" : "agent";
  const known = m.author === "customer" || m.author === "flow" || m.author === "bot" || m.author === "system";
  return (
    <>
      <div className="bubble" data-side={side}>
        {m.text}
      </div>
      <div className="by num" data-side={side}>
        {known ? t(`message.${m.author}`) : directory.agent(m.author)} · {timeOfDay(m.created_at)}
      </div>
    </>
  );
}
