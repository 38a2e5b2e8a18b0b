package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	certificateEvery = 30 * time.Second   // how often the files of a certificate are looked at
	certificateWarn  = 7 * 24 * time.Hour // how long before its end a certificate is warned of
)

// certificateFiles is a configured certificate with its key. Renewed files are
// taken over without a restart; connections that stand keep the former one.
type certificateFiles struct {
	cert, key string
	what      string // https or sip, for the log
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]
	seen      string // the files that are in use
	refused   string // why those that came since cannot be used, as it was logged
	warned    time.Time
}

// openCertificate reads a certificate and its key, PEM both.
func openCertificate(what, cert, key string, log *slog.Logger) (*certificateFiles, error) {
	c := &certificateFiles{cert: cert, key: key, what: what, log: log}
	c.seen = c.stamp()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s certificate: %w", what, err)
	}
	c.current.Store(&pair)
	return c, nil
}

// TLS is a configuration with this certificate, for servers and, where a server
// asks for one, clients.
func (c *certificateFiles) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// Run takes renewed files over until ctx ends.
func (c *certificateFiles) Run(ctx context.Context) error {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			c.look()
		}
	}
}

// look reads the files if they are not those in use. Files that cannot be read or
// do not fit together, as between the writing of the one and of the other, are
// tried again each time, and named in the log once.
func (c *certificateFiles) look() {
	defer c.warn()
	stamp := c.stamp()
	if stamp == c.seen {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		if c.refused != err.Error() {
			c.refused = err.Error()
			c.log.Error("the changed certificate cannot be used; the former one stays", "for", c.what, "until", c.current.Load().Leaf.NotAfter, "err", err)
		}
		return
	}
	c.seen, c.refused = stamp, ""
	c.current.Store(&pair)
	c.log.Info("certificate taken over", "for", c.what, "until", pair.Leaf.NotAfter)
}

// warn says once a day that the certificate in use will not hold for long.
func (c *certificateFiles) warn() {
	now := time.Now()
	if end := c.current.Load().Leaf.NotAfter; now.Add(certificateWarn).After(end) && now.Sub(c.warned) >= 24*time.Hour {
		c.warned = now
		c.log.Warn("the certificate ends soon", "for", c.what, "until", end)
	}
}

// stamp tells one state of the files from another.
func (c *certificateFiles) stamp() string {
	var out string
	for _, f := range []string{c.cert, c.key} {
		info, err := os.Stat(f) // follows links, by which renewals are often put in place
		if err != nil {
			out += err.Error()
			continue
		}
		out += fmt.Sprintf("%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return out
}
