import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "@/api/client";
import type { Erasure, ErasurePreview, List } from "@/api/types";
import { forgetCustomer } from "@/live/cache";

const KEY = "erasures";

/** All erasures, newest first; asked for again as long as one of them runs. */
export function useErasures() {
  return useQuery({
    queryKey: [KEY],
    queryFn: ({ signal }) => api.get<List<Erasure>>("/erasures", undefined, signal),
    refetchInterval: (q) => (q.state.data?.items.some((e) => e.state === "running") ? 2000 : false),
  });
}

/** One erasure; how far it is, while it runs. Once it is done, what it erased is forgotten here too. */
export function useErasure(id: string) {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: [KEY, id],
    queryFn: ({ signal }) => api.get<Erasure>(`/erasures/${id}`, undefined, signal),
    refetchInterval: (q) => (q.state.data?.state === "running" ? 1000 : false),
  });
  const erased = query.data?.state === "done" ? query.data.customer_id : undefined;
  useEffect(() => {
    if (erased) forgetCustomer(client, erased);
  }, [client, erased]);
  return query;
}

/**
 * What an erasure of the customer would do now: what is shown before something
 * that cannot be taken back is never older than a few seconds.
 */
export function useErasurePreview(customerId: string) {
  return useQuery({
    queryKey: [KEY, "preview", customerId],
    queryFn: ({ signal }) => api.get<ErasurePreview>(`/customers/${customerId}/erasure`, undefined, signal),
    gcTime: 0,
    refetchInterval: 10_000,
  });
}

/**
 * Erases, where another look finds what was seen; where not, nothing is erased
 * and there is no erasure to show.
 */
export function useErase(
  customerId: string,
  seen: ErasurePreview,
  look: () => Promise<ErasurePreview | undefined>,
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (reason: string) =>
      (await look()) === seen
        ? await api.post<Erasure>(`/customers/${customerId}/erasure`, { reason })
        : undefined,
    onSuccess: () => client.invalidateQueries({ queryKey: [KEY] }),
  });
}
