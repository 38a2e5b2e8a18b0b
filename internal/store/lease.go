package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lease is the right to act as the one holder of a name, such as the router of
// the deployment. Its epoch rises with every new holder.
type Lease struct {
	Name      string    `json:"name"`
	Holder    string    `json:"holder"`
	Epoch     int64     `json:"epoch"`
	ExpiresAt time.Time `json:"expires_at"` // by the database's clock
}

// Acquire takes the lease of a name for ttl, by the database's clock. It gives
// a new epoch when the lease is free, has expired or is the holder's own (a
// restarted process fences off what it was before); else ErrLeaseHeld.
func (db *DB) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error) {
	text := `INSERT INTO leases (name, holder, epoch, expires_at) VALUES ($1, $2, 1, ` + db.dialect.now + ` + $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
		WHERE leases.holder = excluded.holder OR leases.expires_at <= ` + db.dialect.now + `
		RETURNING epoch, expires_at`
	l := Lease{Name: name, Holder: holder}
	err := db.exclusive(ctx, func(q querier) error {
		err := q.QueryRowContext(ctx, text, name, holder, ttl.Microseconds()).Scan(&l.Epoch, stamp{&l.ExpiresAt})
		return noRows(err, ErrLeaseHeld)
	})
	if err != nil {
		return Lease{}, db.failed("acquire "+name, err)
	}
	return l, nil
}

// Holder reads who has the lease of a name and for how much longer, by the
// database's clock; negative when it has run out. ErrNotFound: nobody ever had it.
func (db *DB) Holder(ctx context.Context, name string) (l Lease, left time.Duration, err error) {
	l.Name = name
	var us int64
	err = db.queryRow(ctx, "SELECT holder, epoch, expires_at, expires_at - "+db.dialect.now+" FROM leases WHERE name = $1", name).
		Scan(&l.Holder, &l.Epoch, stamp{&l.ExpiresAt}, &us)
	return l, time.Duration(us) * time.Microsecond, db.failed("holder of "+name, err)
}

// Renew prolongs a lease by ttl from now, keeping its epoch, also after it
// expired as long as nobody else took it; else ErrStaleLease.
func (db *DB) Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error) {
	text := "UPDATE leases SET expires_at = " + db.dialect.now + " + $3 WHERE name = $1 AND epoch = $2 RETURNING expires_at"
	err := db.exclusive(ctx, func(q querier) error {
		return noRows(q.QueryRowContext(ctx, text, l.Name, l.Epoch, ttl.Microseconds()).Scan(stamp{&l.ExpiresAt}), ErrStaleLease)
	})
	if err != nil {
		return Lease{}, db.failed("renew "+l.Name, err)
	}
	return l, nil
}

// Release gives a lease back, so that another need not wait for its end. A
// lease that is no longer held is left alone.
func (db *DB) Release(ctx context.Context, l Lease) error {
	return db.failed("release "+l.Name, db.exclusive(ctx, releasing(ctx, l)))
}

func releasing(ctx context.Context, l Lease) func(querier) error {
	return func(q querier) error {
		_, err := q.ExecContext(ctx, "UPDATE leases SET expires_at = 0 WHERE name = $1 AND epoch = $2", l.Name, l.Epoch)
		return err
	}
}

// holds checks within a transaction that nobody took the lease since, and on
// PostgreSQL keeps others from taking it until the transaction has ended. A
// lease that ran out while the database was away, but that nobody took, is
// still its holder's: refusing the write would lose what was spooled meanwhile
// and protect nobody.
func (db *DB) holds(ctx context.Context, q querier, l Lease) error {
	var epoch, expires int64
	text := "SELECT epoch, expires_at FROM leases WHERE name = $1" + db.dialect.share
	err := q.QueryRowContext(ctx, text, l.Name).Scan(&epoch, &expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (epoch != l.Epoch || expires == 0) {
		return fmt.Errorf("%s, epoch %d: %w", l.Name, l.Epoch, ErrStaleLease)
	}
	return err
}

// noRows gives what it means that the statement concerned no row.
func noRows(err, meaning error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return meaning
	}
	return err
}
