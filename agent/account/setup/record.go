package setup

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
)

// Records tells whether the queue's rule chooses a conversation. The choice
// follows from the identifier alone: it is the same for every agent, on every
// node and in every recount.
func (q Queue) Records(conversationID string) bool {
	if !q.Record {
		return false
	}
	sum := sha256.Sum256([]byte(conversationID))
	return binary.BigEndian.Uint64(sum[:])%100 < uint64(cmp.Or(q.RecordShare, 100))
}

// TellsOfRecording tells whether a caller must hear the notice before the
// conversation can be recorded.
func (q Queue) TellsOfRecording(conversationID string) bool {
	return q.RecordNotice && (q.RecordOnDemand || q.Records(conversationID))
}
