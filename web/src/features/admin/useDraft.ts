import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useBlocker } from "react-router";
import type { Flow } from "@/api/types";
import { ask } from "@/ui/confirm";
import { type KeptDraft, keepDraft, keptDraft } from "./draft";

/** The address to which an answered call leads: nobody is asked anything then. */
const toCall = (path: string) => /^\/inbox\/mine\/./.test(path);

export interface Draft {
  text: string;
  setText(text: string): void;
  dirty: boolean;
  /** Unsaved text of an earlier visit that was brought back. */
  restored: KeptDraft | undefined;
  discard(): void;
  /** Takes another text; asks first when that would lose one. */
  replace(text: string): Promise<void>;
}

/** The text of a flow while it is edited: kept in this tab until it is saved. */
export function useDraft(userId: string, flow: Flow): Draft {
  const { t } = useTranslation();
  const [restored, setRestored] = useState(() => {
    const kept = keptDraft(userId, flow.id);
    return kept && kept.text !== flow.draft ? kept : undefined;
  });
  const [text, setText] = useState(restored?.text ?? flow.draft);
  const dirty = text !== flow.draft;
  const base = restored?.version ?? flow.version;
  useEffect(
    () => keepDraft(userId, flow.id, dirty ? { text, version: base } : undefined),
    [userId, flow.id, dirty, text, base],
  );
  useEffect(() => {
    if (!dirty) setRestored(undefined); // saved: from here on it is today's text
  }, [dirty]);
  useEffect(() => {
    if (!dirty) return;
    const on = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", on);
    return () => removeEventListener("beforeunload", on);
  }, [dirty]);

  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      dirty && currentLocation.pathname !== nextLocation.pathname && !toCall(nextLocation.pathname),
  );
  useEffect(() => {
    if (blocker.state !== "blocked") return;
    void ask({
      title: t("flow.leave_title"),
      text: t("flow.leave_text"),
      action: t("flow.leave"),
      cancel: t("flow.stay"),
      danger: false,
    }).then((yes) => (yes ? blocker.proceed() : blocker.reset()));
  }, [blocker, t]);

  return {
    text,
    setText,
    dirty,
    restored: dirty ? restored : undefined,
    discard: () => {
      setRestored(undefined);
      setText(flow.draft);
    },
    replace: async (other) => {
      if (
        !dirty ||
        (await ask({
          title: t("flow.replace_title"),
          text: t("flow.replace_text"),
          action: t("flow.replace"),
        }))
      )
        setText(other);
    },
  };
}
