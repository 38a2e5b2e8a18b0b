package store_test

import (
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
)

const million = 1_000_000

var (
	firstDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	shanghai = time.FixedZone("UTC+8", 8*3600)
	// A large floor in a day, and a middling one in a month.
	bulks = map[string]storetest.Bulk{
		"day":   {Conversations: million, Queues: 40, Agents: 5000, From: firstDay, Span: 24 * time.Hour},
		"month": {Conversations: million, Queues: 40, Agents: 500, From: firstDay, Span: 30 * 24 * time.Hour},
	}
)

// benchmarkFigures reports how fast sheets of a million conversations are made,
// how long their figures take, and once how long the segments alone do.
func benchmarkFigures(b *testing.B, open func(testing.TB, storetest.Bulk) *store.DB) {
	for name, bulk := range bulks {
		b.Run("span="+name, func(b *testing.B) {
			db := open(b, bulk)
			began := time.Now()
			n, err := db.FoldSheets(b.Context())
			if err != nil || n != bulk.Conversations {
				b.Fatal(n, err)
			}
			b.Logf("sheets of %d conversations made in %s", n, time.Since(began).Round(time.Millisecond))
			q := insight.Query{From: bulk.From.Add(-8 * time.Hour), To: bulk.From.Add(bulk.Span), Location: shanghai}
			for _, by := range []insight.By{insight.ByQueue, insight.ByAgent, insight.ByTotal} {
				for _, g := range []insight.Granularity{insight.HalfHour, insight.Hour, insight.Day, insight.Week} {
					q := q
					q.By, q.Granularity = by, g
					if by == insight.ByAgent && (g == insight.HalfHour || g == insight.Hour) {
						q.From = q.To.Add(-24 * time.Hour) // a month would be 720,000 rows
					}
					b.Run("by="+string(by)+"/per="+string(g), func(b *testing.B) {
						b.ReportAllocs()
						rows, before := 0, processorTime(b)
						for b.Loop() {
							table, err := db.Figures(b.Context(), q)
							if err != nil || len(table) == 0 {
								b.Fatal(len(table), err)
							}
							rows = len(table)
						}
						b.ReportMetric(float64(rows), "rows")
						b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
					})
				}
			}
			compareOnce(b, db, q)
		})
	}
}

// processorTime is what this process has used; a server of its own not included.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// compareOnce computes one table from the segments, which takes long, and holds
// the fast one to it.
func compareOnce(b *testing.B, db *store.DB, q insight.Query) {
	b.Helper()
	q.By, q.Granularity = insight.ByTotal, insight.Day
	q.From, q.To = q.From.Add(7*time.Minute), q.To.Add(-7*time.Minute)
	began := time.Now()
	slow, err := db.RecountFigures(b.Context(), q)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	began = time.Now()
	fast, err := db.Figures(b.Context(), q)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("totals per day from the segments in %s, with sheets in %s", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if !reflect.DeepEqual(fast, slow) {
		b.Errorf("the figures differ:\n%+v\n%+v", fast, slow)
	}
}

func BenchmarkFiguresSQLite(b *testing.B) {
	benchmarkFigures(b, func(t testing.TB, bulk storetest.Bulk) *store.DB {
		url := "sqlite:" + filepath.Join(t.TempDir(), "hotline.db")
		return filled(t, bulk, url)
	})
}

func BenchmarkFiguresPostgres(b *testing.B) {
	benchmarkFigures(b, func(t testing.TB, bulk storetest.Bulk) *store.DB {
		return filled(t, bulk, storetest.StartPostgres(t).New(t))
	})
}

// filled makes the tables, writes the history and opens the store.
func filled(t testing.TB, bulk storetest.Bulk, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	bulk.Write(t.Context(), t, url)
	if b, ok := t.(*testing.B); ok {
		b.Logf("history written in %s", time.Since(began).Round(time.Millisecond))
	}
	return openAt(t, url)
}
