package journey

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

// keyStore has the record of the key; the first to read it waits.
type keyStore struct {
	Store
	reads atomic.Int32
}

func (s *keyStore) Record(ctx context.Context, _ account.Kind, _ string) (account.Record, error) {
	if s.reads.Add(1) == 1 {
		<-ctx.Done()
		return account.Record{}, context.Cause(ctx)
	}
	return account.Record{Body: mustJSON(simulationKey{Key: bytes.Repeat([]byte("k"), 32)})}, nil
}

// A call with a token does not wait for a database that answers another one
// slowly; the key that was read is kept.
func TestSimulationKeysAreReadBesideOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &keyStore{}
		c := &Center{store: s}
		slow, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := c.simulationKey(slow, false)
			first <- err
		}()
		synctest.Wait()
		from := time.Now()
		for range 3 {
			if key, err := c.simulationKey(t.Context(), false); err != nil || len(key) != 32 {
				t.Errorf("%q, %v", key, err)
			}
		}
		if waited := time.Since(from); waited > 0 || s.reads.Load() != 2 {
			t.Errorf("waited %s, read %d times", waited, s.reads.Load())
		}
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first: %v", err)
		}
	})
}

func TestSimulationTokens(t *testing.T) {
	t.Parallel()
	key, other := []byte(strings.Repeat("k", 32)), []byte(strings.Repeat("o", 32))
	now := time.Unix(1_800_000_000, 0)
	sign := func(key []byte, body string) string { return body + "." + simulationMAC(key, body) }
	good := sign(key, simulationPrefix+"1800000060.abc")
	for _, c := range []struct {
		name, token string
		want        bool
	}{
		{"ours", good, true},
		{"another installation's", sign(other, simulationPrefix+"1800000060.abc"), false},
		{"ended", sign(key, simulationPrefix+"1800000000.abc"), false},
		{"with a later end", strings.Replace(good, "1800000060", "1900000060", 1), false},
		{"cut", good[:len(good)-1], false},
		{"without a signature", simulationPrefix + "1800000060.abc", false},
		{"of something else", sign(key, "hlp_1800000060.abc"), false},
		{"without an end", sign(key, simulationPrefix+"soon.abc"), false},
		{"a display name", "Hotline Simulator", false},
		{"nothing", "", false},
	} {
		if got := validSimulation(key, c.token, now); got != c.want {
			t.Errorf("a token that is %s: valid %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzSimulationToken(f *testing.F) {
	key := []byte(strings.Repeat("k", 32))
	f.Add(simulationPrefix + "1800000060.abc." + simulationMAC(key, simulationPrefix+"1800000060.abc"))
	f.Add("hls_..")
	f.Fuzz(func(t *testing.T, token string) {
		if validSimulation(key, token, time.Unix(0, 0)) && !strings.Contains(token, simulationMAC(key, token[:strings.LastIndexByte(token, '.')])) {
			t.Fatalf("%q passes without its signature", token)
		}
	})
}
