package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/openhotline/hotline/agent"
)

// bodies decodes a query's rows of one JSON column.
func bodies[T any](ctx context.Context, q querier, text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var rec T
		if err := json.Unmarshal([]byte(body), &rec); err != nil {
			return nil, err
		}
		list = append(list, rec)
	}
	return list, rows.Err()
}

const recordBodies = "SELECT body FROM records WHERE kind = $1 ORDER BY id"

func routed[T any](ctx context.Context, db *DB, kind string) ([]T, error) {
	list, err := bodies[T](ctx, db.read, recordBodies, kind)
	return list, db.failed(kind, err)
}

func oneRouted[T any](ctx context.Context, db *DB, kind, id string) (T, error) {
	var rec T
	var body string
	err := db.queryRow(ctx, "SELECT body FROM records WHERE kind = $1 AND id = $2", kind, id).Scan(&body)
	if err == nil {
		err = json.Unmarshal([]byte(body), &rec)
	}
	return rec, db.failed(kind+" "+id, err)
}

// Agents returns the agents that were written with agent.Change, by id.
func (db *DB) Agents(ctx context.Context) ([]agent.Agent, error) {
	return routed[agent.Agent](ctx, db, kindRoutedAgent)
}

// Agent returns one agent.
func (db *DB) Agent(ctx context.Context, id string) (agent.Agent, error) {
	return oneRouted[agent.Agent](ctx, db, kindRoutedAgent, id)
}

// AgentByUser returns the agent as whom a user works.
func (db *DB) AgentByUser(ctx context.Context, userID string) (agent.Agent, error) {
	agents, err := db.Agents(ctx)
	if err != nil {
		return agent.Agent{}, err
	}
	for _, a := range agents {
		if a.UserID == userID && userID != "" {
			return a, nil
		}
	}
	return agent.Agent{}, missing("agent of " + userID)
}

// Teams returns the teams by id.
func (db *DB) Teams(ctx context.Context) ([]agent.Team, error) {
	return routed[agent.Team](ctx, db, kindRoutedTeam)
}

// Queues returns the queues by id.
func (db *DB) Queues(ctx context.Context) ([]agent.Queue, error) {
	return routed[agent.Queue](ctx, db, kindRoutedQueue)
}

// Queue returns one queue.
func (db *DB) Queue(ctx context.Context, id string) (agent.Queue, error) {
	return oneRouted[agent.Queue](ctx, db, kindRoutedQueue, id)
}

// BreakReasons returns the reasons for a break by id.
func (db *DB) BreakReasons(ctx context.Context) ([]agent.BreakReason, error) {
	return routed[agent.BreakReason](ctx, db, kindRoutedBreak)
}

// WrapUpCodes returns the wrap-up codes by id.
func (db *DB) WrapUpCodes(ctx context.Context) ([]agent.WrapUpCode, error) {
	return routed[agent.WrapUpCode](ctx, db, kindRoutedWrapUp)
}

// Offer returns one offer.
func (db *DB) Offer(ctx context.Context, id string) (agent.Offer, error) {
	list, err := bodies[agent.Offer](ctx, db.read, "SELECT body FROM offers WHERE id = $1", clean(id))
	if err != nil {
		return agent.Offer{}, db.failed("offer "+id, err)
	}
	if len(list) == 0 {
		return agent.Offer{}, missing("offer " + id)
	}
	return list[0], nil
}

// Presence returns an agent's presence row.
func (db *DB) Presence(ctx context.Context, agentID string) (agent.Presence, error) {
	list, err := bodies[agent.Presence](ctx, db.read, "SELECT body FROM presences WHERE agent_id = $1", clean(agentID))
	if err != nil {
		return agent.Presence{}, db.failed("presence of "+agentID, err)
	}
	if len(list) == 0 {
		return agent.Presence{}, missing("presence of " + agentID)
	}
	return list[0], nil
}

// RoutingState reads what a new leader of the router needs, in one consistent
// view.
func (db *DB) RoutingState(ctx context.Context) (agent.State, error) {
	var s agent.State
	err := db.snapshot(ctx, func(q querier) (err error) {
		if s.Agents, err = bodies[agent.Agent](ctx, q, recordBodies, kindRoutedAgent); err != nil {
			return err
		}
		if s.Queues, err = bodies[agent.Queue](ctx, q, recordBodies, kindRoutedQueue); err != nil {
			return err
		}
		if s.Presences, err = bodies[agent.Presence](ctx, q, "SELECT body FROM presences ORDER BY agent_id"); err != nil {
			return err
		}
		if s.Works, err = bodies[agent.Work](ctx, q, "SELECT body FROM works WHERE live ORDER BY started_at, id"); err != nil {
			return err
		}
		if s.Offers, err = bodies[agent.Offer](ctx, q, "SELECT body FROM offers WHERE live ORDER BY created_at, id"); err != nil {
			return err
		}
		s.Entries, err = bodies[agent.QueueEntry](ctx, q, "SELECT body FROM queue_entries WHERE live ORDER BY entered_at, conversation_id")
		return err
	})
	return s, db.failed("routing state", err)
}

// Lingering are the completed conversations of a node, by id, that have a live
// offer, work or queue entry.
func (db *DB) Lingering(ctx context.Context, nodeID string) ([]string, error) {
	rows, err := db.query(ctx, `SELECT c.id FROM (SELECT conversation_id FROM offers WHERE live UNION
		SELECT conversation_id FROM works WHERE live UNION SELECT conversation_id FROM queue_entries WHERE live) r
		JOIN conversations c ON c.id = r.conversation_id WHERE c.node_id = $1 AND c.state = 'completed' ORDER BY c.id`, nodeID)
	if err != nil {
		return nil, db.failed("lingering conversations", err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var conversationID string
		if err := rows.Scan(&conversationID); err != nil {
			return nil, db.failed("lingering conversations", err)
		}
		list = append(list, conversationID)
	}
	return list, db.failed("lingering conversations", rows.Err())
}

// snapshot runs f on one unchanging view of the database.
func (db *DB) snapshot(ctx context.Context, f func(querier) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.dialect.name == "postgres" {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return f(tx)
}
