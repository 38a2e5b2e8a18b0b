package ivr

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// lookUpFlow asks a server and ends at good or bad.
func lookUpFlow(t *testing.T, url, extra string) *Flow {
	t.Helper()
	f, problems := Parse([]byte(`
flow: fl_http
languages: [en]
start: ask
human: person
vars: {order: "A 1/2?x=y"}
nodes:
  ask: {type: http, url: "` + url + `/orders/{order}", save: {state: "$.order.state", total: $.total}, status: code, next: good, failed: bad` + extra + `}
  good: {type: end}
  bad: {type: end}
  person: {type: queue, queue: qu_a}
`))
	if f == nil {
		t.Fatal(problems)
	}
	return f
}

func runHTTP(t *testing.T, f *Flow, cfg Config) Result {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	res, err := NewRunner(cfg).Run(t.Context(), f, &dumb{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestHTTPSavesValues(t *testing.T) {
	var path, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		b := new(strings.Builder)
		_ = r.Write(b)
		body = b.String()
		_, _ = w.Write([]byte(`{"order":{"state":"sent"},"total":12}`))
	}))
	defer server.Close()
	f := lookUpFlow(t, server.URL, `, method: POST, headers: {X-Order: "{order}"}, body: {id: "{order}", text: "order {order}", n: 1, list: ["{code}"]}`)
	res := runHTTP(t, f, Config{AllowHTTP: loopback})
	if res.Node != "good" || res.Vars["state"] != "sent" || res.Vars["total"] != 12.0 || res.Vars["code"] != 200.0 {
		t.Errorf("got %+v", res)
	}
	if path != "/orders/A%201%2F2%3Fx%3Dy" {
		t.Errorf("the variable changed the address: %s", path)
	}
	for _, want := range []string{"X-Order: A 1/2?x=y", `"id":"A 1/2?x=y"`, `"text":"order A 1/2?x=y"`, `"n":1`, `"list":[null]`} {
		if !strings.Contains(body, want) {
			t.Errorf("the request has no %s:\n%s", want, body)
		}
	}
}

func TestHTTPRefusesPrivateAddresses(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		if res := runHTTP(t, lookUpFlow(t, url, ""), Config{}); res.Node != "bad" {
			t.Errorf("%s: ended at %s", url, res.Node)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestReachable(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false,
		"::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "198.18.0.1": false,
	} {
		if got := reachable(netip.MustParseAddr(address), nil); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

func TestHTTPFailures(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		extra  string
		node   string
		asked  int32
	}{
		{"server error, tried again", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, ", retries: 2", "bad", 3},
		{"client error, not tried again", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, ", retries: 2", "bad", 1},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "", "bad", 1},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"order":"` + strings.Repeat("x", 2000) + `"}`))
		}, "", "bad", 1},
		{"too slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ", timeout: 100ms", "bad", 1},
		{"values that are not there", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[]`)) }, "", "good", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tt.answer(w, r)
			}))
			defer server.Close()
			res := runHTTP(t, lookUpFlow(t, server.URL, tt.extra), Config{AllowHTTP: loopback, MaxResponse: 1000})
			if res.Node != tt.node || asked.Load() != tt.asked {
				t.Errorf("ended at %s after %d requests, want %s after %d", res.Node, asked.Load(), tt.node, tt.asked)
			}
		})
	}
}

func TestHangupEndsHTTP(t *testing.T) {
	begun := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, hangup := context.WithCancelCause(t.Context())
	go func() {
		<-begun
		hangup(ErrHangup)
	}()
	f := lookUpFlow(t, server.URL, ", timeout: 30s, retries: 5")
	start := time.Now()
	res, err := NewRunner(Config{AllowHTTP: loopback, Log: slog.New(slog.DiscardHandler)}).Run(ctx, f, &dumb{}, nil)
	if err != nil || res.End != EndHangup || time.Since(start) > 10*time.Second {
		t.Errorf("got %+v, %v", res, err)
	}
}

// dumb is a session that hears everything and presses nothing.
type dumb struct{ queued []string }

func (d *dumb) Info() Info                                { return Info{} }
func (d *dumb) Sensitive(context.Context, bool) error     { return nil }
func (d *dumb) SetLanguage(context.Context, string) error { return nil }
func (d *dumb) Play(ctx context.Context, _ []Prompt, _ PlayOptions) (Played, error) {
	return Played{}, context.Cause(ctx)
}
func (d *dumb) Collect(ctx context.Context, spec KeySpec) (Keys, error) {
	if spec.FirstTimeout > 0 {
		return Keys{Why: NoInput}, context.Cause(ctx)
	}
	<-ctx.Done()
	return Keys{}, context.Cause(ctx)
}
func (d *dumb) Queue(ctx context.Context, req QueueRequest) (QueueResult, error) {
	d.queued = append(d.queued, req.Queue)
	return QueueResult{Outcome: QueueDone}, context.Cause(ctx)
}
func (d *dumb) Transfer(context.Context, TransferRequest) (TransferResult, error) {
	return TransferResult{}, ErrUnsupported
}
func (d *dumb) Voicemail(context.Context, VoicemailRequest) (VoicemailResult, error) {
	return VoicemailResult{}, errors.New("disk full")
}
func (d *dumb) Echo(context.Context) error                   { return ErrUnsupported }
func (d *dumb) Tone(context.Context, float64, float64) error { return ErrUnsupported }
func (d *dumb) Step(context.Context, Step)                   {}
func (d *dumb) Human() string                                { return "default" }
