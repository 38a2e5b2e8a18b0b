package httpapi

import (
	"encoding/json"
	"net/http"
)

func (s *Server) registerHealth() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive", "version": s.cfg.Version})
	})
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		reasons := map[string]string{}
		if s.cfg.Ready != nil {
			reasons = s.cfg.Ready(r.Context())
		}
		if len(reasons) > 0 {
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
			return
		}
		ready := map[string]any{"status": "ready"}
		if s.cfg.Warnings != nil {
			if w := s.cfg.Warnings(r.Context()); len(w) > 0 {
				ready["warnings"] = w
			}
		}
		writeJSON(w, http.StatusOK, ready)
	})
	s.mux.Handle("GET /metrics", s.metrics.handler())
	s.mux.HandleFunc("GET "+prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		doc, err := json.Marshal(s.api.OpenAPI())
		if err != nil {
			s.writeProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(doc) // the client may have gone
	})
	s.mux.HandleFunc("GET "+prefix+"/live", s.live)
	s.mux.HandleFunc("GET "+prefix+"/phone/socket", s.phoneSocket)
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := s.methodsOf(r.URL.Path); len(allowed) > 0 {
			for _, m := range allowed {
				w.Header().Add("Allow", m)
			}
			s.writeProblem(w, r, problem(ProblemMethod, ""))
			return
		}
		s.writeProblem(w, r, problem(ProblemNotFound, "there is no such address below /api"))
	})
}

// methodsOf lists the methods that a path has.
func (s *Server) methodsOf(path string) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		r, err := http.NewRequest(m, path, nil) //nolint:noctx // it is never sent, only matched
		if err != nil {
			return nil
		}
		if _, pattern := s.mux.Handler(r); pattern != "/api/" && pattern != "" && pattern != "/" {
			out = append(out, m)
		}
	}
	return out
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
