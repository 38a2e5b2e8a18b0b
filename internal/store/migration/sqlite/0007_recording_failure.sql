-- A recording that failed says why; what was kept of it is deleted in time like
-- every other.
ALTER TABLE recordings ADD COLUMN failure TEXT NOT NULL DEFAULT '';
DROP INDEX recordings_due;
CREATE INDEX recordings_due ON recordings (delete_after) WHERE state IN ('ready', 'failed');
CREATE INDEX recordings_failed ON recordings (ended_at) WHERE failure <> '';
