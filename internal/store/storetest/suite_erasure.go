package storetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// erasure erases a customer with three conversations: one in order, one whose
// file cannot be deleted at first, one on legal hold; and then, on a store that
// was opened again, the rest. Nothing of another customer changes.
func erasure(t *testing.T, open Opener) {
	db, url := open(t)
	dir, now := t.TempDir(), Now()
	const number, name, other = "+8613912345678", "Wang Xiaoming", "+8613800000001"
	cu := omni.Customer{ID: id.New(id.Customer), Name: name, Note: "likes tea", Language: "zh-CN", CreatedAt: now, UpdatedAt: now}
	them := omni.Customer{ID: id.New(id.Customer), Name: "Other", CreatedAt: now, UpdatedAt: now}
	c := fourTalks(t, dir, cu, them, number, other)
	talks, recs := slices.Clone(c.Conversations), slices.Clone(c.Recordings)
	live := Conversation(now.Add(time.Minute))
	live.CustomerID = cu.ID
	e := omni.Erasure{ID: id.New("er"), CustomerID: cu.ID, State: omni.ErasureRunning, Reason: "asked <by letter> & called", RequestedBy: "us_1", RequestedAt: now}
	c.Conversations, c.Erasures = append(c.Conversations, live), []omni.Erasure{e}
	Commit(t, db, c)
	Commit(t, db, omni.Change{Holds: []omni.Hold{{RecordingID: recs[2].ID, On: true, By: "us_1", Reason: "case", At: now}}})
	before := must[omni.ErasurePreview](t)(db.ErasurePreview(t.Context(), cu.ID))
	if p := before; p.Identities != 1 || p.Conversations != 3 || p.Recordings != 2 || p.Bytes != 6 || p.Messages != 2 || p.Notes != 2 || p.Open != 1 ||
		len(p.Kept) != 1 || p.Kept[0].ConversationID != talks[2].ID || p.Kept[0].Reason != "case" || !p.Kept[0].HeldAt.Equal(now) {
		t.Errorf("preview %+v", p)
	}
	run := func() error { return db.EraseNow(t.Context(), dir) }
	if err := run(); err != nil || must[omni.Recording](t)(db.Recording(t.Context(), recs[0].ID)).State != omni.RecordingReady {
		t.Errorf("erased in the middle of a call: %v", err)
	}
	live.State = omni.Completed
	stuck := recs[1]
	stuck.Path = "../" + stuck.Path
	Commit(t, db, omni.Change{Conversations: []omni.Conversation{live}, Recordings: []omni.Recording{stuck}})
	if err := run(); err == nil {
		t.Error("a path that leads out of the folder is no fault")
	}
	if d := must[omni.Detail](t)(db.Detail(t.Context(), talks[0].ID)); d.Recordings[0].State != omni.RecordingDeleted {
		t.Errorf("the first conversation is not erased: %+v", d.Recordings)
	}
	if p := must[omni.Erasure](t)(db.Erasure(t.Context(), e.ID)).Progress; p == nil || *p != (omni.Progress{Conversations: 4, Done: 1}) {
		t.Errorf("progress %+v", p)
	}

	db, err := store.Open(t.Context(), url, nil) // another process goes on
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	Commit(t, db, omni.Change{Recordings: []omni.Recording{recs[1]}})
	if err := db.EraseNow(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	done := must[omni.Erasure](t)(db.Erasure(t.Context(), e.ID))
	if done.State != omni.ErasureDone || done.Certificate == nil || done.Certificate.Complete || len(done.Certificate.Conversations) != 4 {
		t.Fatalf("%+v, %+v", done, done.Certificate)
	}
	erasedSoFar(t, db, talks, []string{number, name, "jotted"}, func(i int) bool {
		_, err := os.Stat(filepath.Join(dir, recs[i].Path))
		return err != nil
	})
	if must[omni.Customer](t)(db.Customer(t.Context(), cu.ID)).Name != name {
		t.Error("the customer is erased in spite of the hold")
	}

	again := e
	again.ID, again.RequestedAt = id.New("er"), now.Add(time.Second)
	Commit(t, db, omni.Change{Holds: []omni.Hold{{RecordingID: recs[2].ID}}, Erasures: []omni.Erasure{again}})
	if err := db.EraseNow(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	after := must[omni.ErasurePreview](t)(db.ErasurePreview(t.Context(), cu.ID))
	if p := after; p.Identities+p.Conversations+p.Recordings+p.Bytes+p.Messages+p.Notes+p.Open != 0 || len(p.Kept) != 0 {
		t.Errorf("after the erasure there is left %+v", p)
	}
	all := must[[]omni.Erasure](t)(db.Erasures(t.Context(), cu.ID))
	if len(all) != 2 || !all[0].Certificate.Complete || len(all[0].Certificate.Identities) != 1 || len(all[0].Certificate.SHA256) != 64 {
		t.Errorf("%+v", all)
	}
	for _, e := range all {
		again := *e.Certificate
		if err := again.Seal(); err != nil || again.SHA256 != e.Certificate.SHA256 {
			t.Errorf("the hash of %s as it is read: %s, it says %s (%v)", e.ID, again.SHA256, e.Certificate.SHA256, err)
		}
	}
	if c := must[omni.Customer](t)(db.Customer(t.Context(), cu.ID)); c.Name != "" || c.Note != "" {
		t.Errorf("%+v", c)
	}
	if _, _, err := db.CustomerByIdentity(t.Context(), omni.IdentityPhone, other, ""); err != nil {
		t.Errorf("the other customer: %v", err)
	}
	if _, _, err := db.CustomerByIdentity(t.Context(), omni.IdentityPhone, number, ""); err == nil {
		t.Error("the number is still known")
	}
}

// fourTalks are two customers with their numbers and four conversations with a
// recording each: the first three are the first customer's, the last the other's.
func fourTalks(t *testing.T, dir string, cu, them omni.Customer, number, other string) omni.Change {
	t.Helper()
	now := cu.CreatedAt
	c := omni.Change{Customers: []omni.Customer{cu, them}, Identities: []omni.Identity{
		{ID: id.New(id.Identity), CustomerID: cu.ID, Kind: omni.IdentityPhone, Value: number, CreatedAt: now},
		{ID: id.New(id.Identity), CustomerID: them.ID, Kind: omni.IdentityPhone, Value: other, CreatedAt: now},
	}}
	for i := range 4 {
		v := Conversation(now.Add(time.Duration(i) * time.Second))
		v.State, v.CustomerID, v.CallerNumber, v.WrapUpNote, v.FlowPath = omni.Completed, cu.ID, number, "told me "+number, []string{"menu › 1"}
		if i == 3 {
			v.CustomerID, v.CallerNumber = them.ID, other
		}
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: v.ID, Kind: "call", State: omni.RecordingReady, Bytes: 3, SHA256: "ab", StartedAt: now, EndedAt: now}
		r.Path = r.ID + ".wav"
		if err := os.WriteFile(filepath.Join(dir, r.Path), []byte("abc"), 0o600); err != nil {
			t.Fatal(err)
		}
		e := Event(v.ID, omni.ConversationInitiated, now)
		e.Data = json.RawMessage(`{"to":"` + number + `","name":"` + cu.Name + `","kind":"x"}`)
		c.Conversations, c.Recordings, c.Events = append(c.Conversations, v), append(c.Recordings, r), append(c.Events, e)
		c.Segments = append(c.Segments, omni.Segment{ID: id.New(id.Segment), ConversationID: v.ID, Kind: omni.SegmentAgent, WrapUpNote: "jotted", StartedAt: now, EndedAt: now})
		c.Messages = append(c.Messages, omni.Message{ID: id.New("ms"), ConversationID: v.ID, Kind: "text", Author: "customer", Text: "I am " + cu.Name, CreatedAt: now})
	}
	return c
}

// erasedSoFar wants the first two conversations, and no others, to have nothing
// personal and no file.
func erasedSoFar(t *testing.T, db *store.DB, talks []omni.Conversation, personal []string, gone func(i int) bool) {
	t.Helper()
	for i, v := range talks {
		d := must[omni.Detail](t)(db.Detail(t.Context(), v.ID))
		raw, _ := json.Marshal(struct{ C, S, M, E any }{d.Conversation, d.Segments, d.Messages, d.Events})
		erased := i < 2
		found := slices.ContainsFunc(personal, func(p string) bool { return strings.Contains(string(raw), p) })
		if found == erased {
			t.Errorf("conversation %d: personal data there %v: %s", i, found, raw)
		}
		if gone(i) != erased {
			t.Errorf("conversation %d: file gone %v", i, gone(i))
		}
		if d.Events[0].ConversationSeq != 1 || len(d.Messages) != 1 || d.Messages[0].Seq != 1 {
			t.Errorf("numbers of conversation %d: %+v", i, d.Events)
		}
	}
}
