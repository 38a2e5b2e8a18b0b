import { Popover, Tooltip } from "@mantine/core";
import {
  IconArrowForwardUp,
  IconGridDots,
  IconMicrophone,
  IconMicrophoneOff,
  IconPhoneOff,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerRecord,
  IconPlayerRecordFilled,
  IconUserPlus,
  type TablerIcon,
} from "@tabler/icons-react";
import { forwardRef, type ReactNode, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useWorkbench } from "@/app/workbench";
import { ariaKeys, keyLabels, worksInFields } from "@/features/palette/keymap";
import { onMac, useKeys } from "@/features/palette/keyStore";
import { notify } from "@/ui/notify";
import { useProblemNotice } from "@/ui/problem";
import { ConsultPanel } from "./ConsultPanel";
import { type CallCommand, onCallCommand } from "./commands";
import { Keypad } from "./Keypad";
import { MOST, partOf } from "./parties";
import type { Phone } from "./state";
import { useSoftphone } from "./store";
import { TransferPanel } from "./TransferPanel";
import { useMayRecord, useRecording } from "./useRecording";

type Talking = Extract<Phone, { phase: "talking" }>;

/** What a control does, and why it cannot now: the same for mouse and keyboard. */
interface Deed {
  reason: string | undefined;
  run(): void;
}

type Panel = "keypad" | "transfer" | "add";

function useDeeds(phone: Talking, toggle: (panel: Panel) => void): Record<CallCommand, Deed> {
  const { t } = useTranslation();
  const { phone: controller, me } = useWorkbench();
  const fail = useProblemNotice();
  const parties = useSoftphone((s) => s.parties);
  const part = partOf(parties, phone.conversationId, me.agent_id ?? "");
  const others = part.leads ? undefined : t("consult.not_yours");
  const full = part.shown && (parties?.parties.length ?? 0) >= MOST ? t("consult.full") : undefined;
  const asking = part.asking ? t("consult.asking_reason") : undefined;
  const served = part.served ? t("consult.served_reason") : undefined;
  const [holding, setHolding] = useState(false);
  const held = phone.heldSince !== undefined;
  const recording = useRecording(phone.conversationId);
  const mayStart = useMayRecord(phone.conversationId);
  const next = recording === "running" ? "pause" : recording === "paused" ? "resume" : "start";
  const busy = phone.ending ? t("call.ending") : undefined;
  const hold = () => {
    setHolding(true);
    controller
      ?.setHeld(!held)
      .catch(fail)
      .finally(() => setHolding(false));
  };
  return {
    mute: { reason: busy, run: () => controller?.setMuted(!phone.muted) },
    hold: {
      reason:
        busy ??
        others ??
        served ??
        (part.answered || part.apart ? t("consult.hold_reason") : holding ? t("call.wait") : undefined),
      run: hold,
    },
    record: {
      reason: busy ?? others ?? (next === "start" && !mayStart ? t("call.record_reason") : undefined),
      run: () => void controller?.record(next).catch(fail),
    },
    keypad: {
      reason:
        busy ??
        others ??
        served ??
        (held ? t("call.held_reason") : part.apart ? t("consult.hold_reason") : undefined),
      run: () => toggle("keypad"),
    },
    transfer: {
      reason:
        busy ?? others ?? asking ?? served ?? (part.mayLeave ? t("consult.transfer_reason") : undefined),
      run: () => toggle("transfer"),
    },
    add: { reason: busy ?? others ?? asking ?? served ?? full, run: () => toggle("add") },
    end: { reason: busy, run: () => void controller?.end().catch(fail) },
  };
}

/** The call's buttons; the keyboard presses the same ones. */
export function CallControls({ phone }: { phone: Talking }) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const fail = useProblemNotice();
  const [open, setOpen] = useState<Panel>();
  const deeds = useDeeds(phone, (what) => setOpen((o) => (o === what ? undefined : what)));
  const keys = useKeys((s) => s.keys);
  const singles = useKeys((s) => s.singles);
  const held = phone.heldSince !== undefined;
  const recording = useRecording(phone.conversationId);
  const paused = recording === "paused";
  useEffect(() =>
    onCallCommand((command) => {
      const { reason, run } = deeds[command];
      if (reason === undefined) run();
      else notify({ id: "call-command", message: reason, autoClose: 3000 });
    }),
  );
  const control = (command: CallCommand, icon: TablerIcon, more: Partial<ControlProps> = {}) => (
    <Control
      icon={icon}
      label={t(`call.${command}`)}
      keys={singles || worksInFields(keys[command]) ? keys[command] : ""}
      onClick={deeds[command].run}
      reason={deeds[command].reason}
      {...more}
    />
  );
  const panel = (what: Panel, icon: TablerIcon, width: number, content: ReactNode, name?: string) => (
    <Flyout
      opened={open === what}
      onClose={() => setOpen(undefined)}
      width={width}
      label={name ?? t(`call.${what}`)}
      target={control(what, icon, { pressed: open === what, ...(name && { name }) })}
    >
      {content}
    </Flyout>
  );
  return (
    <div className="controls" role="toolbar" aria-label={t("call.controls")}>
      {control("mute", phone.muted ? IconMicrophoneOff : IconMicrophone, { pressed: phone.muted })}
      {control("hold", held ? IconPlayerPlay : IconPlayerPause, { pressed: held })}
      {control("record", paused ? IconPlayerRecord : IconPlayerRecordFilled, {
        name: t(
          paused ? "call.record_resume" : recording === "running" ? "call.record_pause" : "call.record_start",
        ),
        pressed: paused,
      })}
      {panel(
        "keypad",
        IconGridDots,
        240,
        <Keypad onKey={(k) => void controller?.sendDigits(k).catch(fail)} />,
      )}
      {panel("transfer", IconArrowForwardUp, 340, <TransferPanel onDone={() => setOpen(undefined)} />)}
      {panel(
        "add",
        IconUserPlus,
        400,
        <ConsultPanel onDone={() => setOpen(undefined)} />,
        t("call.add_person"),
      )}
      {control("end", IconPhoneOff, { name: t("call.end_call"), kind: "end" })}
    </div>
  );
}

interface ControlProps {
  icon: TablerIcon;
  label: string;
  /** The full accessible name, where the visible label is shorter. */
  name?: string;
  /** The binding of the keyboard. */
  keys?: string;
  pressed?: boolean;
  kind?: "end";
  reason?: string;
  onClick?: () => void;
}

const Control = forwardRef<HTMLButtonElement, ControlProps>(function Control(
  { icon: Icon, label, name, keys = "", pressed, kind, reason, onClick },
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
      aria-keyshortcuts={ariaKeys(keys)}
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
  const shown = keys ? ` (${keyLabels(keys, onMac).join("+")})` : "";
  return <Tooltip label={reason ?? `${name ?? label}${shown}`}>{button}</Tooltip>;
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
