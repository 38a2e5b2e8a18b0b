import type { QueryClient } from "@tanstack/react-query";
import type { JournalEvent } from "./protocol";

const SETTLE_MS = 250; // events of one step arrive together: fetch once for all

const ERASED = "customer.erased";

/** Which cached answers one event makes stale. Pure, so that it can be tested. */
export function staleKeys(e: JournalEvent): string[][] {
  const keys: string[][] = [];
  const kind = e.type.split(".")[0];
  if (e.conversation_id) {
    keys.push(["conversation", e.conversation_id]);
    if (kind !== "segment" && kind !== "routing") keys.push(["conversations"]);
  }
  if (kind === "agent" || kind === "conversation" || kind === "queue" || kind === "offer")
    keys.push(["wallboard"]);
  if (kind === "conversation" && e.type.endsWith("completed")) keys.push(["customer"]);
  if (e.type === ERASED) keys.push(["erasures"]);
  return keys;
}

/**
 * Drops every cached answer that names a customer whose data were erased: pages
 * that show one have nothing to show until they were answered anew. What is said
 * of erasures holds no personal data and stays.
 */
export function forgetCustomer(client: QueryClient, customerId: string): void {
  const name = JSON.stringify(customerId);
  void client.resetQueries({
    predicate: ({ queryKey, state }) =>
      queryKey[0] !== "erasures" && !!JSON.stringify(state.data)?.includes(name),
  });
}

/** Marks answers stale in bundles, so that a burst of events costs one request. */
export class Staleness {
  private readonly keys = new Map<string, string[]>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  event(e: JournalEvent): void {
    if (e.type === ERASED && typeof e.data?.customer_id === "string")
      forgetCustomer(this.client, e.data.customer_id);
    for (const key of staleKeys(e)) this.keys.set(key.join("/"), key);
    this.timer ??= setTimeout(() => this.flush(), SETTLE_MS);
  }

  everything(): void {
    void this.client.invalidateQueries();
  }

  private flush(): void {
    this.timer = undefined;
    const keys = [...this.keys.values()];
    this.keys.clear();
    for (const queryKey of keys) void this.client.invalidateQueries({ queryKey });
  }
}
