package media

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// EngineConfig sets up an Engine. The zero value works.
type EngineConfig struct {
	// Shards is the number of goroutines that tick rooms. Defaults to GOMAXPROCS.
	Shards int
}

// Engine ticks rooms every 20 ms on absolute deadlines: one goroutine and one
// timer per shard, none per room or leg.
type Engine struct {
	shards []*shard
}

// NewEngine makes an engine; Run starts it.
func NewEngine(cfg EngineConfig) *Engine {
	n := cmp.Or(max(cfg.Shards, 0), runtime.GOMAXPROCS(0))
	e := &Engine{shards: make([]*shard, n)}
	for i := range e.shards {
		e.shards[i] = &shard{offset: FrameTime * time.Duration(i) / time.Duration(n)}
	}
	return e
}

// Run ticks all rooms until ctx ends and returns its cause. A second Run of
// the same engine at the same time is a mistake of the caller.
func (e *Engine) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	start := time.Now()
	start = start.Add(UntilBeat(start, FrameTime))
	for _, s := range e.shards {
		wg.Go(func() { s.run(ctx, start.Add(s.offset)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

// NewRoom makes an empty room on the least loaded shard. Close it when done.
func (e *Engine) NewRoom(id string) *Room {
	best := e.shards[0]
	for _, s := range e.shards[1:] {
		if s.load.Load() < best.load.Load() {
			best = s
		}
	}
	r := &Room{id: id, shard: best, rate: Rate8k}
	best.add(r)
	return r
}

// Tick runs one frame of every room in the caller's goroutine: for tests and
// offline rendering, never together with Run.
func (e *Engine) Tick() {
	for _, s := range e.shards {
		s.tick()
	}
}

// EngineStats describes how punctual the ticks are and how much they carry.
type EngineStats struct {
	Rooms    int           `json:"rooms"`
	Relaying int           `json:"relaying"`     // rooms whose packets pass undecoded
	Ticks    uint64        `json:"ticks"`        // of all shards
	Skipped  uint64        `json:"skipped"`      // frames given up after a stall
	LateP50  time.Duration `json:"late_p50_ns"`  // start of a tick after its deadline
	LateP99  time.Duration `json:"late_p99_ns"`  //
	LateMax  time.Duration `json:"late_max_ns"`  //
	BusyTime time.Duration `json:"busy_time_ns"` // wall time spent in ticks
}

// Stats adds up all shards since the start or the last ResetStats.
func (e *Engine) Stats() EngineStats {
	var st EngineStats
	var sum histogram
	for _, s := range e.shards {
		rooms, relaying := s.count()
		st.Rooms += rooms
		st.Relaying += relaying
		st.Ticks += s.ticks.Load()
		st.Skipped += s.skipped.Load()
		st.BusyTime += time.Duration(s.busy.Load())
		st.LateMax = max(st.LateMax, time.Duration(s.worst.Load()))
		s.late.addTo(&sum)
	}
	st.LateP50, st.LateP99 = sum.quantile(0.50), sum.quantile(0.99)
	return st
}

// ResetStats starts the statistics anew.
func (e *Engine) ResetStats() {
	for _, s := range e.shards {
		s.ticks.Store(0)
		s.skipped.Store(0)
		s.busy.Store(0)
		s.worst.Store(0)
		s.late.reset()
	}
}

// maxCatchUp is how far a shard may be behind and still run every frame; a
// longer stall (a suspended machine) skips ahead.
const maxCatchUp = 10 * FrameTime

// shard ticks its rooms in one goroutine.
type shard struct {
	offset time.Duration // shards do not all wake at the same instant
	load   atomic.Int64  // rooms

	mu    sync.Mutex // rooms; held while the list is copied or changed, not in ticks
	rooms []*Room
	dirty bool

	working []*Room // the ticking goroutine's copy of rooms

	due            atomic.Int64 // when the next frame is due, Unix nanoseconds; 0: not running
	ticks, skipped atomic.Uint64
	busy, worst    atomic.Int64 // nanoseconds
	late           histogram
}

func (s *shard) add(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms = append(s.rooms, r)
	s.dirty = true
	s.load.Add(1)
}

func (s *shard) remove(r *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.rooms {
		if other == r {
			last := len(s.rooms) - 1
			s.rooms[i], s.rooms[last] = s.rooms[last], nil
			s.rooms = s.rooms[:last]
			s.dirty = true
			s.load.Add(-1)
			return
		}
	}
}

func (s *shard) count() (rooms, relaying int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		if r.relayingNow.Load() {
			relaying++
		}
	}
	return len(s.rooms), relaying
}

func (s *shard) run(ctx context.Context, next time.Time) {
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	defer s.due.Store(0)
	for {
		s.due.Store(next.UnixNano())
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		late := time.Since(next)
		s.observe(late)
		began := time.Now()
		s.tick()
		s.busy.Add(int64(time.Since(began)))
		next = next.Add(FrameTime)
		if behind := time.Since(next); behind > maxCatchUp {
			s.observe(behind)
			frames := behind / FrameTime
			s.skipped.Add(uint64(frames))
			s.skip(int(frames))
			next = next.Add(frames * FrameTime)
		}
		timer.Reset(time.Until(next))
	}
}

func (s *shard) observe(late time.Duration) {
	s.late.add(late)
	if int64(late) > s.worst.Load() {
		s.worst.Store(int64(late))
	}
}

func (s *shard) tick() {
	s.mu.Lock()
	if s.dirty {
		clear(s.working)
		s.working = append(s.working[:0], s.rooms...)
		s.dirty = false
	}
	s.mu.Unlock()
	for _, r := range s.working {
		r.tick()
	}
	s.ticks.Add(1)
}

// skip tells the rooms of frames that were given up.
func (s *shard) skip(frames int) {
	for _, r := range s.working {
		r.skip(frames)
	}
}

// histogram counts durations in buckets of 10 µs up to 50 ms.
type histogram struct {
	buckets [5001]atomic.Uint32
}

const bucketWidth = 10 * time.Microsecond

func (h *histogram) add(d time.Duration) {
	i := min(max(int(d/bucketWidth), 0), len(h.buckets)-1)
	h.buckets[i].Add(1)
}

func (h *histogram) addTo(sum *histogram) {
	for i := range h.buckets {
		if n := h.buckets[i].Load(); n > 0 {
			sum.buckets[i].Add(n)
		}
	}
}

func (h *histogram) reset() {
	for i := range h.buckets {
		h.buckets[i].Store(0)
	}
}

// quantile returns the upper edge of the bucket that holds the q-th value.
func (h *histogram) quantile(q float64) time.Duration {
	var total uint64
	for i := range h.buckets {
		total += uint64(h.buckets[i].Load())
	}
	if total == 0 {
		return 0
	}
	rank, seen := uint64(q*float64(total)), uint64(0)
	for i := range h.buckets {
		if seen += uint64(h.buckets[i].Load()); seen > rank {
			return time.Duration(i+1) * bucketWidth
		}
	}
	return time.Duration(len(h.buckets)) * bucketWidth
}
