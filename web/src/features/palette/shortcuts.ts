import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { useWorkbench } from "@/app/workbench";
import { commandCall, commandConsult } from "@/features/softphone/commands";
import { useAnswer } from "@/features/softphone/OfferCard";
import { useSoftphone } from "@/features/softphone/store";
import { commandSupervision } from "@/features/supervision/commands";
import { useSupervision } from "@/features/supervision/store";
import { typing } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { actionOf, chordOf, type KeyAction, worksInFields } from "./keymap";
import { useKeys } from "./keyStore";
import { openPalette } from "./Palette";
import { openShortcuts } from "./ShortcutsHelp";

const PAGES: Partial<Record<KeyAction, string>> = {
  go_inbox: "/inbox",
  go_calls: "/calls",
  go_customers: "/customers",
  go_wallboard: "/wallboard",
  go_figures: "/reports/figures",
  go_settings: "/settings/me",
};
const CONSULT = {
  consult_complete: "complete",
  consult_merge: "merge",
  consult_swap: "swap",
  consult_cancel: "cancel",
} as const;
const SEQUENCE_MS = 1200;

/** Walking through a list by keys reaches it by an event of the window. */
export type ListStep = "next" | "previous";

/** The keys of the whole workbench. Single letters never while somebody types. */
export function useShortcuts(): void {
  const navigate = useNavigate();
  const answer = useAnswer();
  const { phone, me } = useWorkbench();
  const fail = useProblemNotice();
  const reject = () => void phone?.reject().catch(fail);
  const load = useKeys((s) => s.load);
  useEffect(() => load(me.id), [load, me.id]);
  const latest = useRef({ navigate, answer, reject });
  latest.current = { navigate, answer, reject };
  useEffect(() => {
    let first: { chord: string; until: number } | undefined;
    const on = (e: KeyboardEvent) => {
      if (e.isComposing || e.repeat || e.defaultPrevented) return;
      const chord = chordOf(e);
      if (chord === undefined || (typing(e) && !worksInFields(chord))) return;
      const { keys, singles } = useKeys.getState();
      const now = performance.now();
      const action = actionOf(keys, singles, first && now < first.until ? first.chord : undefined, chord);
      first = action === "begin" ? { chord, until: now + SEQUENCE_MS } : undefined;
      if (action !== undefined && action !== "begin" && act(action, latest.current)) e.preventDefault();
    };
    addEventListener("keydown", on);
    return () => removeEventListener("keydown", on);
  }, []);
}

/** Does what the keys say; false when it makes no sense now, so that the browser may. */
function act(
  action: KeyAction,
  on: { navigate: (to: string) => void; answer: () => void; reject: () => void },
): boolean {
  const { phase } = useSoftphone.getState().phone;
  switch (action) {
    case "palette":
      openPalette();
      return true;
    case "help":
      openShortcuts();
      return true;
    case "answer":
    case "reject":
      if (phase !== "ringing") return false;
      on[action]();
      return true;
    case "mute":
    case "hold":
    case "record":
    case "keypad":
    case "transfer":
    case "add":
    case "end":
      if (phase !== "talking") return false;
      commandCall(action);
      return true;
    case "consult_complete":
    case "consult_merge":
    case "consult_swap":
    case "consult_cancel":
      if (phase !== "talking") return false;
      commandConsult(CONSULT[action]);
      return true;
    case "leave":
      if (phase === "talking") {
        commandConsult("leave");
        return true;
      }
      if (useSupervision.getState().ear.phase !== "on") return false;
      commandSupervision(action);
      return true;
    case "listen":
    case "whisper":
    case "join":
    case "take_over":
      if (useSupervision.getState().ear.phase !== "on") return false;
      commandSupervision(action);
      return true;
    case "next":
    case "previous":
      dispatchEvent(new CustomEvent<ListStep>("hotline:list", { detail: action }));
      return true;
    case "note": {
      const field = document.getElementById("composer");
      field?.focus();
      return field !== null;
    }
    default: {
      const to = PAGES[action];
      if (to) on.navigate(to);
      return to !== undefined;
    }
  }
}
