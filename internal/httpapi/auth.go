package httpapi

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/openhotline/hotline/agent/account"
)

// cookieName is the session cookie's name on plain HTTP of the usual port.
const cookieName = "hotline"

type ctxKey int

const (
	keyActor ctxKey = iota
	keySecret
	keySource
	keySecure
	keyRequest
	keyHTTP
)

// actor returns who does the request; the zero actor when nobody is logged in.
func actor(ctx context.Context) account.Actor {
	a, _ := ctx.Value(keyActor).(account.Actor)
	return a
}

func secretOf(ctx context.Context) string { v, _ := ctx.Value(keySecret).(string); return v }
func requestID(ctx context.Context) string {
	v, _ := ctx.Value(keyRequest).(string)
	return v
}

func sourceOf(ctx context.Context) account.Source {
	v, _ := ctx.Value(keySource).(account.Source)
	return v
}

// secure tells whether the request came over TLS, here or at a trusted proxy.
func secure(ctx context.Context) bool { v, _ := ctx.Value(keySecure).(bool); return v }

// withSource notes where a request comes from, believing trusted proxies only.
func (s *Server) withSource(r *http.Request) *http.Request {
	addr := netip.Addr{}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addr = ap.Addr().Unmap()
	}
	tls := r.TLS != nil
	if s.trusted(addr) {
		tls = tls || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
		parts := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(parts) - 1; i >= 0 && s.trusted(addr); i-- {
			a, err := netip.ParseAddr(strings.TrimSpace(parts[i]))
			if err != nil {
				break
			}
			addr = a.Unmap()
		}
	}
	ctx := context.WithValue(r.Context(), keySource, account.Source{Address: addr, UserAgent: r.UserAgent()})
	return r.WithContext(context.WithValue(ctx, keySecure, tls))
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// loopback tells whether the browser's address of us is this very machine: then
// plain HTTP counts as a secure page.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// sessionCookie is the cookie's name for a request. The port is part of it, so
// that installations beside each other on one machine do not log each other out.
func sessionCookie(r *http.Request) string {
	name := cookieName
	if secure(r.Context()) {
		name = "__Host-" + name
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "8080" && port != "8443" && port != "443" && port != "80" {
		name += "_" + port
	}
	return name
}

// identify finds who does the request by bearer token or cookie.
func (s *Server) identify(r *http.Request) (account.Actor, string, error) {
	secret := ""
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, rest, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return account.Actor{}, "", problem(ProblemUnauthenticated, "the Authorization header must be a bearer token")
		}
		secret = strings.TrimSpace(rest)
	} else if c, err := r.Cookie(sessionCookie(r)); err == nil {
		secret = c.Value
	}
	if secret == "" {
		return account.Actor{}, "", problem(ProblemUnauthenticated, "")
	}
	a, err := s.service.Authenticate(r.Context(), secret, sourceOf(r.Context()))
	if errors.Is(err, account.ErrCredentials) {
		return a, "", problem(ProblemUnauthenticated, "the session or token has expired or does not exist")
	}
	return a, secret, err
}

// authorize is the middleware that lets an operation's action pass only for
// roles that have it.
func (s *Server) authorize(hc huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hc)
	hc = huma.WithValue(hc, keyHTTP, r)
	action, ok := hc.Operation().Metadata["action"].(account.Action)
	if ok && action == "" {
		next(hc)
		return
	}
	a, secret, err := s.identify(r)
	if err == nil && !account.Allowed(a.Role, action) {
		err = problem(ProblemForbidden, "role "+string(a.Role)+" does not have "+string(action))
	}
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	next(huma.WithValue(huma.WithValue(hc, keyActor, a), keySecret, secret))
}

// retryAfter gives the Retry-After header of an error, in whole seconds.
func retryAfter(err error) string {
	var t *account.ThrottledError
	if errors.As(err, &t) {
		return seconds(t.RetryAfter)
	}
	if errors.Is(err, account.ErrBusy) {
		return "2"
	}
	if errors.Is(err, account.ErrUnavailable) {
		return "5"
	}
	return ""
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(max(d.Seconds(), 1)))) }
