package httpapi

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// unbuilt is shown when the binary was built without the pages.
//
//go:embed unbuilt.html
var unbuilt []byte

// registerStatic serves the pages: files that exist; 404 for unknown assets;
// index.html for every other path, because the pages route themselves.
func (s *Server) registerStatic() {
	s.mux.Handle("/", &static{files: pagesOf(s.cfg.Web), server: s})
}

// pagesOf finds index.html at the root of the pages, or in dist below it.
func pagesOf(web fs.FS) fs.FS {
	if web == nil {
		return nil
	}
	if _, err := fs.Stat(web, "index.html"); err == nil {
		return web
	}
	if sub, err := fs.Sub(web, "dist"); err == nil {
		if _, err := fs.Stat(sub, "index.html"); err == nil {
			return sub
		}
	}
	return nil
}

type static struct {
	files  fs.FS // nil: the pages were not built
	server *Server
}

// ServeHTTP implements http.Handler.
func (st *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		st.server.writeProblem(w, r, problem(ProblemMethod, ""))
		return
	}
	if st.files == nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(unbuilt) // the client may have gone
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" || name == "." {
		name = "index.html"
	}
	info, err := fs.Stat(st.files, name)
	if hidden(name) || err != nil || info.IsDir() {
		if strings.HasPrefix(name, "assets/") || path.Ext(name) != "" {
			st.server.writeProblem(w, r, problem(ProblemNotFound, ""))
			return
		}
		name = "index.html"
	}
	st.serve(w, r, name)
}

// hidden names are never served by their own name: compressed twins, dot files.
func hidden(name string) bool {
	return strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") || strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "README"
}

// serve sends a file, compressed when the browser takes that and a twin exists.
func (st *static) serve(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // the name has a hash of the content
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", contentType(name))
	h.Add("Vary", "Accept-Encoding")
	accepted := r.Header.Get("Accept-Encoding")
	for _, enc := range [][2]string{{"br", ".br"}, {"gzip", ".gz"}} {
		if !accepts(accepted, enc[0]) {
			continue
		}
		f, err := st.files.Open(name + enc[1])
		if err != nil {
			continue
		}
		defer f.Close()
		h.Set("Content-Encoding", enc[0])
		st.send(w, r, f)
		return
	}
	f, err := st.files.Open(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			st.server.log.Error("page cannot be read", "name", name, "error", err)
		}
		st.server.writeProblem(w, r, problem(ProblemNotFound, ""))
		return
	}
	defer f.Close()
	st.send(w, r, f)
}

func (st *static) send(w http.ResponseWriter, r *http.Request, f fs.File) {
	body, ok := f.(io.ReadSeeker)
	if !ok {
		b, err := io.ReadAll(f)
		if err != nil {
			st.server.writeProblem(w, r, err)
			return
		}
		body = bytes.NewReader(b)
	}
	http.ServeContent(w, r, "", time.Time{}, body) // embedded files have no time
}

// accepts reads an Accept-Encoding header (RFC 9110 §12.5.3).
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(params, " ", "")
			return !strings.HasPrefix(q, "q=0") || strings.Trim(q, "q=0.") != ""
		}
	}
	return false
}

// contentType does not depend on the files of the machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	case ".woff2":
		return "font/woff2"
	case ".wasm":
		return "application/wasm"
	case ".wav":
		return "audio/wav"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
