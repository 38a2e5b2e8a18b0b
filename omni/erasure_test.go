package omni

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func paper(t *testing.T, reason string) Certificate {
	t.Helper()
	at := time.Date(2026, 11, 28, 9, 30, 0, 120_000_000, time.UTC)
	c := Certificate{ErasureID: "er_1", CustomerID: "cu_1", Reason: reason, RequestedBy: "us_1", RequestedAt: at, CompletedAt: at.Add(2 * time.Second),
		Identities: []string{IdentityPhone}, Conversations: []ErasedPart{
			{ConversationID: "cv_1", Recordings: []ErasedRecording{{ID: "rc_1", SHA256: "ab"}}, Messages: 2, Notes: 1, Events: 12},
			{ConversationID: "cv_2", Recordings: []ErasedRecording{}, Kept: true},
		}}
	if err := c.Seal(); err != nil {
		t.Fatal(err)
	}
	return c
}

// The hash is of the bytes that RFC 8785 has for the document without it, and of
// nothing else: it does not matter that there was one before.
func TestCertificateIsHashedInCanonicalForm(t *testing.T) {
	t.Parallel()
	c := paper(t, "§17 <b> & \"书\" \\u2028 a\u2028b\ttab")
	const want = `{"complete":false,"completed_at":"2026-11-28T09:30:02.12Z","conversations":[` +
		`{"conversation_id":"cv_1","events":12,"messages":2,"notes":1,"recordings":[{"id":"rc_1","sha256":"ab"}]},` +
		`{"conversation_id":"cv_2","events":0,"kept":true,"messages":0,"notes":0,"recordings":[]}],` +
		`"customer_id":"cu_1","erasure_id":"er_1","identities":["phone"],` +
		`"reason":"§17 <b> & \"书\" \\u2028 a` + "\u2028" + `b\ttab","requested_at":"2026-11-28T09:30:00.12Z","requested_by":"us_1"}`
	sum := sha256.Sum256([]byte(want))
	if c.SHA256 != hex.EncodeToString(sum[:]) {
		got, err := c.canonical()
		t.Errorf("the hash is of something else:\n%s (%v)\nwant\n%s", got, err, want)
	}
	first := c.SHA256
	if err := c.Seal(); err != nil || c.SHA256 != first {
		t.Errorf("sealed again: %s, at first %s (%v)", c.SHA256, first, err)
	}
	c.Conversations[0].Events++
	if err := c.Seal(); err != nil || c.SHA256 == first {
		t.Errorf("another document has the same hash (%v)", err)
	}
}

// What docs/operator/erase-a-callers-data.md says to type gives the hash, however
// the file is laid out and ordered.
func TestCertificateIsCheckedWithJQ(t *testing.T) {
	t.Parallel()
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("there is no jq")
	}
	c := paper(t, `request of 2026-11-27, <by letter> & "in person", 书面申请`)
	file, err := json.MarshalIndent(c, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), jq, "-jcS", "del(.sha256)")
	cmd.Stdin = strings.NewReader(string(file))
	out, err := cmd.Output()
	if sum := sha256.Sum256(out); err != nil || hex.EncodeToString(sum[:]) != c.SHA256 {
		t.Errorf("jq prints %s (%v)", out, err)
	}
}
