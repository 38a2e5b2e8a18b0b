package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// Peaks is the waveform of a recording for drawing.
type Peaks struct {
	DurationMS int64     `json:"duration_ms"`
	Left       []float64 `json:"left" doc:"Largest level per step, 0 to 1: the caller"`
	Right      []float64 `json:"right" doc:"The agent"`
}

type peaksInput struct {
	ID    string `path:"id" maxLength:"60"`
	Steps int    `query:"steps" minimum:"10" maximum:"4000" default:"800"`
}

type audioInput struct {
	ID    string `path:"id" maxLength:"60"`
	Range string `header:"Range" doc:"Bytes, as of RFC 9110 section 14"`
}

type audioOutput struct {
	Body func(huma.Context)
}

func (s *Server) schema(v any) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")
}

// problemResponse describes the errors of an operation that names its answers itself.
func (s *Server) problemResponse() *huma.Response {
	return &huma.Response{Description: "Error", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: s.schema(Problem{})},
	}}
}

func (s *Server) registerRecordings() {
	wav := map[string]*huma.MediaType{"audio/wav": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		opID, summary := "get-recording-audio", "Get the sound of a recording: stereo WAV, the caller left, the agent right"
		if method == http.MethodHead {
			opID, summary = "head-recording-audio", "Length of the sound of a recording"
		}
		op := operation(opID, method, "/recordings/{id}/audio", tagConversations, summary, account.ActRecordings)
		op.Responses = map[string]*huma.Response{
			"200": {Description: "The whole file", Content: wav},
			"206": {Description: "The range that was asked for", Content: wav},
		}
		if method == http.MethodHead {
			op.Responses = map[string]*huma.Response{"200": {Description: "The whole file"}, "206": {Description: "The range that was asked for"}}
		}
		op.Responses["default"] = s.problemResponse()
		register(s, op, s.audio)
	}
	register(s, operation("get-recording-peaks", http.MethodGet, "/recordings/{id}/peaks", tagConversations, "Waveform of a recording", account.ActRecordings), s.peaks)
}

// recording returns a recording that the actor may hear.
func (s *Server) recording(ctx context.Context, recordingID string) (omni.Recording, error) {
	rec, err := s.cfg.Omni.Recording(ctx, recordingID)
	if err != nil {
		return rec, err
	}
	if rec.State == omni.RecordingDeleted || s.cfg.Recordings == nil {
		return rec, account.ErrNotFound
	}
	c, err := s.cfg.Omni.Conversation(ctx, rec.ConversationID)
	if err != nil {
		return rec, err
	}
	segments, err := s.cfg.Omni.ConversationSegments(ctx, rec.ConversationID)
	if err != nil {
		return rec, err
	}
	g, err := s.sight(ctx)
	if err != nil {
		return rec, err
	}
	if g.hears(c, segments) {
		return rec, nil
	}
	switch sees, err := g.conversation(ctx, c, segments); {
	case err != nil:
		return rec, err
	case sees:
		return rec, problem(ProblemForbidden, "agents listen to their own conversations")
	}
	return rec, account.ErrNotFound
}

func (s *Server) audio(ctx context.Context, in *audioInput) (*audioOutput, error) {
	rec, err := s.recording(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f, err := s.openRecording(rec)
	if err != nil {
		return nil, err
	}
	if who := actor(ctx).User.ID; requestOf(ctx).Method == http.MethodGet && s.listenings.begins(who, rec.ID, s.now()) {
		// Nobody listens without a line in the audit.
		if err := s.auditFirst(ctx, account.Entry{Action: "recording.listen", TargetID: rec.ID, Target: rec.ConversationID}); err != nil {
			s.listenings.forget(who, rec.ID)
			return nil, errors.Join(err, f.Close())
		}
	}
	return &audioOutput{Body: func(hc huma.Context) {
		defer f.Close()
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "audio/wav")
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("Content-Disposition", `inline; filename="`+rec.ID+`.wav"`)
		http.ServeContent(&rangeGuard{ResponseWriter: w, refuse: func() {
			s.writeProblem(w, r, problem(ProblemRange, ""))
		}}, r, rec.ID+".wav", f.modified, f)
	}}, nil
}

// rangeGuard answers a range that does not exist with a problem.
type rangeGuard struct {
	http.ResponseWriter
	refuse  func()
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (g *rangeGuard) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		g.refused = true
		g.Header().Del("Content-Disposition")
		g.refuse()
		return
	}
	g.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (g *rangeGuard) Write(b []byte) (int, error) {
	if g.refused {
		return len(b), nil // the plain text of net/http
	}
	return g.ResponseWriter.Write(b)
}

// soundFile is an open recording.
type soundFile struct {
	io.ReadSeeker
	io.Closer
	size     int64
	modified time.Time
}

// openRecording opens a recording's file; it is not found when it is gone.
func (s *Server) openRecording(rec omni.Recording) (*soundFile, error) {
	f, err := s.cfg.Recordings.Open(rec.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("recording %s: %w", rec.ID, account.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	seeker, ok := f.(io.ReadSeeker)
	if err != nil || !ok || info.IsDir() {
		return nil, errors.Join(err, f.Close(), fmt.Errorf("recording %s is not a plain file", rec.ID))
	}
	return &soundFile{seeker, f, info.Size(), info.ModTime()}, nil
}

func (s *Server) peaks(ctx context.Context, in *peaksInput) (*one[Peaks], error) {
	rec, err := s.recording(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f, err := s.openRecording(rec)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := readPeaks(ctx, f, in.Steps)
	return &one[Peaks]{p}, err
}
