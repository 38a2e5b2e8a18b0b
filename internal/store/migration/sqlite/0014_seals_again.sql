-- A recording is sealed again when the node that made it was given up, and
-- finished it later than another one did. Deleted recordings have their bytes
-- until the file is gone.
CREATE TABLE seals_again (
  seq BIGINT PRIMARY KEY,
  recording_id TEXT NOT NULL,
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
INSERT INTO seals_again (seq, recording_id, conversation_id, kind, failure, path, bytes, duration_ms, sha256, started_at, ended_at, previous, seal)
  SELECT seq, recording_id, conversation_id, kind, failure, path, bytes, duration_ms, sha256, started_at, ended_at, previous, seal FROM seals;
DROP TABLE seals;
ALTER TABLE seals_again RENAME TO seals;
CREATE INDEX seals_of_recording ON seals (recording_id, seq);
CREATE INDEX recordings_leaving ON recordings (id) WHERE state = 'deleted' AND bytes > 0;
