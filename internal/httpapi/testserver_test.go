package httpapi

import (
	"io"
	"log/slog"
	"testing"
)

func newTestServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
}
