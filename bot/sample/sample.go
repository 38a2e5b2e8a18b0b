// Package sample is a small order, billing and tariff service for the demo and
// for tests: what the bot's look-ups ask where no business system is connected.
// It answers inside the process, through Transport.
package sample

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"

	"github.com/goccy/go-yaml"
)

// Actions declares the look-ups of this service, as package lookup reads them.
//
//go:embed actions.yaml
var Actions []byte

//go:embed data.yaml
var file []byte

// table is a kind of record: its wordings per language, from which a record is
// chosen by the number that was asked for, so that each number always has the
// same answer.
type table struct {
	Records []map[string]any `yaml:"records"`
}

type service struct{ tables map[string]table }

// Handler returns the service: GET /TABLE/NUMBER?language=zh. Numbers that end
// in 0000 are unknown (404).
func Handler() (http.Handler, error) {
	s := &service{}
	if err := yaml.UnmarshalWithOptions(file, &s.tables, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("sample: data.yaml: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{table}/{number}", s.get)
	return mux, nil
}

func (s *service) get(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tables[r.PathValue("table")]
	number := r.PathValue("number")
	if !ok || len(t.Records) == 0 || strings.HasSuffix(number, "0000") {
		http.NotFound(w, r)
		return
	}
	h := fnv.New32a()
	h.Write([]byte(number))
	record := t.Records[int(h.Sum32()%uint32(len(t.Records)))]
	language := r.URL.Query().Get("language")
	out := map[string]any{"number": number}
	for k, v := range record {
		if texts, ok := v.(map[string]any); ok {
			v = texts[language]
		}
		out[k] = v
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Transport answers requests by the service, without a socket.
func Transport() (http.RoundTripper, error) {
	h, err := Handler()
	if err != nil {
		return nil, err
	}
	return transport{h}, nil
}

type transport struct{ h http.Handler }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &answer{status: http.StatusOK, header: http.Header{}}
	t.h.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer collects what the handler writes.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
