-- The processes of the installation and their last sign of life, by the
-- database's clock. Node ids are those of conversations.node_id.
CREATE TABLE nodes (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);
