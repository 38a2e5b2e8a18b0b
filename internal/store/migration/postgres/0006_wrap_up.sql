-- Every agent wraps up their own part: code and note belong to the agent's
-- segment. The conversation shows those of the agent who talked last.
ALTER TABLE segments ADD COLUMN wrap_up_code TEXT NOT NULL DEFAULT '';
ALTER TABLE segments ADD COLUMN wrap_up_note TEXT NOT NULL DEFAULT '';
UPDATE segments SET wrap_up_code = c.wrap_up_code, wrap_up_note = c.wrap_up_note FROM conversations c
  WHERE c.id = segments.conversation_id AND segments.kind = 'agent' AND (c.wrap_up_code <> '' OR c.wrap_up_note <> '')
  AND NOT EXISTS (SELECT 1 FROM segments o WHERE o.conversation_id = segments.conversation_id AND o.kind = 'agent'
    AND o.started_at > segments.started_at);
CREATE INDEX segments_noted ON segments (conversation_id) WHERE wrap_up_note <> '';
