import { queryOptions } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Wallboard } from "@/api/types";

/** The floor now; events of the journal renew it, and a slow poll as a safety net. */
export const boardQuery = queryOptions({
  queryKey: ["wallboard"],
  queryFn: ({ signal }) => api.get<Wallboard>("/wallboard", undefined, signal),
  refetchInterval: 10_000,
  retry: false,
});
