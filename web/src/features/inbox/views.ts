import type { Me } from "@/api/types";

export type InboxView = "mine" | "queue" | "closed";

/** The inbox's views for somebody; only agents have conversations of their own. */
export function viewsOf(me: Me): InboxView[] {
  return me.agent_id ? ["mine", "queue", "closed"] : ["queue", "closed"];
}

/** The view of an address, or the first one where it names none that there is. */
export function viewOf(me: Me, asked: string | undefined): InboxView {
  const views = viewsOf(me);
  return views.find((v) => v === asked) ?? views[0] ?? "queue";
}
