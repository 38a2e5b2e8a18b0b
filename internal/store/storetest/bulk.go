package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite
)

// Bulk is a history of segments made within the database, faster than calls
// could write it.
type Bulk struct {
	Conversations int
	Queues        int
	Agents        int
	From          time.Time
	Span          time.Duration // in which they begin, evenly
}

// Write fills an empty store that no process has open. Of 100 conversations 5
// are abandoned (1 within 5 s), 2 overflow, 93 are answered; 5 of those after
// a missed offer, 9 with a hold, and 5 are transferred to another queue and
// answered there. Agents are available all the time but for a break a day.
func (b Bulk) Write(ctx context.Context, t testing.TB, url string) {
	t.Helper()
	driver, name := "pgx", url
	path, lite := strings.CutPrefix(url, "sqlite:")
	if lite {
		driver, name = "sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-200000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(ctx, text); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	indexes := b.dropIndexes(ctx, t, db, lite)
	if !lite {
		exec("ALTER TABLE segments SET UNLOGGED") // it need not survive
	}
	for _, text := range b.statements(lite) {
		exec(text)
	}
	for _, text := range indexes {
		exec(text)
	}
	exec("UPDATE sheet_state SET version = 0, marked = ''") // the sheets are still to be made
	if lite {
		exec("PRAGMA wal_checkpoint(TRUNCATE)")
	} else {
		exec("VACUUM ANALYZE")
	}
}

// dropIndexes takes the indexes of segments away and returns how they are made:
// filling an index row by row takes most of the time.
func (Bulk) dropIndexes(ctx context.Context, t testing.TB, db *sql.DB, lite bool) []string {
	t.Helper()
	text := "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'segments' AND indexname NOT LIKE '%pkey'"
	if lite {
		text = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'segments' AND sql IS NOT NULL"
	}
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	var names, made []string
	for rows.Next() {
		var name, def string
		if err := rows.Scan(&name, &def); err != nil {
			t.Fatal(err)
		}
		names, made = append(names, name), append(made, def)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	for _, n := range names {
		if _, err := db.ExecContext(ctx, "DROP INDEX "+n); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// statements are the history in SQL that both databases take. n.i counts the
// conversations; r is a number that looks random, t0 when it rang.
func (b Bulk) statements(lite bool) []string {
	second := int64(time.Second / time.Microsecond)
	pad := "lpad(CAST(%s AS TEXT), 8, '0')"
	if lite {
		pad = "printf('%%08d', %s)"
	}
	id := func(prefix, of string) string { return "'" + prefix + "_' || " + fmt.Sprintf(pad, of) }
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d), ", b.Conversations) +
		fmt.Sprintf(`c AS (SELECT i, i * 7919 %% 100 AS kind, i * 104729 %% 1000003 AS r, %d + i * %d AS t0 FROM n),
		s AS (SELECT i, kind, r, t0, t0 + %d * (5 + r %% 20) AS queued, i %% %d AS q, i %% %d AS a,
			%d * CASE WHEN kind < 1 THEN 1 + r %% 4 WHEN kind < 5 THEN 6 + r %% 60 WHEN kind < 7 THEN 120 ELSE r %% 40 END AS wait,
			%d * (60 + r %% 300) AS talk, %d * (5 + r %% 40) AS wrap FROM c) `,
			b.From.UnixMicro(), b.Span.Microseconds()/int64(b.Conversations), second, b.Queues, b.Agents, second, second, second)
	segment := func(prefix, kind, queue, agentID, parent, why, from, to, where string) string {
		return "INSERT INTO segments (id, conversation_id, parent_id, kind, queue_id, agent_id, flow_id, offer_id, end_reason, explanation, demo, started_at, ended_at) " +
			numbers + "SELECT " + id("sg_"+prefix, "i") + ", " + id("cv", "i") + ", " + parent + ", '" + kind + "', " + queue + ", " + agentID + ", '', '', " + why +
			", '', FALSE, " + from + ", " + to + " FROM s WHERE " + where
	}
	queue, other := id("qu", "q"), id("qu", fmt.Sprintf("(q + 1) %% %d", b.Queues))
	person, colleague := id("ag", "a"), id("ag", fmt.Sprintf("(a + 1) %% %d", b.Agents))
	const answered, moved = "kind >= 7", "kind >= 7 AND kind < 12"
	done := "queued + wait + talk"
	out := []string{
		segment("f", "flow", "''", "''", "''", "'next_step'", "t0", "queued", "TRUE"),
		segment("q", "queue", queue, "''", "''", "CASE WHEN kind < 5 THEN 'customer_disconnect' WHEN kind < 7 THEN 'max_wait' ELSE 'answered' END", "queued", "queued + wait", "TRUE"),
		segment("o", "offer", queue, person, "''", "'answered'", "queued", "queued + wait", answered),
		segment("m", "offer", queue, colleague, "''", "'agent_timeout'", "queued", "queued + wait / 2", "kind >= 95"),
		segment("a", "agent", queue, person, "''", "CASE WHEN kind < 12 THEN 'transferred' ELSE 'customer_disconnect' END", "queued + wait", done, answered),
		segment("h", "hold", queue, person, id("sg_a", "i"), "'resumed'", "queued + wait + talk / 4", "queued + wait + talk / 2", "kind >= 12 AND kind < 21"),
		segment("w", "wrap_up", queue, person, "''", "'wrapped_up'", done, done+" + wrap", answered),
		segment("r", "queue", other, "''", "''", "'answered'", done, done+" + wait", moved),
		segment("b", "agent", other, colleague, "''", "'customer_disconnect'", done+" + wait", done+" + wait + talk", moved),
		segment("v", "wrap_up", other, colleague, "''", "'wrapped_up'", done+" + wait + talk", done+" + wait + talk + wrap", moved),
	}
	days := int(b.Span/(24*time.Hour)) + 1
	presence := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d), ", b.Agents*days*2) +
		fmt.Sprintf("p AS (SELECT i, i %% %d AS a, i / %d AS half FROM n) ", b.Agents, b.Agents)
	out = append(out, "INSERT INTO events (seq, id, type, ts, conversation_id, conversation_seq, segment_id, agent_id, queue_id, causation_id, data) "+
		presence+fmt.Sprintf("SELECT i + 1, %s, 'agent.presence_changed', %d + (half / 2) * %d + CASE WHEN half %% 2 = 1 THEN %d + a ELSE 0 END, '', 0, '', %s, '', '', "+
		`CASE WHEN half %% 2 = 1 THEN '{"presence":"break"}' ELSE '{"presence":"available"}' END FROM p`,
		id("ev", "i"), b.From.UnixMicro(), 86400*second, 80000*second, person))
	return out
}
