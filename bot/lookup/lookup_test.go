package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openhotline/hotline/bot/entity"
)

// client makes a client of one action against a server on loopback.
func client(t *testing.T, handler http.HandlerFunc, more string) (*Client, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	actions, err := Parse("x/actions.yaml", []byte("order_status:\n  url: "+s.URL+"/orders/{order_number}?lang={language}\n  fields: {status: $.state, eta: '$.when[0]', count: $.n}\n"+more), func(name string) (string, bool) {
		return "s3cret", name == "SHOP_KEY"
	})
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(actions, nil), s
}

var slots = map[entity.Kind]string{entity.OrderNumber: "47 1/2"}

func TestDo(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/orders/47%201%2F2" || r.URL.Query().Get("lang") != "en" || r.Header.Get("X-Key") != "s3cret" || r.Header.Get("X-Shop") != "1" || r.Method != http.MethodGet {
			http.Error(w, r.URL.EscapedPath(), http.StatusTeapot)
			return
		}
		fmt.Fprint(w, `{"state":"sent","when":["today"],"n":1234567.5,"other":{}}`)
	}, "  headers: {X-Shop: \"1\"}\n  headers_env: {X-Key: SHOP_KEY}\n")
	got, err := c.Do(t.Context(), "order_status", "en", slots)
	if err != nil || got["status"] != "sent" || got["eta"] != "today" || got["count"] != "1234567.5" {
		t.Fatal(got, err)
	}
	if !c.Has("order_status") || c.Has("refund") {
		t.Error("Has")
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || string(body) != `{"order":"no 47 1/2"}` {
			http.Error(w, string(body), http.StatusTeapot)
			return
		}
		fmt.Fprint(w, `{"state":"sent"}`)
	}, "  method: POST\n  body: {order: \"no {order_number}\"}\n")
	if got, err := c.Do(t.Context(), "order_status", "en", slots); err != nil || got["status"] != "sent" {
		t.Fatal(got, err)
	}
}

