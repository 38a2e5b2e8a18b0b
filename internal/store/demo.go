package store

import "context"

// DeleteDemo deletes conversations and customers that carry the demo mark, with
// everything that belongs to them, and returns how many conversations that
// were. Their events stay in the journal: its numbers have no gaps.
func (db *DB) DeleteDemo(ctx context.Context) (conversations int, err error) {
	const demo = "(SELECT id FROM conversations WHERE demo)"
	err = db.exclusive(ctx, func(q querier) error {
		if err := db.eraseSegments(ctx, q, "SELECT id FROM conversations WHERE demo"); err != nil {
			return err
		}
		for _, table := range []string{"legs", "recordings", "messages", "works", "offers", "queue_entries"} {
			if _, err := q.ExecContext(ctx, "DELETE FROM "+table+" WHERE conversation_id IN "+demo); err != nil {
				return err
			}
		}
		res, err := q.ExecContext(ctx, "DELETE FROM conversations WHERE demo")
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		conversations = int(n)
		const unused = "(SELECT id FROM customers WHERE demo AND id NOT IN (SELECT customer_id FROM conversations))"
		for _, table := range []string{"identities", "consents"} {
			if _, err := q.ExecContext(ctx, "DELETE FROM "+table+" WHERE customer_id IN "+unused); err != nil {
				return err
			}
		}
		_, err = q.ExecContext(ctx, "DELETE FROM customers WHERE id IN "+unused)
		return err
	})
	return conversations, db.failed("delete demo data", err)
}
