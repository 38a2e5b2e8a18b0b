import type { Conversation, PresenceState, WorkState } from "@/api/types";

export interface BoardEntry {
  conversation_id: string;
  state: string;
  position: number;
  expected_wait_ms: number;
  waited_ms: number;
  why: string;
}

export interface BoardQueue {
  queue_id: string;
  waiting: number;
  offered: number;
  longest_wait_ms: number;
  logged_in: number;
  active: number;
  handle_time_ms: number;
  entries: BoardEntry[];
}

export interface BoardWork {
  conversation_id: string;
  queue_id: string;
  state: WorkState;
  since: string;
  connected_at?: string;
  wrap_up_until?: string;
}

export interface BoardAgent {
  agent_id: string;
  presence: {
    presence: PresenceState;
    reason: string;
    since: string;
    next?: PresenceState;
    not_responding: boolean;
    connected: boolean;
    contacts: number;
  };
  works: BoardWork[];
}

export interface Wallboard {
  at: string;
  queues: BoardQueue[];
  agents: BoardAgent[];
  live: Conversation[];
}
