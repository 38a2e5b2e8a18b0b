import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Erasure, ErasurePreview, List } from "@/api/types";

const KEY = "erasures";

/** All erasures, newest first; asked for again as long as one of them runs. */
export function useErasures() {
  return useQuery({
    queryKey: [KEY],
    queryFn: ({ signal }) => api.get<List<Erasure>>("/erasures", undefined, signal),
    refetchInterval: (q) => (q.state.data?.items.some((e) => e.state === "running") ? 2000 : false),
  });
}

/** One erasure; how far it is, while it runs. */
export function useErasure(id: string) {
  return useQuery({
    queryKey: [KEY, id],
    queryFn: ({ signal }) => api.get<Erasure>(`/erasures/${id}`, undefined, signal),
    refetchInterval: (q) => (q.state.data?.state === "running" ? 1000 : false),
  });
}

/** What an erasure of the customer would do now. */
export function useErasurePreview(customerId: string) {
  return useQuery({
    queryKey: [KEY, "preview", customerId],
    queryFn: ({ signal }) => api.get<ErasurePreview>(`/customers/${customerId}/erasure`, undefined, signal),
    gcTime: 0, // what is shown before something that cannot be taken back is never an old answer
  });
}

export function useErase(customerId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) => api.post<Erasure>(`/customers/${customerId}/erasure`, { reason }),
    onSuccess: () => client.invalidateQueries({ queryKey: [KEY] }),
  });
}
