package udp

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Queue gathers the datagrams that a socket sends to many peers, so that one
// system call carries all of a sweep. It is safe for concurrent use.
type Queue struct {
	socket *Socket
	size   atomic.Int32 // what Flush looks at without the lock

	mu    sync.Mutex
	n     int
	batch batch
}

// NewQueue makes a queue for a socket. Give it to the socket's Member, whose
// group flushes it.
func NewQueue(s *Socket) *Queue {
	q := &Queue{socket: s}
	q.batch.init()
	return q
}

// Send copies a datagram into the queue; a full queue is flushed first. It is
// false for what is too long or has no destination.
func (q *Queue) Send(b []byte, to *Target) bool {
	if len(b) > maxDatagram || to.len == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == maxBatch {
		q.flush()
	}
	i := q.n
	copy(q.batch.buf[i][:], b)
	q.batch.iov[i].SetLen(len(b))
	q.batch.to[i] = *to
	q.batch.hdr[i].hdr.Namelen = to.len
	q.n++
	q.size.Store(int32(q.n))
	return true
}

// Flush sends what is queued and tells how much that was. What the kernel has
// no room for is lost, as it would be on the wire.
func (q *Queue) Flush() int {
	if q.size.Load() == 0 {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flush()
}

func (q *Queue) flush() int {
	n := q.n
	for at := 0; at < n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(q.socket.fd), uintptr(unsafe.Pointer(&q.batch.hdr[at])),
			uintptr(n-at), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != 0 {
			// It is about the first one left: a peer that is gone, a full buffer.
			sent = 1
		}
		at += int(sent)
	}
	q.n = 0
	q.size.Store(0)
	return n
}
