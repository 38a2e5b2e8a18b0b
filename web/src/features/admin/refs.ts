import { useTranslation } from "react-i18next";
import { type Labels, labelOf, useAll } from "@/api/directory";
import { useMay } from "@/api/session";
import type { Permission } from "@/api/types";
import type { Choices } from "./description";

type Source = Extract<Choices, { from: string }>["from"];

interface Referable {
  id: string;
  name?: string;
  email?: string;
  names?: Labels | null;
}

const READ: Record<Source, Permission> = {
  teams: "teams.read",
  queues: "queues.read",
  agents: "agents.read",
  users: "users.read",
  lines: "lines.read",
  devices: "devices.read",
  flows: "flows.read",
};

/** Names by id of one kind of record. */
export function useRefs(from: Source | undefined): (id: string) => string {
  const allowed = useMay(READ[from ?? "teams"]);
  const list = useAll<Referable>(from ?? "teams", from !== undefined && allowed).data ?? [];
  const names = new Map(list.map((x) => [x.id, labelOf(x.names, x.name || x.email || x.id)]));
  return (id) => names.get(id) ?? id;
}

/** The choices of a field as value and label. */
export function useChoices(choices: Choices): { value: string; label: string }[] {
  const { t, i18n } = useTranslation();
  const from = "from" in choices ? choices.from : undefined;
  const allowed = useMay(READ[from ?? "teams"]);
  const list = useAll<Referable>(from ?? "teams", from !== undefined && allowed).data ?? [];
  if ("from" in choices)
    return list.map((x) => ({ value: x.id, label: labelOf(x.names, x.name || x.email || x.id) }));
  return choices.values.map((v) => {
    const key = `${choices.group}.${v || "none"}`;
    const text = i18n.exists(key) ? t(key) : v;
    return { value: v, label: choices.group === "formula" ? `${v} · ${text}` : text };
  });
}
