import { Popover, Tooltip } from "@mantine/core";
import {
  IconArrowForwardUp,
  IconGridDots,
  IconMicrophone,
  IconMicrophoneOff,
  IconPhoneOff,
  IconPlayerPause,
  IconPlayerPlay,
  IconUserPlus,
  type TablerIcon,
} from "@tabler/icons-react";
import { forwardRef, type ReactNode, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { useWorkbench } from "@/app/workbench";
import { useConversation } from "@/features/inbox/queries";
import { useCaller } from "@/i18n/caller";
import { clock } from "@/i18n/format";
import { Avatar, Button, Tag } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { Keypad } from "./Keypad";
import type { Person, Phone } from "./state";
import { useSoftphone } from "./store";
import { TransferPanel } from "./TransferPanel";
import { usePerson } from "./usePerson";

type Talking = Extract<Phone, { phase: "talking" }>;

/** The active call, on whatever page the agent is; absent without one. */
export function CallBar() {
  const phone = useSoftphone((s) => s.phone);
  if (phone.phase === "talking") return <TalkBar phone={phone} />;
  if (phone.phase === "wrap_up") return <WrapUpBar phone={phone} />;
  return null;
}

/** Commands from the keyboard reach the bar by events of the window. */
export type CallCommand = "mute" | "hold" | "keypad" | "transfer" | "end";
export function commandCall(command: CallCommand): void {
  dispatchEvent(new CustomEvent<CallCommand>("hotline:call", { detail: command }));
}

function TalkBar({ phone }: { phone: Talking }) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const fail = useProblemNotice();
  const [open, setOpen] = useState<"keypad" | "transfer">();
  const [holding, setHolding] = useState(false);
  const held = phone.heldSince !== undefined;
  const recordings = useConversation(phone.conversationId).data?.recordings;
  const recording = phone.recording || recordings?.some((r) => r.state === "running") === true; // known after a reload, too
  const failed = !recording && recordings?.at(-1)?.state === "failed";
  const busyReason = phone.ending ? t("call.ending") : undefined;

  const hold = () => {
    setHolding(true);
    controller
      ?.setHeld(!held)
      .catch(fail)
      .finally(() => setHolding(false));
  };
  const end = () => void controller?.end().catch(fail);
  const mute = () => controller?.setMuted(!phone.muted);
  const toggle = (what: "keypad" | "transfer") => setOpen((o) => (o === what ? undefined : what));

  useEffect(() => {
    const on = (e: Event) => {
      const command = (e as CustomEvent<CallCommand>).detail;
      if (command === "mute") mute();
      else if (command === "hold") hold();
      else if (command === "end") end();
      else toggle(command);
    };
    addEventListener("hotline:call", on);
    return () => removeEventListener("hotline:call", on);
  });

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
          {recording ? (
            <>
              <span className="dot rec" data-live aria-hidden="true" />
              {t("call.recording")}
            </>
          ) : failed ? (
            <span className="warning">{t("call.recording_failed")}</span>
          ) : (
            t("call.not_recording")
          )}
        </div>
      </div>
      <div className="controls" role="toolbar" aria-label={t("call.controls")}>
        <Control
          icon={phone.muted ? IconMicrophoneOff : IconMicrophone}
          label={t("call.mute")}
          shortcut="M"
          pressed={phone.muted}
          onClick={mute}
          reason={busyReason}
        />
        <Control
          icon={held ? IconPlayerPlay : IconPlayerPause}
          label={t("call.hold")}
          shortcut="H"
          pressed={held}
          onClick={hold}
          reason={busyReason ?? (holding ? t("call.wait") : undefined)}
        />
        <Flyout
          opened={open === "keypad"}
          onClose={() => setOpen(undefined)}
          width={240}
          label={t("call.keypad")}
          target={
            <Control
              icon={IconGridDots}
              label={t("call.keypad")}
              shortcut="D"
              pressed={open === "keypad"}
              onClick={() => toggle("keypad")}
              reason={busyReason ?? (held ? t("call.held_reason") : undefined)}
            />
          }
        >
          <Keypad onKey={(k) => void controller?.sendDigits(k).catch(fail)} />
        </Flyout>
        <Flyout
          opened={open === "transfer"}
          onClose={() => setOpen(undefined)}
          width={340}
          label={t("call.transfer")}
          target={
            <Control
              icon={IconArrowForwardUp}
              label={t("call.transfer")}
              shortcut="T"
              pressed={open === "transfer"}
              onClick={() => toggle("transfer")}
              reason={busyReason}
            />
          }
        >
          <TransferPanel onDone={() => setOpen(undefined)} />
        </Flyout>
        <Control
          icon={IconUserPlus}
          label={t("call.add")}
          name={t("call.add_person")}
          reason={t("call.add_reason")}
        />
        <Control
          icon={IconPhoneOff}
          label={t("call.end")}
          name={t("call.end_call")}
          shortcut="Shift+E"
          kind="end"
          onClick={end}
          reason={busyReason}
        />
      </div>
    </section>
  );
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

interface ControlProps {
  icon: TablerIcon;
  label: string;
  /** The full accessible name, where the visible label is shorter. */
  name?: string;
  shortcut?: string;
  pressed?: boolean;
  kind?: "end";
  reason?: string;
  onClick?: () => void;
}

const Control = forwardRef<HTMLButtonElement, ControlProps>(function Control(
  { icon: Icon, label, name, shortcut, pressed, kind, reason, onClick },
  ref,
) {
  const id = useId();
  const button = (
    <button
      ref={ref}
      type="button"
      className="call-control"
      data-kind={kind}
      aria-label={name ?? label}
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      aria-disabled={reason === undefined ? undefined : true}
      aria-describedby={reason === undefined ? undefined : id}
      onClick={reason === undefined ? onClick : undefined}
    >
      <Icon size={20} stroke={1.6} aria-hidden="true" />
      <span aria-hidden="true">{label}</span>
      {reason !== undefined && (
        <span id={id} hidden>
          {reason}
        </span>
      )}
    </button>
  );
  return <Tooltip label={reason ?? `${name ?? label}${shortcut ? ` (${shortcut})` : ""}`}>{button}</Tooltip>;
});

function Flyout({
  opened,
  onClose,
  width,
  label,
  target,
  children,
}: {
  opened: boolean;
  onClose: () => void;
  width: number;
  label: string;
  target: ReactNode;
  children: ReactNode;
}) {
  return (
    <Popover
      withRoles={false}
      opened={opened}
      onChange={(o) => !o && onClose()}
      width={width}
      position="bottom"
      shadow="md"
      radius="lg"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <span>{target}</span>
      </Popover.Target>
      <Popover.Dropdown role="dialog" aria-label={label}>
        {children}
      </Popover.Dropdown>
    </Popover>
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
