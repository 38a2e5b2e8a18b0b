package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/openhotline/hotline/omni"
)

const patience = 20 * time.Second

// journal is a store in memory: what was committed, with its seq.
type journal struct {
	mu     sync.Mutex
	events []omni.Event
	broken error
	reads  int
}

func (j *journal) commit(n int, text string) []omni.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range n {
		seq := int64(len(j.events) + 1)
		j.events = append(j.events, omni.Event{Seq: seq, ID: fmt.Sprint("ev_", seq), Type: text, Time: time.UnixMicro(seq).UTC()})
	}
	return slices.Clone(j.events[len(j.events)-n:])
}

func (j *journal) Events(_ context.Context, after int64, limit int) ([]omni.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reads++
	if j.broken != nil {
		return nil, j.broken
	}
	rest := j.events[min(after, int64(len(j.events))):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (j *journal) Head(context.Context) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return int64(len(j.events)), j.broken
}

func start(t testing.TB, j Refill, cfg Config) *Bus {
	t.Helper()
	b, err := New(t.Context(), cfg, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func expect(t testing.TB, r *Reader, from, to int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for seq := from; seq <= to; seq++ {
		e, err := r.Next(ctx)
		if err != nil || e.Seq != seq || e.ID != fmt.Sprint("ev_", seq) {
			t.Fatalf("got %d (%s), %v; want %d", e.Seq, e.ID, err, seq)
		}
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("in vain: ", what)
		}
	}
}

func TestReadersGetEveryEventOnce(t *testing.T) {
	t.Parallel()
	j := &journal{}
	j.commit(10, "old")
	b := start(t, j, Config{NodeID: "nd_1"})
	fromStart, fromThere, fromNow := b.Read(0, nil), b.Read(7, nil), b.Read(-1, nil)
	b.Publish(j.commit(5, "new"))
	b.Publish(j.commit(500, "new"))
	expect(t, fromStart, 1, 515)
	expect(t, fromThere, 8, 515)
	expect(t, fromNow, 11, 515)
	future := b.Read(9999, nil) // a client of another database
	b.Publish(j.commit(1, "new"))
	expect(t, future, 516, 516)
	fromNow.Close()
	fromNow.Close()
}

func TestFilterTellsHowFarItHasRead(t *testing.T) {
	t.Parallel()
	j := &journal{}
	b := start(t, j, Config{NodeID: "nd_1"})
	r := b.Read(0, func(e *omni.Event) bool { return e.Type == "mine" })
	b.Publish(j.commit(4, "theirs"))
	b.Publish(j.commit(1, "mine"))
	b.Publish(j.commit(3, "theirs"))
	expect(t, r, 5, 5)
	b.Publish(j.commit(1, "mine"))
	expect(t, r, 9, 9)
	if r.Seen() != 9 {
		t.Errorf("seen %d, want 9", r.Seen())
	}
}

// A reader that does not read delays nobody and misses nothing.
func TestSlowReaderRefills(t *testing.T) {
	t.Parallel()
	j := &journal{}
	b := start(t, j, Config{NodeID: "nd_1", Buffer: 4})
	slow, fast := b.Read(0, nil), b.Read(0, nil)
	for n := range int64(50) {
		b.Publish(j.commit(2, "x"))
		expect(t, fast, 2*n+1, 2*n+2)
	}
	expect(t, slow, 1, 100)
	b.Publish(j.commit(1, "x"))
	expect(t, slow, 101, 101)
}

func TestMissedMessagesAreReadFromTheJournal(t *testing.T) {
	t.Parallel()
	j := &journal{}
	b := start(t, j, Config{NodeID: "nd_1", Poll: 20 * time.Millisecond})
	r := b.Read(0, nil)
	j.commit(3, "lost")
	b.Publish(j.commit(2, "sent")) // shows the gap before it
	expect(t, r, 1, 5)
	j.commit(2, "lost at the end") // only a look at the head shows it
	expect(t, r, 6, 7)
	j.mu.Lock()
	j.broken = errors.New("away")
	j.mu.Unlock()
	late := b.Read(0, nil)
	if _, err := late.Next(t.Context()); err == nil || err.Error() != "away" {
		t.Errorf("a reader whose journal is away gives %v", err)
	}
	j.mu.Lock()
	j.broken = nil
	j.mu.Unlock()
	expect(t, late, 1, 7)
}

func TestSubscribeUntilCancel(t *testing.T) {
	t.Parallel()
	j := &journal{}
	b := start(t, j, Config{NodeID: "nd_1"})
	got := make(chan int64, 1000)
	cancel := b.Subscribe(func(events []omni.Event) {
		for _, e := range events {
			got <- e.Seq
		}
	})
	for range 20 {
		b.Publish(j.commit(10, "x"))
	}
	for seq := int64(1); seq <= 200; seq++ {
		if n := <-got; n != seq {
			t.Fatalf("got %d, want %d", n, seq)
		}
	}
	cancel()
	cancel()
	b.Publish(j.commit(1, "x"))
	r := b.Read(200, nil)
	expect(t, r, 201, 201)
	if len(got) != 0 {
		t.Error("an event came after the end")
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("reading from a closed bus gives %v", err)
	}
	if _, err := b.Read(0, nil).Next(t.Context()); err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("a reader of a closed bus gives %v", err)
	}
}

var errBusyLine = errors.New("line is busy")

// cluster starts two nodes over one journal.
func cluster(t testing.TB, j *journal) (*Bus, *Bus) {
	t.Helper()
	codes := map[string]error{"busy": errBusyLine}
	a := start(t, j, Config{NodeID: "nd_a", Cluster: "127.0.0.1:0", Secret: "a secret of the nodes", Codes: codes})
	b := start(t, j, Config{NodeID: "nd_b", Cluster: "127.0.0.1:0", Secret: "a secret of the nodes", Codes: codes,
		Routes: []string{a.ClusterAddr()}, CommandTimeout: 4 * time.Second})
	eventually(t, "the nodes find each other", func() bool { return a.Nodes() > 0 && b.Nodes() > 0 })
	return a, b
}

func TestClusterCarriesEvents(t *testing.T) {
	t.Parallel()
	j := &journal{}
	a, b := cluster(t, j)
	here, there := a.Read(0, nil), b.Read(0, nil)
	for range 10 {
		a.Publish(j.commit(77, strings.Repeat("x", 1000)))
	}
	expect(t, here, 1, 770)
	expect(t, there, 1, 770)
	a.Publish(j.commit(1, strings.Repeat("long", 300_000))) // longer than any message
	expect(t, there, 771, 771)
	b.Publish(j.commit(2, "from the other side"))
	expect(t, here, 771, 773)
}

func TestCommandsReachTheirNode(t *testing.T) {
	t.Parallel()
	a, b := cluster(t, &journal{})
	for _, node := range []*Bus{a, b} {
		node.Handle("echo", func(_ context.Context, p []byte) ([]byte, error) {
			return append([]byte(node.cfg.NodeID+" "), p...), nil
		})
		node.Handle("fail", func(context.Context, []byte) ([]byte, error) { return nil, fmt.Errorf("hold: %w", errBusyLine) })
		node.Handle("long", func(context.Context, []byte) ([]byte, error) { return make([]byte, maxCommand+1), nil })
	}
	eventually(t, "the subscription has spread", func() bool {
		_, err := b.Command(t.Context(), "nd_a", "echo", nil)
		return err == nil
	})
	for _, from := range []*Bus{a, b} {
		for _, to := range []string{"nd_a", "nd_b"} {
			if got, err := from.Command(t.Context(), to, "echo", []byte("hold\x00\xff")); err != nil || string(got) != to+" hold\x00\xff" {
				t.Errorf("%s to %s: %q, %v", from.cfg.NodeID, to, got, err)
			}
			_, err := from.Command(t.Context(), to, "fail", nil)
			var remote *RemoteError
			if !errors.Is(err, errBusyLine) || !errors.As(err, &remote) || remote.Code != "busy" {
				t.Errorf("a failing command gives %v", err)
			}
			if _, err := from.Command(t.Context(), to, "nothing", nil); !errors.Is(err, ErrNoName) {
				t.Errorf("an unknown command gives %v", err)
			}
			if _, err := from.Command(t.Context(), to, "long", nil); !errors.Is(err, ErrTooLong) {
				t.Errorf("a long answer gives %v", err)
			}
		}
		if _, err := from.Command(t.Context(), "nd_gone", "echo", nil); !errors.Is(err, ErrNoNode) {
			t.Errorf("a node that is not there gives %v", err)
		}
		if _, err := from.Command(t.Context(), "*", "echo", nil); !errors.Is(err, ErrNoNode) {
			t.Errorf("a node that cannot be gives %v", err)
		}
		if _, err := from.Command(t.Context(), "nd_a", "echo", make([]byte, maxCommand+1)); !errors.Is(err, ErrTooLong) {
			t.Errorf("a long command gives %v", err)
		}
	}
}

// The answer comes after the command was sent again: it is carried out once.
func TestCommandIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	a, b := cluster(t, &journal{})
	var calls atomic.Int32
	release := make(chan struct{})
	a.Handle("hang up", func(ctx context.Context, _ []byte) ([]byte, error) {
		calls.Add(1)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return []byte("done"), nil
	})
	a.Handle("ready", func(context.Context, []byte) ([]byte, error) { return nil, nil })
	eventually(t, "the subscription has spread", func() bool {
		_, err := b.Command(t.Context(), "nd_a", "ready", nil)
		return err == nil
	})
	var all sync.WaitGroup
	for range 3 { // three callers with one id, each waiting longer than sendAgain
		all.Go(func() {
			if got, err := b.CommandWithID(t.Context(), "cm_1", "nd_a", "hang up", nil); err != nil || string(got) != "done" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	timer := time.AfterFunc(sendAgain+300*time.Millisecond, func() { close(release) })
	defer timer.Stop()
	all.Wait()
	if got, err := b.CommandWithID(t.Context(), "cm_1", "nd_a", "hang up", nil); err != nil || string(got) != "done" {
		t.Errorf("again: %q, %v", got, err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("carried out %d times", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a.Handle("never", func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
	if _, err := b.Command(ctx, "nd_a", "never", nil); err == nil {
		t.Error("a command without an answer gives no error")
	}
}

func TestTooManyCommandsAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t, &journal{}, Config{NodeID: "nd_1"})
	release := make(chan struct{})
	b.Handle("wait", func(context.Context, []byte) ([]byte, error) { <-release; return nil, nil })
	var busy, fine atomic.Int32
	var all sync.WaitGroup
	for range maxRunning + 10 {
		all.Go(func() {
			_, err := b.Command(t.Context(), "nd_1", "wait", nil)
			if errors.Is(err, ErrBusy) {
				if busy.Add(1) == 10 {
					close(release)
				}
			} else if err == nil {
				fine.Add(1)
			}
		})
	}
	all.Wait()
	if busy.Load() != 10 || fine.Load() != maxRunning {
		t.Errorf("%d refused, %d carried out", busy.Load(), fine.Load())
	}
	for i := range maxAnswers + 100 { // answers are forgotten in the end
		b.Handle("quick", func(context.Context, []byte) ([]byte, error) { return nil, nil })
		if _, err := b.Command(t.Context(), "nd_1", "quick", nil); err != nil {
			t.Fatal(i, err)
		}
	}
	b.commands.mu.Lock()
	defer b.commands.mu.Unlock()
	if len(b.commands.known) > maxAnswers || len(b.commands.order) != len(b.commands.known) {
		t.Errorf("%d answers kept", len(b.commands.known))
	}
}

// An external server may be away when the bus starts, and go away later.
func TestExternalServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	j := &journal{}
	url := fmt.Sprint("nats://127.0.0.1:", port)
	a := start(t, j, Config{NodeID: "nd_a", URL: url, Poll: 50 * time.Millisecond})
	b := start(t, j, Config{NodeID: "nd_b", URL: url, Poll: 50 * time.Millisecond})
	here, there := a.Read(0, nil), b.Read(0, nil)
	a.Publish(j.commit(3, "before"))
	expect(t, here, 1, 3)
	expect(t, there, 1, 3) // by the journal
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Shutdown()
	b.Handle("ready", func(context.Context, []byte) ([]byte, error) { return []byte("yes"), nil })
	eventually(t, "a command passes the server", func() bool {
		got, err := a.Command(t.Context(), "nd_b", "ready", nil)
		return err == nil && bytes.Equal(got, []byte("yes"))
	})
	a.Publish(j.commit(2, "after"))
	expect(t, there, 4, 5)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no id":              {},
		"id with a dot":      {NodeID: "a.b"},
		"both kinds":         {NodeID: "a", URL: "nats://x", Cluster: "127.0.0.1:0", Secret: strings.Repeat("s", 16)},
		"routes alone":       {NodeID: "a", Routes: []string{"x:1"}},
		"no secret":          {NodeID: "a", Cluster: "127.0.0.1:0"},
		"address of nothing": {NodeID: "a", Cluster: "127.0.0.1", Secret: strings.Repeat("s", 16)},
		"negative":           {NodeID: "a", Buffer: -1},
	} {
		if b, err := New(t.Context(), cfg, &journal{}, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
			if b != nil {
				_ = b.Close()
			}
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	j := &journal{}
	bus := start(b, j, Config{NodeID: "nd_1", Buffer: 1 << 16})
	r := bus.Read(0, nil)
	for b.Loop() {
		bus.Publish(j.commit(1, "x"))
		if _, err := r.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
