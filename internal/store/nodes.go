package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/omni"
)

// Beat notes a sign of life of a node, by the database's clock, and returns the
// state that its row had before; empty for a new node. A node that reads
// omni.NodeDead was silent for so long that its conversations were closed.
// starting notes the time of the start as well.
func (db *DB) Beat(ctx context.Context, nodeID string, starting bool) (was omni.NodeState, err error) {
	text := `INSERT INTO nodes (id, state, started_at, seen_at) VALUES ($1, $2, ` + db.dialect.now + `, ` + db.dialect.now + `)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, seen_at = excluded.seen_at`
	if starting {
		text += ", started_at = excluded.started_at"
	}
	err = db.exclusive(ctx, func(q querier) error {
		was = ""
		err := q.QueryRowContext(ctx, "SELECT state FROM nodes WHERE id = $1"+db.dialect.lock, nodeID).Scan(&was)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = q.ExecContext(ctx, text, nodeID, string(omni.NodeLive))
		return err
	})
	return was, db.failed("sign of life of "+nodeID, err)
}

// StopNode notes that a node has ended by itself and left nothing behind.
func (db *DB) StopNode(ctx context.Context, nodeID string) error {
	err := db.exclusive(ctx, func(q querier) error {
		_, err := q.ExecContext(ctx, "UPDATE nodes SET state = $2, seen_at = "+db.dialect.now+" WHERE id = $1", nodeID, string(omni.NodeStopped))
		return err
	})
	return db.failed("end of "+nodeID, err)
}

// DeclareDead marks a node as dead if it has given no sign of life for limit and
// did not stop by itself; dead tells whether it is marked now. Only the holder
// of the lease may; else ErrStaleLease.
func (db *DB) DeclareDead(ctx context.Context, nodeID string, limit time.Duration, l Lease) (dead bool, err error) {
	text := "UPDATE nodes SET state = $2 WHERE id = $1 AND state <> $3 AND seen_at <= " + db.dialect.now + " - $4"
	err = db.exclusive(ctx, func(q querier) error {
		if err := db.holds(ctx, q, l); err != nil {
			return err
		}
		res, err := q.ExecContext(ctx, text, nodeID, string(omni.NodeDead), string(omni.NodeStopped), limit.Microseconds())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		dead = n > 0
		return err
	})
	return dead, db.failed("declare "+nodeID+" dead", err)
}

// Nodes lists the processes of the installation by id, with how long each has
// been silent.
func (db *DB) Nodes(ctx context.Context) ([]omni.Node, error) {
	rows, err := db.query(ctx, "SELECT id, state, started_at, seen_at, "+db.dialect.now+" - seen_at FROM nodes ORDER BY id")
	if err != nil {
		return nil, db.failed("nodes", err)
	}
	defer rows.Close()
	var list []omni.Node
	for rows.Next() {
		var n omni.Node
		var silent int64
		if err := rows.Scan(&n.ID, &n.State, stamp{&n.StartedAt}, stamp{&n.SeenAt}, &silent); err != nil {
			return nil, db.failed("nodes", err)
		}
		n.Silent = time.Duration(max(silent, 0)) * time.Microsecond
		list = append(list, n)
	}
	return list, db.failed("nodes", rows.Err())
}

// SetupRevision changes whenever an administered record does, so that a node
// can tell that another one changed something.
func (db *DB) SetupRevision(ctx context.Context) (string, error) {
	var n, versions, last int64
	err := db.queryRow(ctx, "SELECT count(*), coalesce(sum(version), 0), coalesce(max(updated_at), 0) FROM records").Scan(&n, &versions, &last)
	return fmt.Sprintf("%d/%d/%d", n, versions, last), db.failed("revision of the records", err)
}
