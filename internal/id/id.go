// Package id makes the prefixed identifiers of every record: a short kind, an
// underscore and a ULID (https://github.com/ulid/spec), such as cv_01J9….
// Identifiers of one process sort by the time they were made.
package id

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// Kind is the prefix that tells what an identifier names.
type Kind string

// The kinds of records that carry identifiers.
const (
	Agent        Kind = "ag"
	Audit        Kind = "au"
	Calendar     Kind = "ca"
	Consent      Kind = "co"
	Conversation Kind = "cv"
	Correction   Kind = "cr"
	Customer     Kind = "cu"
	Device       Kind = "dv"
	Event        Kind = "ev"
	Flow         Kind = "fl"
	Identity     Kind = "ci"
	Leg          Kind = "lg"
	Line         Kind = "ln"
	Message      Kind = "ms"
	Node         Kind = "nd"
	Number       Kind = "nu"
	Offer        Kind = "of"
	Queue        Kind = "qu"
	Recording    Kind = "rc"
	Segment      Kind = "sg"
	Session      Kind = "se"
	Team         Kind = "tm"
	Token        Kind = "tk"
	User         Kind = "us"
)

var (
	mu      sync.Mutex
	entropy = ulid.Monotonic(rand.Reader, 0)
)

// New returns a fresh identifier of the given kind.
func New(k Kind) string {
	mu.Lock()
	defer mu.Unlock()
	return string(k) + "_" + ulid.MustNew(ulid.Timestamp(time.Now()), entropy).String()
}

var named = regexp.MustCompile(`^[0-9A-Za-z_-]{1,48}$`)

// Valid reports whether s is an identifier of kind k: the prefix followed by a
// ULID, or by a name given in a configuration that was applied (qu_sales).
func Valid(k Kind, s string) bool {
	rest, ok := strings.CutPrefix(s, string(k)+"_")
	return ok && named.MatchString(rest)
}

// Check is Valid with an error that says what was wanted.
func Check(k Kind, s string) error {
	if !Valid(k, s) {
		return fmt.Errorf("identifier must look like %s_…", k)
	}
	return nil
}
