package store

import "github.com/openhotline/hotline/omni"

var customers = newRow("customers", "id name language vip note demo created_at updated_at",
	func(c *omni.Customer) []any {
		return []any{&c.ID, &c.Name, &c.Language, &c.VIP, &c.Note, &c.Demo, stamp{&c.CreatedAt}, stamp{&c.UpdatedAt}}
	}, "created_at")

var identities = newRow("identities", "id customer_id kind value scope verified_by created_at",
	func(i *omni.Identity) []any {
		return []any{&i.ID, &i.CustomerID, &i.Kind, &i.Value, &i.Scope, &i.VerifiedBy, stamp{&i.CreatedAt}}
	})

// consents are never changed: who writes one again changes nothing.
var consents = newRow("consents", "id customer_id kind given conversation_id agent_id wrap_up_code created_at",
	func(c *omni.Consent) []any {
		return []any{&c.ID, &c.CustomerID, &c.Kind, &c.Given, &c.ConversationID, &c.AgentID, &c.WrapUpCode, stamp{&c.CreatedAt}}
	})

// What a record is born with is kept: it cannot change, and SQLite would delete
// and insert its entries in the indexes at every step of a call.

// conversations leaves out event_count: it lives in counters, so that a whole
// row written from memory cannot turn it back.
var conversations = newRow("conversations", `id customer_id channel direction initiation_method state language
	line_id number_id dialled_number caller_number flow_id flow_version flow_path queue_id agent_id subject
	end_reason wrap_up_code wrap_up_note node_id simulated demo created_at answered_at ended_at completed_at`,
	func(c *omni.Conversation) []any {
		return []any{&c.ID, &c.CustomerID, &c.Channel, &c.Direction, &c.InitiationMethod, &c.State, &c.Language,
			&c.LineID, &c.NumberID, &c.DialledNumber, &c.CallerNumber, &c.FlowID, &c.FlowVersion, encoded{&c.FlowPath},
			&c.QueueID, &c.AgentID, &c.Subject, &c.EndReason, &c.WrapUpCode, &c.WrapUpNote, &c.NodeID, &c.Simulated,
			&c.Demo, stamp{&c.CreatedAt}, stamp{&c.AnsweredAt}, stamp{&c.EndedAt}, stamp{&c.CompletedAt}}
	}, "channel", "direction", "initiation_method", "dialled_number", "caller_number", "created_at")

var segments = newRow("segments", `id conversation_id parent_id kind queue_id agent_id flow_id offer_id end_reason
	explanation wrap_up_code wrap_up_note demo started_at ended_at`,
	func(s *omni.Segment) []any {
		return []any{&s.ID, &s.ConversationID, &s.ParentID, &s.Kind, &s.QueueID, &s.AgentID, &s.FlowID, &s.OfferID,
			&s.EndReason, raw{&s.Explanation}, &s.WrapUpCode, &s.WrapUpNote, &s.Demo, stamp{&s.StartedAt}, stamp{&s.EndedAt}}
	}, "conversation_id", "kind", "started_at")

var legs = newRow("legs", `id conversation_id party agent_id line_id device_id transport codec sip_call_id dialog
	end_reason sip_status stats started_at answered_at ended_at`,
	func(l *omni.Leg) []any {
		return []any{&l.ID, &l.ConversationID, &l.Party, &l.AgentID, &l.LineID, &l.DeviceID, &l.Transport, &l.Codec,
			&l.SIPCallID, &l.Dialog, &l.EndReason, &l.SIPStatus, encoded{&l.Stats}, stamp{&l.StartedAt},
			stamp{&l.AnsweredAt}, stamp{&l.EndedAt}}
	}, "conversation_id", "party", "started_at")

var recordings = newRow("recordings", `id conversation_id kind state failure path bytes duration_ms sha256 legal_hold hold_by hold_reason hold_at
	demo started_at ended_at delete_after`,
	func(r *omni.Recording) []any {
		return []any{&r.ID, &r.ConversationID, &r.Kind, &r.State, &r.Failure, &r.Path, &r.Bytes, &r.DurationMS, &r.SHA256, &r.LegalHold,
			&r.HoldBy, &r.HoldReason, stamp{&r.HoldAt}, &r.Demo, stamp{&r.StartedAt}, stamp{&r.EndedAt}, stamp{&r.DeleteAfter}}
	}, "legal_hold", "hold_by", "hold_reason", "hold_at")

var messages = newRow("messages", "id conversation_id seq kind author text data created_at",
	func(m *omni.Message) []any {
		return []any{&m.ID, &m.ConversationID, &m.Seq, &m.Kind, &m.Author, &m.Text, raw{&m.Data}, stamp{&m.CreatedAt}}
	}, "seq", "conversation_id")

var events = newRow("events", "id type ts conversation_id conversation_seq segment_id agent_id queue_id causation_id data",
	func(e *omni.Event) []any {
		return []any{&e.ID, &e.Type, stamp{&e.Time}, &e.ConversationID, &e.ConversationSeq, &e.SegmentID, &e.AgentID,
			&e.QueueID, &e.CausationID, raw{&e.Data}}
	})
