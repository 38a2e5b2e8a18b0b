-- Routing: what a new leader needs to go on. The body is the whole row as JSON;
-- live tells which rows it needs.
CREATE TABLE presences (
  agent_id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE works (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  live BOOLEAN NOT NULL,
  started_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX works_live ON works (started_at) WHERE live;
CREATE INDEX works_of_conversation ON works (conversation_id);

CREATE TABLE offers (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  queue_id TEXT NOT NULL,
  live BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX offers_live ON offers (created_at) WHERE live;
CREATE INDEX offers_of_conversation ON offers (conversation_id, created_at);

CREATE TABLE queue_entries (
  conversation_id TEXT PRIMARY KEY,
  queue_id TEXT NOT NULL,
  live BOOLEAN NOT NULL,
  entered_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX queue_entries_live ON queue_entries (entered_at) WHERE live;
