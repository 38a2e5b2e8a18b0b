import { SegmentedControl } from "@mantine/core";
import { IconHeadphones, IconPhoneIncoming, IconX } from "@tabler/icons-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useDirectory } from "@/api/directory";
import { useWorkbench } from "@/app/workbench";
import { useConversation } from "@/features/inbox/queries";
import { ariaKeys } from "@/features/palette/keymap";
import { useKeys } from "@/features/palette/keyStore";
import { Timer } from "@/features/softphone/CallBar";
import { useCaller } from "@/i18n/caller";
import { Button, Tag } from "@/ui";
import { ask } from "@/ui/confirm";
import { useProblemNotice } from "@/ui/problem";
import { onSupervisionCommand, type SupervisionCommand } from "./commands";
import { type Ear, MODES, type Mode } from "./state";
import { useSupervision } from "./store";

const MODE_OF = { listen: "monitor", whisper: "whisper", join: "barge" } as const;

/** The call that this page listens to, on whatever page; absent without one. */
export function SupervisionBar() {
  const ear = useSupervision((s) => s.ear);
  return ear.phase === "on" ? <Bar ear={ear} /> : null;
}

function Bar({ ear }: { ear: Extract<Ear, { phase: "on" }> }) {
  const { t } = useTranslation();
  const { supervision, phone } = useWorkbench();
  const fail = useProblemNotice();
  const directory = useDirectory();
  const caller = useCaller();
  const keys = useKeys((s) => s.keys);
  const detail = useConversation(ear.conversationId).data;
  const setMode = (mode: Mode) => {
    if (mode === "monitor" || ear.microphone) void supervision?.setMode(mode).catch(fail);
  };
  const takeOver = async () => {
    const yes = await ask({
      title: t("supervise.take_over"),
      text: t("supervise.take_over_hint"),
      action: t("supervise.take_over"),
      danger: false,
    });
    if (yes) await supervision?.takeOver().catch(fail);
  };
  const leave = () => void supervision?.leave().catch(fail);
  const ready = ear.media === "live";
  const noTaking = !phone
    ? t("supervise.not_agent")
    : !ear.microphone
      ? t("supervise.no_microphone")
      : !ready
        ? t("call.wait")
        : undefined;

  const act = (command: SupervisionCommand) => {
    if (command === "leave") leave();
    else if (command === "take_over") {
      if (noTaking === undefined) void takeOver();
    } else setMode(MODE_OF[command]);
  };
  useEffect(() => onSupervisionCommand(act));

  return (
    <section
      className="callbar supervision"
      aria-label={t("supervise.bar")}
      data-state="supervise"
      data-mode={ear.mode}
      data-media={ear.media}
      data-conversation={ear.conversationId}
    >
      <IconHeadphones size={22} stroke={1.6} aria-hidden="true" />
      <div className="who">
        <div className="name">
          <Link to={`/calls/${ear.conversationId}`}>
            {detail
              ? caller.name(detail.customer?.name, detail.conversation.caller_number)
              : t("state.loading")}
          </Link>
          <Tag tone="accent">{t(ready ? `supervise.now.${ear.mode}` : "call.connecting")}</Tag>
        </div>
        <div className="sub">{directory.agent(detail?.conversation.agent_id)}</div>
      </div>
      <div className="time">
        <Timer since={ear.since} label={t("supervise.duration")} />
      </div>
      <div className="controls">
        <SegmentedControl
          size="xs"
          aria-label={t("supervise.mode")}
          value={ear.mode}
          onChange={(v) => setMode(v as Mode)}
          data={MODES.map((mode) => ({
            value: mode,
            label: t(`supervise.${mode}`),
            disabled: mode !== "monitor" && !ear.microphone,
          }))}
        />
        <Button
          size="sm"
          onClick={() => void takeOver()}
          busy={ear.taking}
          reason={noTaking}
          aria-keyshortcuts={ariaKeys(keys.take_over)}
        >
          <IconPhoneIncoming size={15} aria-hidden="true" />
          {t("supervise.take_over")}
        </Button>
        <Button size="sm" onClick={leave} aria-keyshortcuts={ariaKeys(keys.leave)}>
          <IconX size={15} aria-hidden="true" />
          {t("supervise.leave")}
        </Button>
      </div>
    </section>
  );
}
