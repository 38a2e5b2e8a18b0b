-- Who keeps a recording from being deleted, since when and why.
ALTER TABLE recordings ADD COLUMN hold_by TEXT NOT NULL DEFAULT '';
ALTER TABLE recordings ADD COLUMN hold_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE recordings ADD COLUMN hold_at BIGINT NOT NULL DEFAULT 0;
