import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { currentLanguage } from "@/i18n";
import { api } from "./client";
import type { List } from "./types";

export type Labels = Record<string, string>;

export interface Named {
  id: string;
  name: string;
  names?: Labels | null;
  enabled?: boolean;
}

/** The label in the page's language, else in any, else the given name. */
export function labelOf(labels: Labels | null | undefined, fallback: string): string {
  if (!labels) return fallback;
  const language = currentLanguage();
  return (
    labels[language] ||
    labels[language.split("-")[0] ?? ""] ||
    labels.en ||
    Object.values(labels)[0] ||
    fallback
  );
}

/** Every record of a kind: follows the pages of a list to its end. */
export async function all<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 50; page++) {
    const list = await api.get<List<T>>(path, { limit: 200, cursor }, signal);
    items.push(...list.items);
    if (!list.next) break;
    cursor = list.next;
  }
  return items;
}

/** Every record of a kind, read again every `every` milliseconds where that is given. */
export function useAll<T>(kind: string, enabled = true, every?: number) {
  return useQuery({
    queryKey: ["admin", kind],
    queryFn: ({ signal }) => all<T>(`/${kind}`, signal),
    staleTime: 60_000,
    refetchInterval: every,
    enabled,
  });
}

export interface Directory {
  queue(id: string | undefined): string;
  agent(id: string | undefined): string;
  flow(id: string | undefined): string;
  wrapUpCode(code: string | undefined): string;
  queues: Named[];
  agents: (Named & { user_id?: string; team_id?: string })[];
  flows: (Named & { published: boolean })[];
}

/**
 * Names of queues, agents and flows, so that pages show no identifiers. Of what is
 * not known (deleted, or not read yet) a flow has no name; a queue or an agent,
 * after which headings and figures are named, goes by its identifier.
 */
export function useDirectory(): Directory {
  const queues = useAll<Named>("queues").data;
  const agents = useAll<Named & { user_id?: string }>("agents").data;
  const flows = useAll<Named & { published: boolean }>("flow-names").data;
  const codes = useAll<{ id: string; code: string; names?: Labels | null }>("wrapup-codes").data;
  const language = useTranslation().i18n.language; // names follow the page's language
  // biome-ignore lint/correctness/useExhaustiveDependencies: labelOf reads the language
  return useMemo(() => {
    const find = (list: Named[] | undefined, unknown: (id: string) => string) => {
      const names = new Map((list ?? []).map((n) => [n.id, labelOf(n.names, n.name)]));
      return (id: string | undefined) => (id ? (names.get(id) ?? unknown(id)) : "");
    };
    return {
      queue: find(queues, (id) => id),
      agent: find(agents, (id) => id),
      flow: find(flows, () => ""),
      wrapUpCode: (code) => {
        const known = codes?.find((c) => c.code === code);
        return known ? labelOf(known.names, known.code) : (code ?? "");
      },
      queues: queues ?? [],
      agents: agents ?? [],
      flows: flows ?? [],
    };
  }, [queues, agents, flows, codes, language]);
}