// Whatever the service does, there is an error of a known kind that does not
// repeat what the customer said.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handler http.HandlerFunc
		slots   map[entity.Kind]string
		want    error
	}{
		{"not found", http.NotFound, slots, ErrNotFound},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "47 1/2", 500) }, slots, ErrAnswer},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>47 1/2") }, slots, ErrAnswer},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"state":"`+strings.Repeat("x", largestAnswer)+`"}`)
		}, slots, ErrAnswer},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"state"`)
		}, slots, ErrAnswer},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, slots, context.DeadlineExceeded},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, slots, io.EOF},
		{"endless redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, slots, errRedirect},
		{"no value", http.NotFound, nil, ErrSlot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := client(t, tt.handler, "  timeout: 500ms\n  fallback: {en: Later.}\n")
			_, err := c.Do(t.Context(), "order_status", "en", tt.slots)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tt.want) && tt.name != "slow" || e.NotFound() != (tt.want == ErrNotFound) || e.Fallback() != "Later." {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if strings.Contains(err.Error(), "47") {
				t.Errorf("%v repeats the number", err)
			}
		})
	}
}

// A service that is not there, and an action that is not.
func TestDead(t *testing.T) {
	t.Parallel()
	c, s := client(t, http.NotFound, "")
	s.Close()
	if _, err := c.Do(t.Context(), "order_status", "en", slots); err == nil || strings.Contains(err.Error(), "47%20") {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), "refund", "en", slots); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// A redirect within the host is followed, one to another host is not: it would
// get the key.
func TestRedirects(t *testing.T) {
	t.Parallel()
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	for name, to := range map[string]string{"same host": "/moved", "other host": strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/x", "other port": other.URL} {
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				fmt.Fprint(w, `{"state":"sent"}`)
				return
			}
			http.Redirect(w, r, to, http.StatusFound)
		}, "")
		_, err := c.Do(t.Context(), "order_status", "en", slots)
		if ok := name == "same host"; ok != (err == nil) || !ok && !errors.Is(err, errRedirect) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked > 0 {
		t.Error("the other host was asked")
	}
}

// What customers say stays one step of the path.
func TestEscaping(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"..": "/orders/..", "a?b=c&d": "/orders/a?b=c&d", "x y": "/orders/x y", "%2e": "/orders/%2e"} {
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != want || r.URL.RawQuery != "lang=en" {
				http.Error(w, r.URL.String(), http.StatusTeapot)
				return
			}
			fmt.Fprint(w, `{"state":"ok"}`)
		}, "")
		if _, err := c.Do(t.Context(), "order_status", "en", map[entity.Kind]string{entity.OrderNumber: value}); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestWrongDeclarations(t *testing.T) {
	t.Parallel()
	const good = "a:\n  url: http://x/{order_number}\n  fields:\n    status: $.s\n"
	tests := []struct{ name, text, want string }{
		{"address", "a:\n  url: x/y\n  fields: {s: $.s}\n", `x/actions.yaml:2: a.url: "x/y" is not an http or https address`},
		{"slot", "\na:\n  url: http://x/{order_no}\n  fields: {s: $.s}\n", "x/actions.yaml:3: a.url: {order_no} is no slot (allowed: "},
		{"brace", "a:\n  url: http://x/{order_number\n  fields: {s: $.s}\n", "x/actions.yaml:2: a.url: a brace is not closed"},
		{"host", "a:\n  url: http://x{order_number}.y/\n  fields: {s: $.s}\n", "x/actions.yaml:2: a.url: "},
		{"no fields", "a:\n  url: http://x/\n", "x/actions.yaml:2: a.fields: at least one field"},
		{"path", "a:\n  url: http://x/\n  fields:\n    s: '$.[['\n", "x/actions.yaml:4: a.fields.s: "},
		{"timeout", good + "  timeout: 1m\n", "x/actions.yaml:5: a.timeout: 1m0s is not from 0 to 10s"},
		{"method", good + "  method: DELETE\n", `x/actions.yaml:5: a.method: "DELETE" is not one of GET, POST`},
		{"body of a GET", good + "  body: {a: b}\n", "x/actions.yaml:5: a.body: only POST has a body"},
		{"slot in the body", good + "  method: POST\n  body:\n    a: '{x}'\n", "x/actions.yaml:7: a.body.a: {x} is no slot"},
		{"variable", good + "  headers_env:\n    K: NOT_SET\n", "x/actions.yaml:6: a.headers_env.K: the environment variable NOT_SET is not set"},
		{"language", good + "  fallback: {de: Nein}\n", `x/actions.yaml:5: a.fallback.de: there is no language "de" (allowed: zh-CN, en, ja)`},
		{"unknown key", good + "  uri: x\n", `x/actions.yaml:5: unknown field "uri" (allowed: url,`},
		{"no YAML", "a: [\n", "x/actions.yaml:"},
		{"huge", strings.Repeat("#", largestFile+1), "x/actions.yaml:1: the file has more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse("x/actions.yaml", []byte(tt.text), func(string) (string, bool) { return "", false }); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"shared/actions.yaml": {Data: []byte("a: {url: 'http://one/', fields: {s: $.s}}\nb: {url: 'http://one/', fields: {s: $.s}}\n")},
		"shop/actions.yaml":   {Data: []byte("b: {url: 'http://two/', fields: {s: $.s}}\n")},
	}
	got, err := Load(files, "shop", nil)
	if err != nil || len(got) != 2 || got["b"].URL != "http://two/" || got["a"].Timeout != 2*time.Second {
		t.Fatal(got, err)
	}
	if got, err := Load(fstest.MapFS{}, "shop", nil); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a:\n  url: http://x/{order_number}\n  fields: {s: $.s}\n")
	f.Add("a: &x {url: http://x}\nb: *x\n")
	f.Fuzz(func(t *testing.T, text string) {
		actions, err := Parse("f", []byte(text), nil)
		if err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Fatalf("no place in %v", err)
		}
		for name, a := range actions {
			if len(a.paths) == 0 || a.Timeout <= 0 {
				t.Fatalf("%s: %+v", name, a)
			}
		}
	})
}
