import { Menu, SegmentedControl } from "@mantine/core";
import { IconCheck, IconChevronDown } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { labelOf, useAll } from "@/api/directory";
import type { Break, PresenceState } from "@/api/types";
import { askForNotices } from "@/features/softphone/desktop";
import type { Phone } from "@/features/softphone/state";
import { useSoftphone } from "@/features/softphone/store";
import { clock, millis } from "@/i18n/format";
import { Dot, type Tone } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { usePresence } from "./store";

/** What the pill says: work comes before presence. */
function pill(phone: Phone, state: PresenceState, notResponding: boolean): { key: string; tone: Tone } {
  if (phone.phase === "ringing") return { key: "presence.ringing", tone: "ok" };
  if (phone.phase === "talking")
    return phone.heldSince === undefined
      ? { key: "presence.on_call", tone: "ok" }
      : { key: "presence.on_hold", tone: "warn" };
  if (phone.phase === "wrap_up") return { key: "presence.wrap_up", tone: "accent" };
  if (notResponding) return { key: "presence.not_responding", tone: "bad" };
  if (state === "available") return { key: "presence.available", tone: "ok" };
  return state === "break"
    ? { key: "presence.break", tone: "warn" }
    : { key: "presence.offline", tone: undefined };
}

export function PresenceMenu() {
  const { t } = useTranslation();
  const phone = useSoftphone((s) => s.phone);
  const fail = useProblemNotice();
  const presence = usePresence();
  const breaks = (useAll<Break>("breaks").data ?? []).toSorted((a, b) => a.order - b.order);
  const busy = phone.phase === "talking" || phone.phase === "wrap_up";
  const [when, setWhen] = useState<"now" | "next">("now");
  const next = busy && when === "next";
  const label = pill(phone, presence.state, presence.notResponding);
  const reason = breaks.find((b) => b.id === presence.reason);
  const text = label.key === "presence.break" && reason ? labelOf(reason.names, reason.id) : t(label.key);

  const set = async (state: PresenceState, reasonCode = "") => {
    if (state === "available") askForNotices(); // calls may come from now on
    try {
      await api.put("/agents/me/presence", { presence: state, reason: reasonCode, next });
      if (next) presence.set({ nextState: state, nextReason: reasonCode });
      else
        presence.set({
          state,
          reason: reasonCode,
          since: new Date().toISOString(),
          notResponding: false,
          nextState: "",
        });
    } catch (err) {
      fail(err);
    }
  };
  const shown = next
    ? { state: presence.nextState, reason: presence.nextReason }
    : { state: presence.state, reason: presence.reason };
  const item = (state: PresenceState, tone: Tone, name: string, code = "") => (
    <Menu.Item
      key={state + code}
      leftSection={<Dot tone={tone} />}
      rightSection={
        shown.state === state && shown.reason === code ? (
          <IconCheck size={15} aria-label={t("presence.current")} />
        ) : undefined
      }
      onClick={() => void set(state, code)}
    >
      {name}
    </Menu.Item>
  );
  return (
    <Menu position="bottom-end" width={260} withinPortal>
      <Menu.Target>
        <button type="button" className="pill">
          <span className="sr-only">{t("presence.label")}</span>
          <Dot tone={label.tone} live={phone.phase === "ringing"} />
          {text}
          <Since ts={phone.phase === "idle" ? presence.since : undefined} />
          <IconChevronDown size={14} aria-hidden="true" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {busy && (
          <>
            <Menu.Label>{t("presence.applies")}</Menu.Label>
            <SegmentedControl
              fullWidth
              size="xs"
              m={6}
              mt={0}
              aria-label={t("presence.applies")}
              value={when}
              onChange={(v) => setWhen(v as "now" | "next")}
              data={[
                { value: "now", label: t("presence.now") },
                { value: "next", label: t("presence.next") },
              ]}
            />
          </>
        )}
        {item("available", "ok", t("presence.available"))}
        <Menu.Divider />
        <Menu.Label>{t("presence.break")}</Menu.Label>
        {breaks.map((b) => item("break", "warn", labelOf(b.names, b.id), b.id))}
        {breaks.length === 0 && <Menu.Item disabled>{t("presence.no_breaks")}</Menu.Item>}
        <Menu.Divider />
        {item("offline", undefined, t("presence.offline"))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Since({ ts }: { ts: string | undefined }) {
  const now = useNow();
  const start = millis(ts);
  return start === undefined ? null : <span className="meta num">{clock((now - start) / 1000)}</span>;
}
