package journey

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/omni"
)

// said counts the lines of a log that contain a text.
type said struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (s *said) Enabled(context.Context, slog.Level) bool { return true }

func (s *said) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, r.Message)
	return nil
}

func (s *said) count(text string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// listening gives a node a log that can be asked.
func (c *Center) listening() *said {
	s := &said{}
	c.log = slog.New(s)
	if c.mail != nil {
		c.mail.log = c.log
	}
	return s
}

// What a node of another version sends is not read: it gets a refusal that says
// so, and is taken for away.
func TestAnotherVersionIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		log := a.listening()
		defer a.up(t)()
		var pages atomic.Int32
		a.Connected(t.Context(), "ag_1", "so_1", "", func(kind string, _ any) bool {
			if kind == "note" {
				pages.Add(1)
			}
			return true
		})
		time.Sleep(time.Second)
		letters := mustJSON(bag{"nd_z", []letter{{Do: letterPage, Agent: "ag_1", Kind: "note"}}})
		z := end{h, "nd_z"}
		for i, payload := range [][]byte{
			mustJSON(envelope{wireVersion + 1, "nd_z", letters}),
			mustJSON(envelope{wireVersion + 1, "nd_z", json.RawMessage(`"not what this one expects"`)}),
			letters, // from before there were versions
			[]byte("{"),
		} {
			for _, name := range []string{commandPost, commandRoute, commandStanding, commandPing} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				raw, err := z.Command(ctx, name+string(rune('0'+i)), "nd_a", name, payload)
				cancel()
				if err != nil {
					t.Fatal(err)
				}
				var out reply
				if err := json.Unmarshal(raw, &out); err != nil || out.Wire != wireVersion || out.Fault == nil {
					t.Errorf("%s %s: %s, %v", name, payload, raw, err)
				}
			}
		}
		time.Sleep(time.Second)
		if n := pages.Load(); n != 0 {
			t.Errorf("%d letters were read", n)
		}
		if a.fleet.lives("nd_z") {
			t.Error("the node is not taken for away")
		}
		if n := log.count("another version"); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
	})
}

// A node that answers in another version is away: it gets no letters and its calls
// are left alone, until it is started again in ours.
func TestANodeOfAnotherVersionIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		log := a.listening()
		defer a.up(t)()
		z := end{h, "nd_z"}
		var taken atomic.Int32
		for _, name := range []string{commandPost, commandAct, commandPing} {
			z.Handle(name, func(context.Context, []byte) ([]byte, error) {
				taken.Add(1)
				return mustJSON(map[string]any{"wire": wireVersion + 1, "data": struct{}{}}), nil
			})
		}
		d.mu.Lock()
		d.nodes["nd_z"] = omni.Node{ID: "nd_z", State: omni.NodeLive, SeenAt: time.Now()}
		d.live = []omni.Conversation{{ID: "cv_z", NodeID: "nd_z", State: omni.Queued, CreatedAt: time.Now()}}
		d.mu.Unlock()
		if err := a.look(t.Context()); err != nil { // it is met and greeted
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 10 {
			a.page("ag_1", "note", nil)
		}
		time.Sleep(time.Second)
		if n := taken.Load(); n != 1 {
			t.Errorf("it was spoken to %d times, want the one greeting", n)
		}
		if _, err := request[struct{}](t.Context(), a, "cm_1", "nd_z", commandAct, action{}); !errors.Is(err, ErrAway) {
			t.Errorf("what is asked of it gives %v", err)
		}
		if !a.fleet.others() {
			t.Error("it may take the office, but is not counted")
		}
		time.Sleep(nodeSilence) // it has lost the database, too
		if err := a.look(t.Context()); err != nil || d.nodes["nd_z"].State != omni.NodeLive {
			t.Errorf("its calls were closed: %v, %+v", err, d.nodes["nd_z"])
		}
		if n := log.count("another version"); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
		defer newNode("nd_z", d, h).up(t)()
		time.Sleep(time.Second)
		if !a.fleet.lives("nd_z") {
			t.Error("started again in our version, it is still away")
		}
	})
}
