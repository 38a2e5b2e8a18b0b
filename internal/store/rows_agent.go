package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openhotline/hotline/agent"
)

// The kinds under which rows of agent.Change are kept among the records.
const (
	kindRoutedAgent  = "routing_agent"
	kindRoutedTeam   = "routing_team"
	kindRoutedQueue  = "routing_queue"
	kindRoutedBreak  = "routing_break"
	kindRoutedWrapUp = "routing_wrapup_code"
)

// agentRow is how a row is kept whole as JSON beside the columns that are
// searched.
type agentRow[T any] struct {
	upsert string
	args   func(*T) []any
}

var (
	presenceRow = agentRow[agent.Presence]{
		upsertSQL("presences", []string{"agent_id", "state", "body"}, 1),
		func(p *agent.Presence) []any { return []any{p.AgentID, string(p.State)} },
	}
	workRow = agentRow[agent.Work]{
		upsertSQL("works", []string{"id", "agent_id", "conversation_id", "live", "started_at", "body"}, 1),
		func(w *agent.Work) []any {
			return []any{w.ID, w.AgentID, w.ConversationID, w.State != agent.Idle, micros(w.StartedAt)}
		},
	}
	offerRow = agentRow[agent.Offer]{
		upsertSQL("offers", []string{"id", "conversation_id", "agent_id", "queue_id", "live", "created_at", "body"}, 1),
		func(o *agent.Offer) []any {
			live := []agent.OfferState{agent.OfferPending, agent.OfferAccepted, agent.OfferWrapping}
			return []any{o.ID, o.ConversationID, o.AgentID, o.QueueID, slices.Contains(live, o.State), micros(o.CreatedAt)}
		},
	}
	entryRow = agentRow[agent.QueueEntry]{
		upsertSQL("queue_entries", []string{"conversation_id", "queue_id", "live", "entered_at", "body"}, 1),
		func(e *agent.QueueEntry) []any {
			live := e.State == agent.EntryWaiting || e.State == agent.EntryOffered
			return []any{e.ConversationID, e.QueueID, live, micros(e.EnteredAt)}
		},
	}
)

func (r agentRow[T]) put(ctx context.Context, q querier, list []T) error {
	for i := range list {
		body, err := json.Marshal(&list[i])
		if err != nil {
			return fmt.Errorf("write %T: %w", list[i], err)
		}
		if _, err := q.ExecContext(ctx, r.upsert, append(r.args(&list[i]), clean(string(body)))...); err != nil {
			return fmt.Errorf("write %T: %w", list[i], err)
		}
	}
	return nil
}

func applyAgent(ctx context.Context, q querier, c *agent.Change) error {
	for _, err := range []error{
		putRouted(ctx, q, kindRoutedAgent, c.Agents, func(a *agent.Agent) string { return a.ID }),
		putRouted(ctx, q, kindRoutedTeam, c.Teams, func(t *agent.Team) string { return t.ID }),
		putRouted(ctx, q, kindRoutedQueue, c.Queues, func(u *agent.Queue) string { return u.ID }),
		putRouted(ctx, q, kindRoutedBreak, c.BreakReasons, func(b *agent.BreakReason) string { return b.ID }),
		putRouted(ctx, q, kindRoutedWrapUp, c.WrapUpCodes, func(w *agent.WrapUpCode) string { return w.ID }),
		presenceRow.put(ctx, q, c.Presences),
		workRow.put(ctx, q, c.Works),
		offerRow.put(ctx, q, c.Offers),
		entryRow.put(ctx, q, c.QueueEntries),
	} {
		if err != nil {
			return err
		}
	}
	kinds := map[agent.RefKind]string{agent.RefAgent: kindRoutedAgent, agent.RefTeam: kindRoutedTeam,
		agent.RefQueue: kindRoutedQueue, agent.RefBreakReason: kindRoutedBreak, agent.RefWrapUpCode: kindRoutedWrapUp}
	for _, ref := range c.Deleted {
		if _, err := q.ExecContext(ctx, "DELETE FROM records WHERE kind = $1 AND id = $2", kinds[ref.Kind], ref.ID); err != nil {
			return fmt.Errorf("delete %s: %w", ref.Kind, err)
		}
	}
	return nil
}

const upsertRouted = `INSERT INTO records (kind, id, version, key, body, demo, created_at, updated_at)
	VALUES ($1, $2, 1, '', $3, FALSE, 0, 0)
	ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, version = records.version + 1`

func putRouted[T any](ctx context.Context, q querier, kind string, list []T, id func(*T) string) error {
	for i := range list {
		body, err := json.Marshal(&list[i])
		if err != nil {
			return fmt.Errorf("write %s: %w", kind, err)
		}
		if _, err := q.ExecContext(ctx, upsertRouted, kind, id(&list[i]), clean(string(body))); err != nil {
			return fmt.Errorf("write %s: %w", kind, err)
		}
	}
	return nil
}
