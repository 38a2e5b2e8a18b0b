import { IconClockPlus } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { labelOf, useAll } from "@/api/directory";
import { fieldFaults } from "@/api/problem";
import type { Queue, WrapUpCode } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { keyLabels } from "@/features/palette/keymap";
import { onMac } from "@/features/palette/keyStore";
import { clock } from "@/i18n/format";
import { Button, Tag } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useFaultText, useProblemNotice } from "@/ui/problem";
import type { Phone } from "./state";
import { noteHasFocus, useSoftphone } from "./store";

/** After the call: what it was about, a note, and a little more time. */
export function WrapUpPanel({
  phone,
  queueId,
  kept,
}: {
  phone: Extract<Phone, { phase: "wrap_up" }>;
  queueId: string;
  /** The note as the server has it. */
  kept: string;
}) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const fail = useProblemNotice();
  const faultText = useFaultText();
  const [refused, setRefused] = useState("");
  const now = useNow();
  const codes = (useAll<WrapUpCode>("wrapup-codes").data ?? [])
    .filter((c) => !c.queue_id || c.queue_id === queueId)
    .toSorted((a, b) => a.order - b.order);
  const queue = useAll<Queue>("queues").data?.find((q) => q.id === queueId);
  const required = codes.some((c) => c.required);
  const extensionsLeft = Math.max(0, (queue?.wrap_up_extensions ?? 0) - phone.extensionsUsed);
  const typedNote = useSoftphone((s) => s.notes[phone.conversationId]);
  const [code, setCode] = useState("");
  const group = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [typed] = useState(noteHasFocus); // who was writing when the call ended goes on writing
  const count = codes.length;
  useEffect(() => {
    if (typed) field.current?.focus();
    else if (count > 0) group.current?.querySelector<HTMLElement>("button")?.focus();
  }, [typed, count]);

  const note = typedNote ?? kept;
  const left = phone.until === undefined ? undefined : Math.max(0, (phone.until - now) / 1000);
  const missing = required && !code ? t("wrapup.code_required") : undefined;
  const save = () => {
    setRefused("");
    void controller?.wrapUp(code, note).catch((err: unknown) => {
      const fault = fieldFaults(err).code;
      if (fault) setRefused(faultText(fault));
      else fail(err);
    });
  };
  return (
    <section
      className="wrapup"
      aria-label={t("wrapup.title")}
      onKeyDown={(e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && missing === undefined && !phone.saving) save();
      }}
    >
      <div className="head">
        <h3>{t("wrapup.title")}</h3>
        {left !== undefined && (
          <Tag tone={left < 10 ? "warn" : "accent"}>
            <span className="num">{t("wrapup.left_time", { time: clock(left) })}</span>
          </Tag>
        )}
        <span style={{ flex: 1 }} />
        <Button
          size="sm"
          onClick={() => void controller?.extendWrapUp().catch(fail)}
          reason={extensionsLeft > 0 ? undefined : t("wrapup.no_extension")}
        >
          <IconClockPlus size={15} aria-hidden="true" />
          {t("wrapup.extend", { n: extensionsLeft })}
        </Button>
      </div>
      <div
        className="codes"
        role="radiogroup"
        aria-label={t("wrapup.code")}
        ref={group}
        onKeyDown={moveInGroup}
      >
        {codes.map((c) => (
          <button
            key={c.id}
            type="button"
            role="radio"
            aria-checked={code === c.code}
            className="chip"
            onClick={() => setCode(code === c.code && !required ? "" : c.code)}
          >
            {labelOf(c.names, c.code)}
          </button>
        ))}
        {codes.length === 0 && <span className="meta">{t("wrapup.no_codes")}</span>}
      </div>
      {refused && (
        <p className="fault" role="alert">
          {t("wrapup.code")}: {refused}
        </p>
      )}
      <div className="composer" style={{ padding: 0, border: 0 }}>
        <div className="box">
          <textarea
            aria-label={t("wrapup.note")}
            placeholder={t("wrapup.note_placeholder")}
            value={note}
            maxLength={4000}
            ref={field}
            onChange={(e) => controller?.writeNote(phone.conversationId, e.currentTarget.value)}
          />
        </div>
      </div>
      <div className="foot">
        <span className="meta">{t("wrapup.hint", { keys: keyLabels("Mod+Enter", onMac).join("+") })}</span>
        <span className="spacer" />
        <Button kind="primary" onClick={save} busy={phone.saving} reason={missing}>
          {t("wrapup.finish")}
        </Button>
      </div>
    </section>
  );
}

/** Arrow keys move between the choices, as in every radio group. */
function moveInGroup(e: React.KeyboardEvent<HTMLDivElement>): void {
  const step =
    e.key === "ArrowRight" || e.key === "ArrowDown"
      ? 1
      : e.key === "ArrowLeft" || e.key === "ArrowUp"
        ? -1
        : 0;
  if (step === 0) return;
  e.preventDefault();
  const all = [...e.currentTarget.querySelectorAll<HTMLElement>('[role="radio"]')];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const next = all[(at + step + all.length) % all.length];
  next?.focus();
  next?.click();
}
