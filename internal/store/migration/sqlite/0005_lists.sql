-- Lists of those that live, and of an agent's part in conversations.
CREATE INDEX conversations_active ON conversations (created_at, id) WHERE state <> 'completed';
CREATE INDEX segments_of_agent ON segments (agent_id, conversation_id) WHERE agent_id <> '';
