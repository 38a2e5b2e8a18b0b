package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/openhotline/hotline/internal/id"
)

// csp is the content security policy of every page: nothing from elsewhere.
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secureHeaders go with every answer.
func secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", csp)
	h.Set("Permissions-Policy", "microphone=(self), autoplay=(self)")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// wrap is what every request passes: headers, source, protection against
// requests from other sites, recovery, measuring.
func (s *Server) wrap(next http.Handler) http.Handler {
	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writeProblem(w, r, problem(ProblemCrossOrigin, ""))
	}))
	guarded := protect.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rid := id.New("rq")
		r = s.withSource(r)
		r = r.WithContext(context.WithValue(r.Context(), keyRequest, rid))
		secureHeaders(w.Header())
		w.Header().Set("X-Request-Id", rid)
		if strings.HasPrefix(r.URL.Path, "/api/") {
			w.Header().Set("Cache-Control", "no-store")
		}
		if secure(r.Context()) {
			w.Header().Set("Strict-Transport-Security", "max-age=0") // a self-made certificate must not lock anybody out
		} else if !loopback(r.Host) && s.cfg.HTTPSPort != 0 {
			w.Header().Set("X-Hotline-Use-Https", s.httpsAddress(r))
		}
		rw := &recorder{ResponseWriter: w, status: http.StatusOK}
		done := s.metrics.begin()
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
					panic(v)
				}
				s.log.Error("handler panicked", "path", r.URL.Path, "request", rid, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if !rw.wrote {
					s.writeProblem(rw, r, problem(ProblemInternal, ""))
				}
			}
			done(r, rw.status)
		}()
		guarded.ServeHTTP(rw, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach deadlines and hijacking.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// writeProblem answers with a problem outside of huma's handlers.
func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := *toProblem(err)
	p.RequestID = requestID(r.Context())
	if p.Type == ProblemInternal {
		s.log.Error("request failed", "path", r.URL.Path, "request", p.RequestID, "error", err)
	}
	if h := retryAfter(err); h != "" {
		w.Header().Set("Retry-After", h)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hotline"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&p) // the client may have gone
}

// httpsAddress is the HTTPS address that corresponds to a request's; empty when
// HTTPS is not served.
func (s *Server) httpsAddress(r *http.Request) string {
	if s.cfg.HTTPSPort == 0 {
		return ""
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return "https://" + net.JoinHostPort(host, strconv.Itoa(s.cfg.HTTPSPort))
}

// requestOf returns the HTTP request of a huma handler's context.
func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(keyHTTP).(*http.Request)
	return r
}
