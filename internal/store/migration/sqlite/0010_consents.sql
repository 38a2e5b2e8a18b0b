-- What customers said about being contacted. Rows are added and never changed;
-- the newest of a kind holds.
CREATE TABLE consents (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  given BOOLEAN NOT NULL,
  conversation_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  wrap_up_code TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX consents_of_customer ON consents (customer_id, created_at);

-- The revision of all administered records is read often.
CREATE INDEX records_revision ON records (version, updated_at);
