import { useConversation } from "@/features/inbox/queries";
import type { Person } from "./state";

export interface Caller extends Person {
  note: string;
  language: string;
}

/** Who is on the line: what the offer said, completed by the conversation. */
export function usePerson(conversationId: string, person: Person): Caller {
  const detail = useConversation(conversationId || undefined).data;
  return {
    id: person.id || detail?.customer?.id || "",
    name: detail?.customer?.name || person.name,
    number: person.number || detail?.conversation.caller_number || "",
    vip: person.vip || detail?.customer?.vip === true,
    note: detail?.customer?.note ?? "",
    language: detail?.conversation.language ?? "",
  };
}
