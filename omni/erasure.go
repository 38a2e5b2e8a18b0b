package omni

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ErasureState is how far an erasure is.
type ErasureState string

// The states of an erasure.
const (
	ErasureRunning ErasureState = "running" // or waits for the end of a call
	ErasureDone    ErasureState = "done"
)

// Erasure takes a customer's personal data out of everything that is kept.
type Erasure struct {
	ID          string       `json:"id"`
	CustomerID  string       `json:"customer_id"`
	State       ErasureState `json:"state"`
	Reason      string       `json:"reason"`
	RequestedBy string       `json:"requested_by" doc:"User"`
	RequestedAt time.Time    `json:"requested_at"`
	CompletedAt time.Time    `json:"completed_at,omitzero"`
	Certificate *Certificate `json:"certificate,omitempty" doc:"Of what was erased; there once it is done"`
	Progress    *Progress    `json:"progress,omitempty" doc:"How far it is; while it runs, where one erasure is asked for"`
}

// Progress is how far a running erasure is, in conversations of the customer.
type Progress struct {
	Conversations int64 `json:"conversations" doc:"All of the customer"`
	Done          int64 `json:"done" doc:"Erased, or kept for a legal hold"`
	Open          int64 `json:"open" doc:"Still going on; nothing is erased before their end"`
}

// ErasurePreview is what an erasure would do now.
type ErasurePreview struct {
	CustomerID    string     `json:"customer_id"`
	Identities    int64      `json:"identities" doc:"Numbers and addresses by which the customer is known"`
	Conversations int64      `json:"conversations" doc:"Of which something is erased"`
	Recordings    int64      `json:"recordings" doc:"Whose files are deleted, voicemail included"`
	Bytes         int64      `json:"bytes" doc:"Size of those files"`
	Messages      int64      `json:"messages" doc:"Whose texts are erased"`
	Notes         int64      `json:"notes" doc:"Parts of agents whose notes are erased"`
	Open          int64      `json:"open" doc:"Conversations that still go on; nothing is erased before their end"`
	Kept          []HeldPart `json:"kept" nullable:"false" doc:"What a legal hold keeps; as long as there is any, the name and the identities stay too"`
}

// HeldPart is a recording on legal hold, which keeps its whole conversation.
type HeldPart struct {
	ConversationID string    `json:"conversation_id"`
	RecordingID    string    `json:"recording_id"`
	StartedAt      time.Time `json:"started_at" doc:"Of the recording"`
	HeldAt         time.Time `json:"held_at,omitzero"`
	Reason         string    `json:"reason" doc:"Why it is kept"`
}

// Certificate lists what an erasure did. It holds no personal data.
type Certificate struct {
	ErasureID     string       `json:"erasure_id"`
	CustomerID    string       `json:"customer_id"`
	Reason        string       `json:"reason"`
	RequestedBy   string       `json:"requested_by"`
	RequestedAt   time.Time    `json:"requested_at"`
	CompletedAt   time.Time    `json:"completed_at"`
	Complete      bool         `json:"complete" doc:"False: a legal hold keeps something; erase again after it is let go"`
	Identities    []string     `json:"identities" nullable:"false" doc:"Kinds of the identities that were erased"`
	Conversations []ErasedPart `json:"conversations" nullable:"false"`
	SHA256        string       `json:"sha256" doc:"Of this document without this member in the canonical form of RFC 8785"`
}

// Seal sets the document's hash. Anybody can make it again from the document.
func (c *Certificate) Seal() error {
	b, err := c.canonical()
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", c.ErasureID, err)
	}
	sum := sha256.Sum256(b)
	c.SHA256 = hex.EncodeToString(sum[:])
	return nil
}

// canonical is the document without its hash in the form of RFC 8785: members in
// the order of their names, no white space, nothing escaped that need not be. Its
// names are ASCII, its numbers integers below 2^53: there Go's order and digits are
// those of the RFC.
func (c *Certificate) canonical() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	in := json.NewDecoder(bytes.NewReader(b))
	in.UseNumber()
	if err := in.Decode(&members); err != nil {
		return nil, err
	}
	delete(members, "sha256")
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	if err := to.Encode(members); err != nil {
		return nil, err
	}
	return []byte(unescaped.Replace(strings.TrimSuffix(out.String(), "\n"))), nil
}

// unescaped writes the two line separators as they are, which Go always escapes.
// An escaped backslash before the same letters is text and stays.
var unescaped = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

// ErasedPart is what became of one conversation.
type ErasedPart struct {
	ConversationID string            `json:"conversation_id"`
	Kept           bool              `json:"kept,omitempty" doc:"A recording of it is on legal hold: nothing of it was erased"`
	Recordings     []ErasedRecording `json:"recordings" nullable:"false"`
	Messages       int64             `json:"messages" doc:"Whose texts were erased"`
	Notes          int64             `json:"notes" doc:"Parts of agents whose notes were erased"`
	Events         int64             `json:"events" doc:"Entries of the journal in which something was redacted; their numbers stay"`
}

// ErasedRecording is a recording whose file was deleted.
type ErasedRecording struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256" doc:"Of the file, as it was sealed"`
}

// Erasing is one step of an erasure as a Change writes it: a conversation, or at
// the end, without one, the customer.
type Erasing struct {
	ErasureID  string
	CustomerID string
	Part       ErasedPart
	Words      []string // what the journal must not hold: numbers, addresses, the name
}
