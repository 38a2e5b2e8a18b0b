package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// callStep is what a step of a call writes: the conversation, a segment and
// two events.
func callStep(cv *omni.Conversation) store.Write {
	now := storetest.Now()
	return store.Write{Omni: omni.Change{
		Conversations: []omni.Conversation{*cv},
		Segments:      []omni.Segment{{ID: id.New(id.Segment), ConversationID: cv.ID, Kind: omni.SegmentQueue, QueueID: "qu_1", StartedAt: now}},
		Events:        []omni.Event{storetest.Event(cv.ID, omni.ConversationQueued, now), storetest.Event(cv.ID, omni.QueueEntered, now)},
	}}
}

func benchmarkCommit(b *testing.B, open func(testing.TB) *store.DB) {
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			db := open(b)
			b.SetParallelism(max(1, callers/2)) // two cores
			b.ReportAllocs()
			start := time.Now()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				cv := storetest.Conversation(storetest.Now())
				for pb.Next() {
					if _, err := db.Commit(b.Context(), callStep(&cv)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commits/s")
		})
	}
}

func BenchmarkCommitSQLite(b *testing.B) {
	benchmarkCommit(b, func(t testing.TB) *store.DB { db, _ := openSQLite(t); return db })
}

func BenchmarkCommitPostgres(b *testing.B) {
	pg := storetest.StartPostgres(b)
	benchmarkCommit(b, func(t testing.TB) *store.DB { return openAt(t, pg.New(t)) })
}

func benchmarkEvents(b *testing.B, db *store.DB) {
	const total = 20_000
	for range total / 100 {
		var c omni.Change
		for range 100 {
			c.Events = append(c.Events, storetest.Event("cv_1", omni.ConversationQueued, storetest.Now()))
			c.Events[len(c.Events)-1].Data = []byte(`{"queue_id":"` + strings.Repeat("x", 100) + `"}`)
		}
		storetest.Commit(b, db, c)
	}
	storetest.AwaitHead(b, db, total)
	start, read := time.Now(), 0
	for b.Loop() {
		if err := db.EachEvent(b.Context(), 0, func(omni.Event) error { read++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(read)/time.Since(start).Seconds(), "events/s")
}

func BenchmarkReadEventsSQLite(b *testing.B) {
	db, _ := openSQLite(b)
	benchmarkEvents(b, db)
}

func BenchmarkReadEventsPostgres(b *testing.B) {
	benchmarkEvents(b, openAt(b, storetest.StartPostgres(b).New(b)))
}

// BenchmarkListConversations reads the first page among many, with and without
// a search for text.
func BenchmarkListConversations(b *testing.B) {
	db, _ := openSQLite(b)
	var c omni.Change
	for i := range 50_000 {
		cv := storetest.Conversation(storetest.Now().Add(time.Duration(i) * time.Second))
		cv.State, cv.CallerNumber = omni.Completed, fmt.Sprintf("+8613%09d", i)
		if c.Conversations = append(c.Conversations, cv); len(c.Conversations) == 1000 {
			storetest.Commit(b, db, c)
			c.Conversations = nil
		}
	}
	for name, f := range map[string]omni.Filter{"newest": {}, "text": {Text: "000049"}, "state": {States: []omni.State{omni.Completed}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := db.Conversations(b.Context(), f, omni.Page{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
