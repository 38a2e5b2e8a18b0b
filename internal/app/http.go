package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/web"
)

// openAPI makes the HTTP side.
func (s *service) openAPI() error {
	pages, err := fs.Sub(web.Files, "dist")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.cfg.RecordingsDir(), 0o750); err != nil {
		return fmt.Errorf("recordings folder: %w", err)
	}
	s.api = httpapi.New(httpapi.Config{
		Accounts: s.db, Omni: s.db, Journal: s.journal(), Desk: s.center, Phone: testPhone{s.center}, Commit: s.db.CommitOmni,
		Erasures: s.db, Supervision: s.center, HideSupervision: s.cfg.Calls.HideSupervision,
		Figures: s.db.Figures, Balance: s.db.LoadBalance, Revision: s.db.SetupRevision,
		Wallboard: s.center.Snapshot, Simulation: s.center.NewSimulation, LineState: s.lineState, DeviceOnline: s.endpoint.Registered,
		Web: pages, Recordings: os.DirFS(s.cfg.RecordingsDir()), Ready: s.ready, Warnings: s.warnings, Media: engineHealth{s.engine}, Live: s.counts,
		Demo: s.cfg.Demo, PhoneKey: []byte(s.cfg.Phone.Key), HTTPSPort: config.Port(s.cfg.HTTPS.Addr), TrustedProxies: s.cfg.Proxies(),
		DefaultLanguage: s.cfg.Language, Version: s.std.Version, NodeID: s.nodeID, ICEServers: browserICE(s.cfg.WebRTC),
	}, s.log)
	return nil
}

// lineState is how the registration of a line stands here; nil when there is none.
func (s *service) lineState(lineID string) *setup.Registration {
	st, ok := s.endpoint.LineState(lineID)
	if !ok {
		return nil
	}
	return &setup.Registration{Registered: st.Registered, Since: st.Since.UTC(), Status: st.Status, Error: st.Error}
}

// listener is one address that speaks HTTP.
type listener struct {
	scheme string
	net    net.Listener
	tls    *tls.Config
}

// listen binds the addresses before anything starts, so that a taken port is
// one clear message.
func (s *service) listen() ([]listener, error) {
	var out []listener
	bind := func(scheme, addr string, cfg *tls.Config) error {
		if addr == "" {
			return nil
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			for _, o := range out {
				_ = o.net.Close()
			}
			return fmt.Errorf("%s address: %w (choose another with --%s-addr)", scheme, err, scheme)
		}
		out = append(out, listener{scheme, l, cfg})
		return nil
	}
	if err := bind("http", s.cfg.HTTP.Addr, nil); err != nil {
		return nil, err
	}
	if s.cfg.HTTPS.Addr == "" {
		return out, nil
	}
	cfg, err := s.certificate()
	if err != nil {
		for _, o := range out {
			_ = o.net.Close()
		}
		return nil, err
	}
	return out, bind("https", s.cfg.HTTPS.Addr, cfg)
}

// certificate is the configured one, or the self-made one of the data folder.
func (s *service) certificate() (*tls.Config, error) {
	if s.cfg.HTTPS.Cert != "" {
		files, err := openCertificate("https", s.cfg.HTTPS.Cert, s.cfg.HTTPS.Key, s.log)
		if err != nil {
			return nil, err
		}
		s.certs = append(s.certs, files)
		cfg := files.TLS()
		cfg.NextProtos = []string{"http/1.1"}
		return cfg, nil
	}
	own, err := httpapi.NewCertificate(filepath.Join(s.cfg.Data, "tls"), s.cfg.HTTPS.Names, time.Now, s.log)
	if err != nil {
		return nil, err
	}
	s.certs = append(s.certs, own)
	return own.TLS(), nil
}

// serveHTTP serves one address until ctx ends.
func (s *service) serveHTTP(ctx context.Context, l listener) error {
	srv := &http.Server{
		Handler: s.api.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, TLSConfig: l.tls,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() {
		if l.tls != nil {
			done <- srv.ServeTLS(l.net, "", "")
			return
		}
		done <- srv.Serve(l.net)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("%s: %w", l.scheme, err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		_ = srv.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
