-- A recording is sealed again when the node that made it was given up, and
-- finished it later than another one did. Deleted recordings have their bytes
-- until the file is gone.
ALTER TABLE seals DROP CONSTRAINT seals_recording_id_key;
CREATE INDEX seals_of_recording ON seals (recording_id, seq);
CREATE INDEX recordings_leaving ON recordings (id) WHERE state = 'deleted' AND bytes > 0;
