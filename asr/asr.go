// Package asr is the interface of streaming speech recognition: audio goes in,
// partial and final results with times come out. Engines live in folders below
// it, one each; native ones run in a child process, so that a crash in C code
// costs one utterance and not every call.
//
// It knows audio and words. It does not know calls or flows.
package asr

import (
	"context"
	"errors"
	"time"

	"github.com/openhotline/hotline/media"
)

// Errors of every engine, possibly wrapped.
var (
	// ErrUnavailable means that the engine cannot work now: its process ended, its
	// server does not answer. The utterance is lost, the call is not.
	ErrUnavailable = errors.New("asr: engine is not available")
	// ErrUnsupported means that the engine cannot do what Config asks for.
	ErrUnsupported = errors.New("asr: not supported by this engine")
	// ErrClosed is returned by a session after Close.
	ErrClosed = errors.New("asr: session is closed")
)

// Encoding is how audio is handed to an engine.
type Encoding string

// The encodings. Engines that take G.711 get it without decoding.
const (
	Linear16 Encoding = "linear16" // int16, little endian on the wire
	MuLaw    Encoding = "mulaw"    // G.711
	ALaw     Encoding = "alaw"     // G.711
)

// Format is what an engine wants to be fed with.
type Format struct {
	Rate     media.Rate
	Encoding Encoding
}

// Capabilities tell what an engine can do.
type Capabilities struct {
	Formats     []Format // in order of preference
	Languages   []string // BCP 47
	Partials    bool     // gives Partial events
	Words       bool     // gives words with times
	Endpointing bool     // finds the end of speech itself
	Grammar     bool     // takes Config.Grammar
	Hotwords    bool     // takes Config.Hotwords
	WholeOnly   bool     // hears only whole utterances (offline models)
}

// Config opens one session.
type Config struct {
	Language string // BCP 47
	Format   Format // one of the engine's
	// Grammar restricts what can be said to these phrases (closed choice).
	Grammar []string
	// Hotwords are more likely than other words, with a weight (1 is neutral).
	Hotwords map[string]float64
	// EndSilence is how much silence ends an utterance: 300–400 ms for menus,
	// 600–800 ms for free speech. 0: the engine's default.
	EndSilence time.Duration
	// Whole asks for one result per utterance, decoded as a whole after its end,
	// which is more exact than live decoding for short commands.
	Whole bool
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of events. For one utterance: SpeechStart, any number of Partial,
// SpeechEnd, then exactly one Final (with empty Text when nothing was understood).
const (
	SpeechStart EventKind = "speech_start"
	Partial     EventKind = "partial" // replaces the partial before
	SpeechEnd   EventKind = "speech_end"
	Final       EventKind = "final"
)

// Word is one recognised word.
type Word struct {
	Text       string
	Start, End time.Duration // since the session's first sample
	Confidence float64       // 0..1; negative: unknown
}

// Event is what a session heard.
type Event struct {
	Kind       EventKind
	Utterance  int           // counts the session's utterances from 1
	At         time.Duration // position in the audio, since the session's first sample
	Text       string
	Words      []Word
	Confidence float64 // 0..1; negative: unknown
	Language   string  // as recognised, when the engine tells
	// Alternatives are further readings, the best first.
	Alternatives []string
}

// Engine recognises speech.
type Engine interface {
	// Name is short and stable: pocketsphinx, vosk.
	Name() string
	Capabilities() Capabilities
	// Open starts a session. It returns ErrUnsupported for a Config that does not
	// fit the capabilities and ErrUnavailable when the engine cannot work now.
	Open(ctx context.Context, cfg Config) (Session, error)
}

// Session is one stream of audio, such as one side of a call. Write and Events
// are used from different goroutines; everything else from any.
type Session interface {
	// Write feeds audio in the session's format, in frames of any length. It
	// blocks when the engine is behind (at most until ctx ends): whoever feeds a
	// live call gives ctx a deadline and drops the frame on its error, so that
	// recognition never holds up a call.
	Write(ctx context.Context, audio []byte) error
	// Finish tells that the utterance is over (whole-utterance mode, or an
	// endpoint found elsewhere); its Final follows. The session goes on.
	Finish(ctx context.Context) error
	// Cancel throws the current utterance away; no Final follows for it.
	Cancel(ctx context.Context) error
	// Events is closed when the session is over. It is bounded; a reader that
	// does not read loses partial events, never final ones.
	Events() <-chan Event
	// Err tells why Events was closed: nil after Close.
	Err() error
	// Close ends the session and gives back what it holds, at once. Events not
	// read yet may be lost. It may be called more than once.
	Close() error
}
