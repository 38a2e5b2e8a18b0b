package store_test

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// cutter stands between the store and the server; armed, it breaks a connection
// when a commit has gone through and its answer has not.
type cutter struct {
	armed atomic.Bool
	to    string
	all   sync.WaitGroup
}

func (c *cutter) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.to)
		if err != nil {
			client.Close()
			continue
		}
		var cut atomic.Bool
		c.all.Go(func() {
			defer server.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := client.Read(buf)
				if bytes.Contains(buf[:n], []byte("commit")) && c.armed.CompareAndSwap(true, false) {
					cut.Store(true)
				}
				if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
					return
				}
			}
		})
		c.all.Go(func() {
			defer client.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := server.Read(buf)
				if err != nil || cut.Load() { // the server has answered: it is done
					return
				}
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
		})
	}
}

// A commit whose answer does not come may have been made, and the caller learns
// that nobody knows.
func TestACommitWithoutAnAnswerIsUncertain(t *testing.T) {
	t.Parallel()
	direct := storetest.SharedPostgres(t).New(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{to: u.Host}
	c.all.Go(func() { c.serve(l) })
	defer c.all.Wait()
	defer l.Close()
	u.Host = l.Addr().String()
	db, err := store.Open(t.Context(), u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cv := storetest.Conversation(storetest.Now())
	var last error
	for range 50 { // the sequencer commits too, and may be the one that is cut
		cv = storetest.Conversation(storetest.Now())
		c.armed.Store(true)
		if _, last = db.Commit(t.Context(), store.Write{Omni: omni.Change{Conversations: []omni.Conversation{cv}}}); errors.Is(last, store.ErrUncertain) {
			break
		}
	}
	if !errors.Is(last, store.ErrUncertain) || !errors.Is(last, store.ErrUnavailable) {
		t.Fatalf("got %v", last)
	}
	if _, err := openAt(t, direct).Conversation(t.Context(), cv.ID); err != nil {
		t.Errorf("what was committed is not there: %v", err)
	}
}
