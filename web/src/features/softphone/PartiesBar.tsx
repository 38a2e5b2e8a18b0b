import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconArrowsExchange,
  IconDoorExit,
  IconUsersPlus,
  IconX,
  type TablerIcon,
} from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useWorkbench } from "@/app/workbench";
import { ariaKeys, type KeyAction, keyLabels, worksInFields } from "@/features/palette/keymap";
import { onMac, useKeys } from "@/features/palette/keyStore";
import { Button, Tag, type Tone } from "@/ui";
import { notify } from "@/ui/notify";
import { useProblemNotice } from "@/ui/problem";
import { type ConsultCommand, onConsultCommand } from "./commands";
import { type Member, type Parties, partOf } from "./parties";
import { useSoftphone } from "./store";

const LOOK: Record<ConsultCommand, TablerIcon> = {
  complete: IconArrowForwardUp,
  merge: IconUsersPlus,
  swap: IconArrowsExchange,
  cancel: IconArrowBackUp,
  leave: IconDoorExit,
  take_back: IconArrowBackUp,
};

const KEYS: Record<ConsultCommand, KeyAction> = {
  complete: "consult_complete",
  merge: "consult_merge",
  swap: "consult_swap",
  cancel: "consult_cancel",
  leave: "leave",
  take_back: "consult_cancel",
};

const TONES: Record<Member["state"], Tone> = {
  talking: "ok",
  waiting: "warn",
  consulting: "accent",
  ringing: "accent",
  in_flow: "accent",
  lost: "bad",
};

/** Who is in the call and what is being asked; nothing for a call of two. */
export function PartiesBar({ conversationId }: { conversationId: string }) {
  const { me } = useWorkbench();
  const parties = useSoftphone((s) => s.parties);
  const part = partOf(parties, conversationId, me.agent_id ?? "");
  if (!part.shown || !parties) return null;
  return <Bar parties={parties} conversationId={conversationId} agentId={me.agent_id ?? ""} />;
}

function Bar({
  parties,
  conversationId,
  agentId,
}: {
  parties: Parties;
  conversationId: string;
  agentId: string;
}) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const fail = useProblemNotice();
  const keys = useKeys((s) => s.keys);
  const singles = useKeys((s) => s.singles);
  const [busy, setBusy] = useState<string>();
  const part = partOf(parties, conversationId, agentId);
  const consult = parties.consult;
  const able: Record<ConsultCommand, boolean> = {
    complete: part.answered,
    merge: part.answered,
    swap: part.answered,
    cancel: part.asking,
    leave: part.mayLeave && !part.asking,
    take_back: part.served,
  };
  const run = (what: string, deed: Promise<void> | undefined) => {
    setBusy(what);
    deed?.catch(fail).finally(() => setBusy(undefined));
  };
  useEffect(() =>
    onConsultCommand((command) => {
      if (busy !== undefined) return;
      const step = command === "cancel" && part.served ? "take_back" : command; // one key for the way back
      if (able[step]) run(step, controller?.consultStep(step));
      else notify({ id: "call-command", message: t("consult.not_now"), autoClose: 3000 });
    }),
  );
  const name = (m: Member) =>
    m.kind === "customer" ? t("party.customer") : m.id === agentId ? t("consult.you") : m.name;
  return (
    <section className="parties" aria-label={t("consult.parties")}>
      <ul>
        {parties.parties.map((m) => (
          <li key={m.id} data-party={m.kind} data-state={m.state}>
            <span>{name(m)}</span>
            <Tag tone={TONES[m.state]}>{t(`consult.state.${m.state}`)}</Tag>
            {part.leads && m.kind !== "customer" && m.id !== agentId && m.state !== "ringing" && (
              <button
                type="button"
                className="icon-button"
                aria-label={t("consult.remove", { name: name(m) })}
                onClick={() => run(m.id, controller?.removeParty(m.id))}
              >
                <IconX size={14} aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
        {parties.flow && (
          <li data-party="flow">
            <span>{parties.flow.name}</span>
          </li>
        )}
        {consult && !consult.answered && consult.kind !== "number" && (
          <li data-party="asked" data-state="ringing">
            <span>{consult.name}</span>
            <Tag tone="accent">{t("consult.state.ringing")}</Tag>
          </li>
        )}
      </ul>
      <div className="steps" role="toolbar" aria-label={t("consult.steps")}>
        {(Object.keys(LOOK) as ConsultCommand[])
          .filter((c) => able[c])
          .map((c) => {
            const Icon = LOOK[c];
            const key = keys[KEYS[c]];
            const shown = key && (singles || worksInFields(key)) ? key : "";
            const label =
              c === "swap"
                ? t(consult?.swapped ? "consult.to_colleague" : "consult.swap")
                : t(`consult.${c}`);
            return (
              <Button
                key={c}
                size="sm"
                kind={c === "complete" ? "primary" : "soft"}
                busy={busy === c}
                reason={busy !== undefined && busy !== c ? t("call.wait") : undefined}
                onClick={() => run(c, controller?.consultStep(c))}
                aria-keyshortcuts={ariaKeys(shown)}
                title={shown ? `${label} (${keyLabels(shown, onMac).join("+")})` : label}
              >
                <Icon size={16} aria-hidden="true" />
                {label}
              </Button>
            );
          })}
      </div>
    </section>
  );
}
