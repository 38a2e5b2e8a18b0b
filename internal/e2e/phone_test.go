package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/sip"
)

// telephone is a customer's telephone: our own signalling and media on the
// other side of the line.
type telephone struct {
	t        testing.TB
	calls    *call.Control
	endpoint *sip.Endpoint
}

// newTelephone opens a telephone that closes with the test.
func newTelephone(t testing.TB) *telephone {
	t.Helper()
	loopback := netip.MustParseAddr("127.0.0.1")
	pool, err := rtp.NewPortPool(rtp.PoolConfig{IP: loopback})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	engine := media.NewEngine(media.EngineConfig{Shards: 1})
	calls := call.New(call.Config{Ports: pool}, nil, engine, nil, log)
	e, err := sip.New(sip.Config{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", SessionExpires: -1}, calls, log)
	if err != nil {
		t.Fatal(err)
	}
	calls.SetEndpoint(e)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = engine.Run(ctx); done <- struct{}{} }()
	go func() { _ = e.Run(ctx); done <- struct{}{} }()
	<-e.Ready()
	t.Cleanup(func() {
		calls.Close()
		stop()
		<-done
		<-done
		pool.Close()
	})
	return &telephone{t, calls, e}
}

// dial calls a number and waits until the service answers; the telephone says a
// tone of hz, or nothing if that is 0.
func (p *telephone) dial(s *server, number, from string, hz float64) *call.Leg {
	p.t.Helper()
	leg, _ := p.dialCall(s, number, from, hz)
	return leg
}

// dialCall is dial that returns the telephone's own side of the call too.
func (p *telephone) dialCall(s *server, number, from string, hz float64) (*call.Leg, *call.Call) {
	p.t.Helper()
	leg, err := p.calls.DialNumber(p.t.Context(), call.DialRequest{
		ID: id.New(id.Leg), URI: "sip:" + number + "@" + s.sip, To: number, From: from, RingTimeout: 20 * time.Second,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-leg.Answered():
	case <-leg.Done():
		p.t.Fatalf("call to %s refused: %+v", number, leg.End())
	case <-time.After(20 * time.Second):
		p.t.Fatalf("call to %s not answered", number)
	}
	c, err := p.calls.NewCall(leg.ID(), leg)
	if err != nil {
		p.t.Fatal(err)
	}
	if hz == 0 {
		return leg, c
	}
	if err := c.Tone(hz); err != nil {
		p.t.Fatal(err)
	}
	return leg, c
}

// listen gives what a telephone hears in a second.
func (s *server) listen(ear *call.Call) []int16 {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "heard.wav")
	if err := ear.Record(path, nil); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Second)
	if _, err := ear.StopRecording(); err != nil {
		s.t.Fatal(err)
	}
	heard, _, err := wav.Read(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return heard
}

// hears waits for a tone in what a telephone hears.
func (s *server) hears(ear *call.Call, hz float64) {
	s.t.Helper()
	s.eventually(30*time.Second, fmt.Sprintf("a tone of %.0f Hz is heard", hz), func() bool {
		return mediatest.Level(s.listen(ear), media.Rate8k, hz) > -30
	})
}

// ended waits for the end of a leg.
func ended(t testing.TB, leg *call.Leg, limit time.Duration, what string) call.End {
	t.Helper()
	select {
	case <-leg.Done():
		return leg.End()
	case <-time.After(limit):
		t.Fatalf("not within %s: %s", limit, what)
		return call.End{}
	}
}
