-- Erasures of customers' data: what was asked for, what was done so far, and the
-- certificate at the end.
CREATE TABLE erasures (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  completed_at BIGINT NOT NULL,
  certificate TEXT NOT NULL
);
CREATE UNIQUE INDEX erasures_running ON erasures (customer_id) WHERE state = 'running';
CREATE TABLE erasure_parts (
  erasure_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  part TEXT NOT NULL,
  PRIMARY KEY (erasure_id, conversation_id)
);
