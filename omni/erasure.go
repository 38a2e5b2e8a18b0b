package omni

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	SHA256        string       `json:"sha256" doc:"Of this document as JSON without this field"`
}

// Seal sets the document's hash.
func (c *Certificate) Seal() error {
	c.SHA256 = ""
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	c.SHA256 = hex.EncodeToString(sum[:])
	return nil
}

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
