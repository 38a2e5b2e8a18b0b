package omni

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Seal holds a finished recording in a chain: whoever changes its file, its row
// or an earlier seal changes every seal after it.
type Seal struct {
	Seq            int64 // from 1, gap-free
	RecordingID    string
	ConversationID string
	Kind           string
	Failure        RecordingFailure
	Path           string
	Bytes          int64
	DurationMS     int64
	SHA256         string // of the file, in hex
	StartedAt      time.Time
	EndedAt        time.Time
	Previous       string // the seal before; empty for the first
	Value          string // the seal, in hex
}

// NewSeal seals a recording as number seq behind the seal before.
func NewSeal(seq int64, previous string, r Recording) Seal {
	s := Seal{
		Seq: seq, RecordingID: r.ID, ConversationID: r.ConversationID, Kind: r.Kind, Failure: r.Failure, Path: r.Path, Bytes: r.Bytes,
		DurationMS: r.DurationMS, SHA256: r.SHA256, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Previous: previous,
	}
	s.Value = s.Compute()
	return s
}

// Compute gives the seal that belongs to the other fields: SHA-256 over their
// texts as a JSON array, in the order of the fields, times in microseconds.
func (s Seal) Compute() string {
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	b, err := json.Marshal([]string{
		n(s.Seq), s.RecordingID, s.ConversationID, s.Kind, string(s.Failure), s.Path, n(s.Bytes), n(s.DurationMS), s.SHA256,
		n(s.StartedAt.UnixMicro()), n(s.EndedAt.UnixMicro()), s.Previous,
	})
	if err != nil {
		panic("omni: texts cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Differs names what of a recording's row is not what was sealed; empty:
// nothing. What a deletion changes is not looked at in a deleted one.
func (s Seal) Differs(r Recording) string {
	gone := r.State == RecordingDeleted
	switch {
	case r.ID != s.RecordingID, r.ConversationID != s.ConversationID:
		return "conversation_id"
	case r.Kind != s.Kind:
		return "kind"
	case !gone && r.State != RecordingReady && r.State != RecordingFailed:
		return "state"
	case r.Failure != s.Failure:
		return "failure"
	case r.Path != s.Path:
		return "path"
	case !gone && r.Bytes != s.Bytes:
		return "bytes"
	case r.DurationMS != s.DurationMS:
		return "duration_ms"
	case r.SHA256 != s.SHA256:
		return "sha256"
	case !r.StartedAt.Equal(s.StartedAt):
		return "started_at"
	case !r.EndedAt.Equal(s.EndedAt):
		return "ended_at"
	}
	return ""
}
