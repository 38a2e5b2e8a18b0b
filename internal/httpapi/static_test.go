package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

var pages = fstest.MapFS{
	"dist/index.html":            {Data: []byte("<!doctype html>index")},
	"dist/assets/app-1a2b.js":    {Data: []byte("plain")},
	"dist/assets/app-1a2b.js.br": {Data: []byte("brotli")},
	"dist/assets/app-1a2b.js.gz": {Data: []byte("gzip")},
	"dist/favicon.svg":           {Data: []byte("<svg/>")},
	"dist/.built":                {Data: []byte("")},
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Web = pages })
	tests := []struct {
		path, accept string
		status       int
		body, kind   string
		encoding     string
		cache        string
	}{
		{"/", "", 200, "index", "text/html; charset=utf-8", "", "no-cache"},
		{"/inbox/open/cv_1", "", 200, "index", "text/html; charset=utf-8", "", "no-cache"},
		{"/index.html", "", 200, "index", "text/html; charset=utf-8", "", "no-cache"},
		{"/assets/app-1a2b.js", "gzip, br", 200, "brotli", "text/javascript; charset=utf-8", "br", "immutable"},
		{"/assets/app-1a2b.js", "gzip", 200, "gzip", "text/javascript; charset=utf-8", "gzip", "immutable"},
		{"/assets/app-1a2b.js", "br;q=0, gzip;q=0.0", 200, "plain", "text/javascript; charset=utf-8", "", "immutable"},
		{"/assets/app-1a2b.js", "", 200, "plain", "text/javascript; charset=utf-8", "", "immutable"},
		{"/favicon.svg", "br", 200, "<svg/>", "image/svg+xml", "", "no-cache"},
		{"/assets/gone.js", "", 404, "", "", "", ""},
		{"/gone.png", "", 404, "", "", "", ""},
		{"/assets/app-1a2b.js.br", "", 404, "", "", "", ""},
		{"/.built", "", 404, "", "", "", ""},
		{"/../../etc/passwd", "", 200, "index", "text/html; charset=utf-8", "", "no-cache"},
		{"/api/v1/none", "", 404, "", "application/problem+json", "", "no-store"},
		{"/api/none", "", 404, "", "application/problem+json", "", "no-store"},
	}
	for _, c := range tests {
		h := []string{"Accept-Encoding", "identity"}
		if c.accept != "" {
			h[1] = c.accept
		}
		a := w.do("", "GET", c.path, nil, h...)
		if a.StatusCode == 301 || a.StatusCode == 307 {
			continue // the mux cleans the path first
		}
		a.want(c.status)
		if !strings.Contains(string(a.body), c.body) || c.kind != "" && a.Header.Get("Content-Type") != c.kind ||
			a.Header.Get("Content-Encoding") != c.encoding || !strings.Contains(a.Header.Get("Cache-Control"), c.cache) {
			t.Errorf("%s (%s): %q %v", c.path, c.accept, a.body, a.Header)
		}
		if c.status == 200 && !strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s has no Vary", c.path)
		}
		if a.Header.Get("Content-Security-Policy") != csp || a.Header.Get("Permissions-Policy") == "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s lacks security headers", c.path)
		}
	}
	w.do("", "POST", "/", nil).problem(405, ProblemMethod, "")
	a := w.do("", "DELETE", prefix+"/me", nil)
	a.problem(405, ProblemMethod, "")
	if got := strings.Join(a.Header.Values("Allow"), " "); got != "GET PATCH" {
		t.Errorf("Allow is %q", got)
	}
}

func TestPagesThatWereNotBuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Web = fstest.MapFS{"dist/README": {Data: []byte("x")}} })
	a := w.do("", "GET", "/", nil).want(503)
	if !strings.Contains(string(a.body), "make build") {
		t.Errorf("%s", a.body)
	}
}

func TestHealthReadinessMetrics(t *testing.T) {
	t.Parallel()
	reasons := map[string]string{"database": "away"}
	w := newWorld(t, func(c *Config) {
		c.Ready = func(context.Context) map[string]string { return reasons }
		c.Live = func() Counts { return Counts{Calls: 3, Waiting: map[string]int{"qu_sales": 2}} }
		c.Media = health{}
	})
	w.do("", "GET", "/healthz", nil).want(200)
	if a := w.do("", "GET", "/readyz", nil).want(503); !strings.Contains(string(a.body), `"database":"away"`) {
		t.Errorf("%s", a.body)
	}
	clear(reasons)
	w.do("", "GET", "/readyz", nil).want(200)
	w.do(account.RoleAdmin, "GET", prefix+"/queues/qu_sales", nil).want(200)
	body := string(w.do("", "GET", "/metrics", nil).want(200).body)
	for _, want := range []string{
		"hotline_calls_live 3", `hotline_queue_waiting{queue="qu_sales"} 2`, `hotline_media_lateness_seconds{quantile="0.99"} 0.002`,
		`hotline_http_request_seconds_count{method="GET",route="/api/v1/queues/{id}",status="200"} 1`, "go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	var doc struct{ OpenAPI string }
	w.do("", "GET", prefix+"/openapi.json", nil).want(200, &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("document %+v", doc)
	}
}

type health struct{}

func (health) Lateness() (p99, worst time.Duration) {
	return 2 * time.Millisecond, 5 * time.Millisecond
}

func TestSelfMadeCertificate(t *testing.T) {
	t.Parallel()
	dir, now := filepath.Join(t.TempDir(), "tls"), time.Now()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	clock := func() time.Time { return now }
	first, err := NewCertificate(dir, []string{"hotline.example", "192.0.2.9"}, clock, log)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(first.leaf())
	srv := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: first.TLS(), ReadHeaderTimeout: time.Second}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.ServeTLS(ln, "", "") }()
	defer func() { srv.Close(); <-done }()
	for _, name := range []string{"localhost", "127.0.0.1", "hotline.example", "192.0.2.9"} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: pool, ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	if info, err := os.Stat(filepath.Join(dir, "https.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", info, err)
	}
	again, err := NewCertificate(dir, []string{"hotline.example"}, clock, log)
	if err != nil || !again.leaf().Equal(first.leaf()) {
		t.Error("the certificate was not kept")
	}
	other, err := NewCertificate(dir, []string{"new.example"}, clock, log)
	if err != nil || other.leaf().Equal(first.leaf()) {
		t.Error("another name needs another certificate")
	}
	now = now.Add(certLife - certRenew + time.Hour)
	late, err := NewCertificate(dir, []string{"new.example"}, clock, log)
	if err != nil || late.leaf().Equal(other.leaf()) || !late.leaf().NotAfter.After(now.Add(300*24*time.Hour)) {
		t.Error("the certificate was not renewed in time")
	}
	if err := os.WriteFile(filepath.Join(dir, "https.crt"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCertificate(dir, nil, clock, log); err != nil {
		t.Errorf("a damaged file is replaced: %v", err)
	}
}
