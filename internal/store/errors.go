package store

import (
	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// sentinel is an error that also is the like-named error of every domain
// package whose store this is, so that each tests for its own.
type sentinel struct {
	text string
	is   []error
}

func (s *sentinel) Error() string { return s.text }

// Is lets errors.Is find the errors of the domain packages.
func (s *sentinel) Is(target error) bool {
	for _, e := range s.is {
		if e == target {
			return true
		}
	}
	return false
}

// The errors that domain packages declare too: errors.Is finds theirs as well.
var (
	// ErrNotFound means that there is no such record.
	ErrNotFound error = &sentinel{"store: not found", []error{omni.ErrNotFound, agent.ErrNotFound, account.ErrNotFound, ivr.ErrNotFound}}
	// ErrVersion means that somebody else changed the record meanwhile.
	ErrVersion error = &sentinel{"store: the record was changed by somebody else", []error{account.ErrVersion, omni.ErrChanged}}
	// ErrUnavailable means that the database cannot be reached or cannot write.
	ErrUnavailable error = &sentinel{"store: the database cannot be reached or cannot write", []error{account.ErrUnavailable}}
	// ErrClosed means that the store was closed.
	ErrClosed error = &sentinel{"store: closed", []error{account.ErrUnavailable}}
	// ErrExists means that another record has the same key.
	ErrExists error = &sentinel{"store: a record with this key exists", []error{account.ErrTaken}}
)
