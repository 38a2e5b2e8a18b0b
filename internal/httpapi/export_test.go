package httpapi

import (
	"testing"

	"github.com/openhotline/hotline/agent/account"
)

// NewAPIForTest serves the API on a socket with the memory store, for tests of
// packages that use it from outside. token is an admin's.
func NewAPIForTest(t testing.TB) (store account.Store, url, token string) {
	w := newWorld(t, nil)
	return w.m, w.http.URL, w.tokens[account.RoleAdmin]
}
