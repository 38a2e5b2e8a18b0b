// The API's types under the names that the pages use. All come from the
// generated document but the routing explanation, which the API passes on as it is.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Role = Schemas["Role"];
export type Permission = Schemas["Permission"];
export type PresenceState = Schemas["PresenceState"];
export type WorkState = Schemas["WorkState"];

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
  permissions: Permission[];
  /** The agent's desk phone, when it takes the calls instead of this page. */
  device_id: string;
  /** What the browser asks for its public address and for a relay. */
  ice_servers: IceServer[];
}

export type IceServer = Schemas["ICEServer"];

export type MeBody = Schemas["Me"];
export type Conversation = Schemas["ConversationItem"];
export type Customer = Schemas["Customer"];
export type CustomerDetail = Schemas["CustomerDetail"];
export type Identity = Schemas["Identity"];
export type Leg = Schemas["Leg"];
export type Recording = Schemas["Recording"];
export type Peaks = Schemas["Peaks"];
export type Message = Schemas["Message"];
export type Wallboard = Schemas["WallboardBody"];
export type QueueSnapshot = Schemas["QueueSnapshot"];
export type AgentSnapshot = Schemas["AgentSnapshot"];
export type Figure = Schemas["Figure"];
export type FigureRow = Schemas["Row"];
export type Balance = Schemas["BalanceBody"];
export type BalanceGroup = Schemas["BalanceGroup"];
export type Queue = Schemas["Queue"];
export type Break = Schemas["Break"];
export type WrapUpCode = Schemas["WrapUpCode"];
export type Flow = Schemas["Flow"];
export type FlowVersion = Schemas["FlowVersion"];
export type FlowProblem = Schemas["FlowProblem"];
export type Registration = Schemas["Registration"];
export type AuditEntry = Schemas["AuditEntry"];
export type Calendar = Schemas["Calendar"];
export type SpecialDay = Schemas["SpecialDay"];
export type Erasure = Schemas["Erasure"];
export type ErasurePreview = Schemas["ErasurePreview"];
export type Certificate = Schemas["Certificate"];
export type Hours = Schemas["Hours"];

export type ConversationEvent = Omit<Schemas["Event"], "data"> & { data?: Record<string, unknown> };
export type Segment = Omit<Schemas["Segment"], "explanation"> & { explanation?: Explanation };

/** A conversation with everything that belongs to it. */
export type Detail = Omit<Schemas["Detail"], "events" | "segments"> & {
  events: ConversationEvent[];
  segments: Segment[];
};

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
