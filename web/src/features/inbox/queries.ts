import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Conversation, Detail, List } from "@/api/types";

export interface ConversationFilter {
  state?: string | readonly string[];
  agent?: string;
  queue?: string;
  customer?: string;
  q?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}

export function useConversations(filter: ConversationFilter, enabled = true) {
  return useQuery({
    queryKey: ["conversations", filter],
    queryFn: ({ signal }) => api.get<List<Conversation>>("/conversations", { ...filter }, signal),
    enabled,
    placeholderData: (before) => before,
  });
}

export function useConversation(id: string | undefined) {
  return useQuery({
    queryKey: ["conversation", id],
    queryFn: ({ signal }) => api.get<Detail>(`/conversations/${id}`, undefined, signal),
    enabled: id !== undefined,
  });
}
