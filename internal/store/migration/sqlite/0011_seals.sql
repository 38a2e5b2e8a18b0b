-- Finished recordings are sealed in a chain: each seal is a hash over what is
-- known of the recording, its file's hash and the seal before. Rows are added
-- and never changed; the head is the last one, and orders those who add.
ALTER TABLE recordings ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';
CREATE TABLE seals (
  seq BIGINT PRIMARY KEY,
  recording_id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  failure TEXT NOT NULL,
  path TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  previous TEXT NOT NULL,
  seal TEXT NOT NULL
);
CREATE TABLE seal_head (
  id BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL,
  seal TEXT NOT NULL
);
