/** An entry of the journal as the socket and REST give it (omni.Event). */
export interface JournalEvent {
  seq: number;
  id: string;
  type: string;
  ts: string;
  conversation_id?: string;
  conversation_seq?: number;
  segment_id?: string;
  agent_id?: string;
  queue_id?: string;
  data?: Record<string, unknown>;
}

/** What the socket carries: sequenced journal entries and plain messages. */
export interface Envelope {
  seq?: number;
  type: string;
  ts?: string;
  data?: unknown;
}

export interface OfferData {
  offer_id: string;
  conversation_id: string;
  caller: string;
  customer?: { id?: string; name?: string; vip?: boolean; language?: string; note?: string } | null;
  queue?: { id?: string; name?: string } | string;
  language?: string;
  flow_path?: string[];
  expires_at: string;
}

/** Parses one frame; undefined when it is not an envelope. */
export function parseEnvelope(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const e = value as Record<string, unknown>;
    if (typeof e.type !== "string") return undefined;
    return {
      type: e.type,
      seq: typeof e.seq === "number" ? e.seq : undefined,
      ts: typeof e.ts === "string" ? e.ts : undefined,
      data: e.data,
    };
  } catch {
    return undefined;
  }
}
