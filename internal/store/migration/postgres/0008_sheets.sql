-- Figures kept ready: what a queue or an agent did in a UTC day, by quarters of
-- an hour (insight.Sheet). They are made from segments and can be made again.
CREATE TABLE sheets (
  kind TEXT NOT NULL,
  day BIGINT NOT NULL,
  id TEXT NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (kind, day, id)
);

-- Conversations that have segments and are not in the sheets: live and new
-- ones, and those that were changed since. The revision rises with each write.
CREATE TABLE unsheeted (
  conversation_id TEXT PRIMARY KEY,
  revision BIGINT NOT NULL
);

-- Which version of the sheets is there. While it is not the present one they
-- are not used; marked is how far conversations were noted as unsheeted.
CREATE TABLE sheet_state (
  id BIGINT PRIMARY KEY,
  version BIGINT NOT NULL,
  marked TEXT NOT NULL
);
INSERT INTO sheet_state SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM segments) THEN 0 ELSE 1 END, '';

CREATE INDEX segments_transferred ON segments (ended_at) WHERE end_reason = 'transferred';
CREATE INDEX events_of_presence_by_time ON events (ts) WHERE type = 'agent.presence_changed';
