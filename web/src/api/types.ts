// What the API gives, as far as the pages use it.

export type Role = "agent" | "supervisor" | "admin" | "auditor";
export type PresenceState = "offline" | "available" | "break";
export type WorkState = "idle" | "reserved" | "alerting" | "connected" | "on_hold" | "consulting" | "wrap_up";

export interface List<T> {
  items: T[];
  next?: string;
}

/** Who is logged in: the user with the role that counts now. */
export interface Me {
  id: string;
  email: string;
  name: string;
  role: Role;
  language: string;
  team_id: string;
  agent_id: string;
  permissions: string[];
  /** The agent's desk phone, when it takes the calls instead of this page. */
  device_id: string;
}

export interface Conversation {
  id: string;
  customer_id: string;
  channel: string;
  direction: string;
  initiation_method: string;
  state: string;
  language: string;
  line_id: string;
  dialled_number: string;
  caller_number: string;
  flow_id: string;
  flow_path: string[];
  queue_id: string;
  agent_id: string;
  subject: string;
  end_reason: string;
  wrap_up_code: string;
  wrap_up_note: string;
  simulated: boolean;
  demo: boolean;
  created_at: string;
  answered_at?: string;
  ended_at?: string;
  completed_at?: string;
  customer_name?: string;
}

export interface Customer {
  id: string;
  name: string;
  language: string;
  vip: boolean;
  note: string;
  demo: boolean;
  created_at: string;
  updated_at: string;
}

export interface Identity {
  id: string;
  kind: string;
  value: string;
  verified_by: string;
}

export interface Segment {
  id: string;
  parent_id: string;
  kind: string;
  queue_id: string;
  agent_id: string;
  flow_id: string;
  offer_id: string;
  end_reason: string;
  explanation?: Explanation;
  started_at: string;
  ended_at?: string;
}

export interface Explanation {
  queue_id: string;
  agent_id: string;
  strategy: string;
  rule: string;
  waited_ms: number;
  priority: number;
  ageing: number;
  score: number;
  top: boolean;
  relaxation_step: number;
  skills: { skill: string; required: number; required_now: number; has: number }[];
  candidates: { agent_id: string; ring: number; score: number; chosen: boolean }[];
  candidate_count: number;
  passed_over: { agent_id: string; why: string }[];
  members: { total: number; logged_in: number; active: number; eligible: number; ready: number };
  waits: { why: string; from_ms: number }[];
}

export interface LegStats {
  packets_received: number;
  packets_sent: number;
  packets_lost: number;
  packets_late: number;
  jitter_ms: number;
  round_trip_ms: number;
  mos: number;
}

export interface Leg {
  id: string;
  party: string;
  agent_id: string;
  line_id: string;
  transport: string;
  codec: string;
  sip_call_id: string;
  end_reason: string;
  sip_status: number;
  stats: LegStats;
  started_at: string;
  answered_at?: string;
  ended_at?: string;
}

export interface Recording {
  id: string;
  kind: string;
  state: string;
  bytes: number;
  duration_ms: number;
  started_at: string;
  ended_at?: string;
  delete_after?: string;
}

export interface Message {
  id: string;
  seq: number;
  kind: string;
  author: string;
  text: string;
  created_at: string;
}

export interface ConversationEvent {
  seq: number;
  id: string;
  type: string;
  ts: string;
  conversation_seq?: number;
  agent_id?: string;
  queue_id?: string;
  data?: Record<string, unknown>;
}

/** A conversation with everything that belongs to it. */
export interface Detail {
  conversation: Conversation;
  customer?: Customer;
  identities: Identity[];
  segments: Segment[];
  legs: Leg[];
  recordings: Recording[];
  messages: Message[];
  events: ConversationEvent[];
}
