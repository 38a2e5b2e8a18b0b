import { SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { labelOf, useDirectory } from "@/api/directory";
import { may } from "@/api/session";
import { useWorkbench } from "@/app/workbench";
import { boardQuery } from "@/features/wallboard/query";
import { Avatar, Button, Dot, type Tone } from "@/ui";
import { useProblemNotice } from "@/ui/problem";

export type TargetKind = "agent" | "queue" | "flow" | "number";

interface Target {
  id: string;
  name: string;
  hint: string;
  tone: Tone;
  reason?: string;
}

/** What can be done with a target; the first one is what Enter does. */
export interface Deed<K extends TargetKind> {
  key: string;
  label: string;
  /** The full name of the button beside a target. */
  named(target: string): string;
  icon?: ReactNode;
  /** The kind of target that it is for; every kind otherwise. */
  only?: K;
  run(kind: K, target: string): Promise<void>;
}

/** Finds an agent, a queue, a flow or a number, and does something with it. */
export function TargetPicker<K extends TargetKind>({
  kinds,
  kindLabel,
  deeds: all,
  hint,
  onDone,
}: {
  kinds: readonly K[];
  kindLabel: string;
  deeds: readonly Deed<K>[];
  hint: string;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const fail = useProblemNotice();
  const [kind, setKind] = useState<K>(kinds[0] as K);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState<string>();
  const deeds = all.filter((d) => d.only === undefined || d.only === kind);
  const targets = useTargets(kind).filter((x) => x.name.toLowerCase().includes(text.trim().toLowerCase()));
  const number = text.replace(/[\s()-]/g, "");
  const numberOk = /^\+?[0-9*#]{2,20}$/.test(number);

  const go = (deed: Deed<K> | undefined, target: string) => {
    if (busy !== undefined || deed === undefined) return;
    setBusy(deed.key + target);
    deed
      .run(kind, target)
      .then(onDone, fail)
      .finally(() => setBusy(undefined));
  };
  return (
    <div style={{ display: "flex", flexDirection: "column", gap: 10 }}>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={kindLabel}
        value={kind}
        onChange={(v) => setKind(v as K)}
        data={kinds.map((k) => ({ value: k, label: t(`transfer.${k}`) }))}
      />
      <TextInput
        aria-label={t(kind === "number" ? "transfer.enter_number" : "transfer.search")}
        placeholder={t(kind === "number" ? "transfer.enter_number" : "transfer.search")}
        leftSection={<IconSearch size={15} aria-hidden="true" />}
        inputMode={kind === "number" ? "tel" : "search"}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        data-autofocus
        onKeyDown={(e) => {
          if (e.key === "Enter" && !e.repeat && !e.nativeEvent.isComposing && kind === "number" && numberOk)
            go(deeds[0], number);
        }}
      />
      {kind === "number" ? (
        deeds.map((deed, i) => (
          <Button
            key={deed.key}
            kind={i === 0 ? "primary" : "soft"}
            onClick={() => go(deed, number)}
            busy={busy === deed.key + number}
            reason={numberOk ? undefined : t("transfer.number_reason")}
          >
            {deed.icon}
            {deed.named(number || t("transfer.number"))}
          </Button>
        ))
      ) : (
        <ul
          aria-label={t("transfer.targets")}
          style={{ maxHeight: 260, overflowY: "auto" }}
          className="mini-list"
        >
          {targets.map((x) => (
            <li key={x.id}>
              {kind === "agent" ? <Avatar name={x.name} /> : null}
              <div className="grow">
                <div>{x.name}</div>
                <div className="meta" style={{ display: "flex", gap: 6, alignItems: "center" }}>
                  {kind === "agent" && x.hint && <Dot tone={x.tone} />}
                  {x.hint}
                </div>
              </div>
              {deeds.map((deed) => (
                <Button
                  key={deed.key}
                  size="sm"
                  kind="soft"
                  busy={busy === deed.key + x.id}
                  reason={
                    x.reason ?? (busy !== undefined && busy !== deed.key + x.id ? t("call.wait") : undefined)
                  }
                  onClick={() => go(deed, x.id)}
                  aria-label={deed.named(x.name)}
                >
                  {deed.label}
                </Button>
              ))}
            </li>
          ))}
          {targets.length === 0 && <li className="meta">{t("transfer.none")}</li>}
        </ul>
      )}
      <p className="meta">{hint}</p>
    </div>
  );
}

function useTargets(kind: TargetKind): Target[] {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const directory = useDirectory();
  // Who may not see the wallboard does not know who is free; the router does.
  const board = useQuery({ ...boardQuery, enabled: may(me, "wallboard.read") }).data;
  if (kind === "queue")
    return directory.queues.map((q) => {
      const live = board?.queues.find((b) => b.queue_id === q.id);
      return {
        id: q.id,
        name: labelOf(q.names, q.name),
        hint: live ? t("transfer.waiting", { n: live.waiting }) : "",
        tone: undefined,
      };
    });
  if (kind === "flow")
    return directory.flows
      .filter((f) => f.published)
      .map((f) => ({ id: f.id, name: f.name, hint: "", tone: undefined }));
  if (kind === "number") return [];
  return directory.agents
    .filter((a) => a.id !== me.agent_id && a.enabled !== false)
    .map((a) => {
      const live = board?.agents.find((b) => b.agent_id === a.id);
      const presence = live?.presence.presence;
      const offline = presence === "offline";
      const busy = live !== undefined && live.works.length > 0;
      return {
        id: a.id,
        name: a.name,
        hint: live ? t(busy && !offline ? "transfer.busy" : `presence.${presence}`) : "",
        tone: (offline ? undefined : busy || presence === "break" ? "warn" : "ok") as Tone,
        reason: offline ? t("transfer.offline_reason") : undefined,
      };
    });
}
