package store

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// Both databases have the same steps, so that a backup of one fits the other.
func TestMigrationsOfBothDatabasesAgree(t *testing.T) {
	t.Parallel()
	lite, err1 := migrationsOf("sqlite")
	pg, err2 := migrationsOf("postgres")
	if err1 != nil || err2 != nil || len(lite) != len(pg) || len(lite) == 0 {
		t.Fatalf("%d and %d steps, %v, %v", len(lite), len(pg), err1, err2)
	}
	for i := range lite {
		if lite[i].name != pg[i].name {
			t.Errorf("step %d is %s and %s", i+1, lite[i].name, pg[i].name)
		}
	}
}

// A table that nobody thought of must not be missing from backups.
func TestBackupKnowsEveryTable(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hotline.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.read.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	leftOut := []string{"schema_version", "leases", "nodes", "sessions", "sheets", "unsheeted", "sheet_state"}
	n := 0
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		n++
		known := slices.ContainsFunc(tables, func(t struct{ name, order string }) bool { return t.name == name })
		if known == slices.Contains(leftOut, name) {
			t.Errorf("table %s: in backups %v", name, known)
		}
	}
	if n != len(tables)+len(leftOut) {
		t.Errorf("%d tables, want %d", n, len(tables)+len(leftOut))
	}
}

// Lists must use an index: a scan of a million conversations takes seconds.
func TestListsUseAnIndex(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hotline.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, c := range map[string]struct{ query, want string }{
		"newest":         {selectConversations + " ORDER BY c.created_at DESC, c.id DESC LIMIT 51", "conversations_newest"},
		"of a customer":  {selectConversations + " WHERE c.customer_id = 'x' ORDER BY c.created_at DESC, c.id DESC LIMIT 51", "conversations_of_customer"},
		"that live":      {selectConversations + " WHERE c.state IN ('queued') AND c.state <> 'completed' ORDER BY c.created_at DESC, c.id DESC LIMIT 51", "conversations_active"},
		"of the node":    {selectConversations + " WHERE c.node_id = 'x' AND c.state <> 'completed' ORDER BY c.created_at, c.id", "conversations_live"},
		"events":         {strings.NewReplacer("$1", "5", "$2", "10").Replace(eventsAfter), "INTEGER PRIMARY KEY"},
		"its events":     {strings.ReplaceAll(eventsOfConversation, "$1", "'x'"), "events_of_conversation"},
		"expired":        {"SELECT * FROM recordings t WHERE t.state IN ('ready', 'failed') AND t.delete_after > 0 AND t.delete_after <= 9 AND NOT t.legal_hold ORDER BY t.delete_after, t.id", "recordings_due"},
		"live figures":   {numbered(segmentsOf(chosenConversations[insight.Unsheeted])), "SEARCH s USING INDEX segments_of_conversation (conversation_id=?); USE TEMP B-TREE"},
		"cut figures":    {numbered(segmentsOf(chosenConversations[insight.Begun])), "SEARCH t USING INDEX segments_transferred"},
		"their segments": {numbered(segmentsOf(chosenConversations[insight.Begun])), "SEARCH s USING INDEX segments_of_conversation (conversation_id=?); USE TEMP B-TREE"},
		"presences":      {numbered(presenceEvents), "events_of_presence_by_time"},
		"waiting":        {"SELECT body FROM queue_entries WHERE live ORDER BY entered_at, conversation_id", "queue_entries_live"},
	} {
		if plan := planOf(t, db, c.query); !strings.Contains(plan, c.want) {
			t.Errorf("%s: %s", name, plan)
		}
	}
}

// numbered puts numbers where a query has parameters.
func numbered(query string) string {
	return strings.NewReplacer("$1", "5", "$2", "10", "$3", "1").Replace(query)
}

func planOf(t *testing.T, db *DB, query string) string {
	t.Helper()
	rows, err := db.read.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return strings.Join(plan, "; ")
}

// Rows of a backup from before agents had wrap-ups of their own get them.
func TestOldRowsAreFilledIn(t *testing.T) {
	t.Parallel()
	db := openLite(t)
	at := nine
	talk := func(id string, from time.Duration) omni.Segment {
		return omni.Segment{ID: id, ConversationID: "cv_1", Kind: omni.SegmentAgent, AgentID: "ag_" + id, StartedAt: at.Add(from), EndedAt: at.Add(from + time.Minute)}
	}
	c := omni.Change{
		Conversations: []omni.Conversation{{ID: "cv_1", State: omni.Completed, WrapUpCode: "sold", WrapUpNote: "rings again", FlowPath: []string{}, CreatedAt: at}},
		Segments:      []omni.Segment{talk("sg_1", 0), talk("sg_2", time.Minute)},
	}
	if _, err := db.Commit(t.Context(), Write{Omni: c}); err != nil {
		t.Fatal(err)
	}
	for _, schema := range []int{6, 5} {
		if err := db.exclusive(t.Context(), func(q querier) error { return fillIn(t.Context(), q, schema) }); err != nil {
			t.Fatal(err)
		}
		want := 0
		if schema < 6 {
			want = 1
		}
		found, _, err := db.Conversations(t.Context(), omni.Filter{Text: "rings"}, omni.Page{})
		if err != nil || len(found) != want {
			t.Errorf("schema %d: %d found, %v", schema, len(found), err)
		}
	}
	list, err := db.ConversationSegments(t.Context(), "cv_1")
	if err != nil || list[0].WrapUpCode != "" || list[1].WrapUpCode != "sold" {
		t.Errorf("segments %+v, %v", list, err)
	}
}
