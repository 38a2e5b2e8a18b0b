-- Conversations on every channel and the journal. Times are UTC microseconds
-- since 1970, 0 where a record has no time yet.
CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  language TEXT NOT NULL,
  vip BOOLEAN NOT NULL,
  note TEXT NOT NULL,
  demo BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX customers_newest ON customers (created_at, id);

CREATE TABLE identities (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  scope TEXT NOT NULL,
  verified_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (kind, value, scope)
);
CREATE INDEX identities_of_customer ON identities (customer_id);

CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  direction TEXT NOT NULL,
  initiation_method TEXT NOT NULL,
  state TEXT NOT NULL,
  language TEXT NOT NULL,
  line_id TEXT NOT NULL,
  number_id TEXT NOT NULL,
  dialled_number TEXT NOT NULL,
  caller_number TEXT NOT NULL,
  flow_id TEXT NOT NULL,
  flow_version BIGINT NOT NULL,
  flow_path TEXT NOT NULL,
  queue_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  end_reason TEXT NOT NULL,
  wrap_up_code TEXT NOT NULL,
  wrap_up_note TEXT NOT NULL,
  node_id TEXT NOT NULL,
  simulated BOOLEAN NOT NULL,
  demo BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  answered_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  completed_at BIGINT NOT NULL
);
CREATE INDEX conversations_newest ON conversations (created_at, id);
CREATE INDEX conversations_of_customer ON conversations (customer_id, created_at, id);
CREATE INDEX conversations_of_agent ON conversations (agent_id, created_at, id);
CREATE INDEX conversations_of_caller ON conversations (caller_number, created_at, id);
CREATE INDEX conversations_live ON conversations (node_id) WHERE state <> 'completed';

-- The last number given to an event and to a message of a conversation.
CREATE TABLE counters (
  conversation_id TEXT PRIMARY KEY,
  events BIGINT NOT NULL,
  messages BIGINT NOT NULL
);

CREATE TABLE segments (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  queue_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  flow_id TEXT NOT NULL,
  offer_id TEXT NOT NULL,
  end_reason TEXT NOT NULL,
  explanation TEXT NOT NULL,
  demo BOOLEAN NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL
);
CREATE INDEX segments_of_conversation ON segments (conversation_id, started_at);
CREATE INDEX segments_by_start ON segments (started_at, id);
CREATE INDEX segments_open ON segments (started_at) WHERE ended_at = 0;

CREATE TABLE legs (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  party TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  transport TEXT NOT NULL,
  codec TEXT NOT NULL,
  sip_call_id TEXT NOT NULL,
  dialog BLOB,
  end_reason TEXT NOT NULL,
  sip_status BIGINT NOT NULL,
  stats TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  answered_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL
);
CREATE INDEX legs_of_conversation ON legs (conversation_id, started_at);
CREATE INDEX legs_open ON legs (conversation_id) WHERE ended_at = 0;

CREATE TABLE recordings (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  path TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  legal_hold BOOLEAN NOT NULL DEFAULT FALSE,
  demo BOOLEAN NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  delete_after BIGINT NOT NULL
);
CREATE INDEX recordings_of_conversation ON recordings (conversation_id, started_at);
CREATE INDEX recordings_due ON recordings (delete_after) WHERE state = 'ready';
CREATE INDEX recordings_running ON recordings (conversation_id) WHERE state = 'running';

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  data TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (conversation_id, seq)
);

-- The journal. The writer gives seq in the transaction that inserts the event.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  ts BIGINT NOT NULL,
  conversation_id TEXT NOT NULL,
  conversation_seq BIGINT NOT NULL,
  segment_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  queue_id TEXT NOT NULL,
  causation_id TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX events_of_conversation ON events (conversation_id, conversation_seq) WHERE conversation_id <> '';

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
