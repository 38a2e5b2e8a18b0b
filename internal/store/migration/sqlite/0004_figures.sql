-- An agent's presence over time is read from the journal.
CREATE INDEX events_of_presence ON events (agent_id, ts) WHERE type = 'agent.presence_changed';
