package sip

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handlerFunc makes a function a Handler.
type handlerFunc func(*Dialog)

func (f handlerFunc) Invite(d *Dialog) { f(d) }

// calls is a handler that hands every call to the test.
type calls chan *Dialog

func (c calls) Invite(d *Dialog) { c <- d }

func newCalls() calls { return make(calls, 64) }

func testLog() *slog.Logger {
	if os.Getenv("SIP_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// start runs an endpoint on loopback until the test ends.
func start(t testing.TB, cfg Config, h Handler, setUp ...func(*Endpoint)) *Endpoint {
	t.Helper()
	if cfg.UDP == "" && cfg.TCP == "" && cfg.TLS == "" {
		cfg.UDP, cfg.TCP = "127.0.0.1:0", "127.0.0.1:0"
	}
	if h == nil {
		h = handlerFunc(func(d *Dialog) { go func() { _ = d.Reject(486, "") }() })
	}
	e, err := New(cfg, h, testLog())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range setUp {
		f(e)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-e.Ready():
	case err := <-ended:
		ended <- err
		t.Fatalf("Run: %v", err)
	}
	return e
}

// onLoopback gives an endpoint a line that covers loopback.
func onLoopback(e *Endpoint) {
	if err := e.SetLines([]Line{{ID: "loop", Hosts: []string{"127.0.0.0/8"}}}); err != nil {
		panic(err)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func wait(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing within 10s", what)
	}
}

func next(t testing.TB, c calls) *Dialog {
	t.Helper()
	select {
	case d := <-c:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no call within 10s")
		return nil
	}
}

func udpURI(e *Endpoint, user string) string {
	return "sip:" + user + "@" + e.Addrs().UDP.String()
}

// reoffer offers a description within a dialog and returns the answer.
func reoffer(ctx context.Context, d *Dialog, sdp []byte) (answer []byte, err error) {
	answers := make(chan []byte, 1)
	err = d.Reoffer(ctx, Offer{
		Describe: func() []byte { return sdp },
		Settle:   func(a []byte, err error) error { answers <- a; return err },
	})
	if err != nil {
		return nil, err
	}
	return <-answers, nil
}

// progress waits for a provisional response to our INVITE.
func progress(d *Dialog) Progress {
	for {
		if p := <-d.Progressed(); p.Code > 0 {
			return p
		}
	}
}
