import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { useWorkbench } from "@/app/workbench";
import { type CallCommand, commandCall } from "@/features/softphone/CallBar";
import { useAnswer } from "@/features/softphone/OfferCard";
import { useSoftphone } from "@/features/softphone/store";
import { typing } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { openShortcuts } from "./ShortcutsHelp";

const CALL_KEYS: Record<string, CallCommand> = { m: "mute", h: "hold", d: "keypad", t: "transfer", E: "end" };
const GO_KEYS: Record<string, string> = {
  i: "/inbox",
  c: "/calls",
  u: "/customers",
  w: "/wallboard",
  f: "/reports/figures",
  s: "/settings/me",
};
const SEQUENCE_MS = 1200;

/** The keys of the whole workbench. Single letters never while somebody types. */
export function useShortcuts(): void {
  const navigate = useNavigate();
  const answer = useAnswer();
  const { phone } = useWorkbench();
  const fail = useProblemNotice();
  const reject = () => void phone?.reject().catch(fail);
  const latest = useRef({ navigate, answer, reject });
  latest.current = { navigate, answer, reject };
  useEffect(() => {
    let goUntil = 0;
    const on = (e: KeyboardEvent) => {
      if (e.isComposing || e.repeat) return;
      if (e.ctrlKey && e.shiftKey && (e.code === "KeyA" || e.code === "KeyX")) {
        if (useSoftphone.getState().phone.phase !== "ringing") return;
        e.preventDefault();
        if (e.code === "KeyA") latest.current.answer();
        else latest.current.reject();
        return;
      }
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
      if (e.key === "?") {
        e.preventDefault();
        openShortcuts();
        return;
      }
      const now = performance.now();
      const to = GO_KEYS[e.key];
      if (now < goUntil && to) {
        goUntil = 0;
        e.preventDefault();
        latest.current.navigate(to);
        return;
      }
      if (e.key === "g") {
        goUntil = now + SEQUENCE_MS;
        return;
      }
      if (e.key === "n") {
        const field = document.getElementById("composer");
        if (field) {
          e.preventDefault();
          field.focus();
        }
        return;
      }
      const command = CALL_KEYS[e.key];
      if (command && useSoftphone.getState().phone.phase === "talking") {
        e.preventDefault();
        commandCall(command);
      }
    };
    addEventListener("keydown", on);
    return () => removeEventListener("keydown", on);
  }, []);
}
