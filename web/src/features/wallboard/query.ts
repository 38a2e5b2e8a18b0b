import { queryOptions, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { FigureRow, Wallboard } from "@/api/types";

/** The floor now; events of the journal renew it, and a slow poll as a safety net. */
export const boardQuery = queryOptions({
  queryKey: ["wallboard"],
  queryFn: ({ signal }) => api.get<Wallboard>("/wallboard", undefined, signal),
  refetchInterval: 10_000,
  retry: false,
});

/** The day's figures from midnight of this browser's calendar, per queue or per agent. */
export function useToday(by: "queue" | "agent", id?: string): FigureRow[] | undefined {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const from = midnight.toISOString();
  return useQuery({
    queryKey: ["figures", "today", by, id, from],
    queryFn: ({ signal }) =>
      api.get<{ rows: FigureRow[] }>(
        "/figures",
        {
          by,
          id,
          granularity: "whole",
          from,
          to: new Date(midnight.getTime() + 86_400_000).toISOString(),
          zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        },
        signal,
      ),
    refetchInterval: 15_000,
    retry: false,
  }).data?.rows;
}
