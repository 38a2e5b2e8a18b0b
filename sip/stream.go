package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

type streamKey struct {
	network string
	addr    netip.AddrPort
}

// stream is a TCP or TLS connection with a bounded queue of messages to write.
// Nobody who sends waits for a connect or for a slow peer.
type stream struct {
	n     *network
	key   streamKey
	host  string // TLS server name of an outgoing connection
	known atomic.Bool

	stranger bool // counted in network.unknown; guarded by network.mu

	out  chan outgoing
	done chan struct{}

	mu     sync.Mutex
	conn   net.Conn // nil while connecting
	cancel context.CancelFunc
	closed bool
	err    error
}

type outgoing struct {
	data   []byte
	failed func(error)
}

// stream finds or starts a connection to h.
func (n *network) stream(h hop) (*stream, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := streamKey{h.network, h.addr}
	if s := n.streams[key]; s != nil {
		return s, nil
	}
	if n.closed {
		return nil, ErrClosed
	}
	if n.total >= n.cfg.MaxConnections {
		return nil, fmt.Errorf("%w: too many connections", ErrTransport)
	}
	s := n.newStream(key)
	s.host = h.host
	s.known.Store(true)
	if !n.group.spawn(s.dial) {
		return nil, ErrClosed
	}
	n.streams[key] = s
	n.total++
	return s, nil
}

func (n *network) newStream(key streamKey) *stream {
	return &stream{n: n, key: key, out: make(chan outgoing, streamQueue), done: make(chan struct{})}
}

// addStream takes an accepted connection, or closes it when there are too many.
func (n *network) addStream(c net.Conn, network string, remote netip.AddrPort) {
	known := n.sources.known(remote.Addr())
	n.mu.Lock()
	if n.closed || n.total >= n.cfg.MaxConnections || (!known && !n.unknown.enter(remote.Addr())) {
		n.mu.Unlock()
		_ = c.Close()
		return
	}
	s := n.newStream(streamKey{network, remote})
	s.conn = c
	s.known.Store(known)
	n.streams[s.key] = s
	n.total++
	s.stranger = !known
	n.mu.Unlock()
	if !n.group.spawn(func() { s.read(c); n.removeStream(s) }) || !n.group.spawn(func() { s.writeLoop(c) }) {
		s.close(ErrClosed)
	}
}

func (n *network) removeStream(s *stream) {
	defer n.lost(s)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.streams[s.key] == s {
		delete(n.streams, s.key)
	}
	n.total--
	if s.stranger {
		n.unknown.leave(s.key.addr.Addr())
	}
}

// strangers counts the connections of unknown sources, so that a few of these
// cannot keep all others out.
type strangers struct {
	all int
	of  map[netip.Addr]int // by host, or network of IPv6
}

// host is what one source can have many addresses of.
func host(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// enter counts a connection; false when there is no place for it.
func (s *strangers) enter(a netip.Addr) bool {
	a = host(a)
	if s.all >= strangerStreams || s.of[a] >= strangersOfOne {
		return false
	}
	s.all++
	s.of[a]++
	return true
}

func (s *strangers) leave(a netip.Addr) {
	a = host(a)
	s.all--
	if s.of[a]--; s.of[a] <= 0 {
		delete(s.of, a)
	}
}

// trust makes a stranger's connection a known one: its phone has registered.
func (s *stream) trust() {
	s.known.Store(true)
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.stranger {
		s.stranger = false
		s.n.unknown.leave(s.key.addr.Addr())
	}
}

// dial connects and then reads; the writer runs beside it.
func (s *stream) dial() {
	defer s.n.removeStream(s)
	ctx, cancel := context.WithTimeout(s.n.life, connectTimeout)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	if s.closed {
		cancel()
	}
	s.mu.Unlock()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.key.addr.String())
	if err == nil && s.key.network == viaTLS {
		c, err = s.handshake(ctx, c)
	}
	if err != nil {
		s.close(fmt.Errorf("%w: connect: %w", ErrTransport, err))
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = c.Close()
		return
	}
	s.conn = c
	s.mu.Unlock()
	if !s.n.group.spawn(func() { s.writeLoop(c) }) {
		s.close(ErrClosed)
		return
	}
	s.read(c)
}

func (s *stream) handshake(ctx context.Context, c net.Conn) (net.Conn, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.n.cfg.TLSConfig != nil {
		cfg = s.n.cfg.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = s.host
		if s.host == "" {
			cfg.ServerName = s.key.addr.Addr().String()
		}
	}
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return t, nil
}

// write queues a message.
func (s *stream) write(data []byte, failed func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.err
	}
	select {
	case s.out <- outgoing{data, failed}:
		return nil
	default:
		return fmt.Errorf("%w: peer does not read", ErrTransport)
	}
}

func (s *stream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// close ends the stream and fails what is queued. Closing twice is fine.
func (s *stream) close(err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed, s.err = true, err
	close(s.done)
	c, cancel := s.conn, s.cancel
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if c != nil {
		_ = c.Close()
	}
	for {
		select {
		case m := <-s.out:
			if m.failed != nil {
				m.failed(err)
			}
		default:
			return
		}
	}
}

func (s *stream) writeLoop(c net.Conn) {
	for {
		select {
		case <-s.done:
			return
		case m := <-s.out:
			_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := c.Write(m.data); err != nil {
				err = fmt.Errorf("%w: %w", ErrTransport, err)
				if m.failed != nil {
					m.failed(err)
				}
				s.close(err)
				return
			}
		}
	}
}

// read parses messages until the connection ends. A message that does not
// parse is answered where possible; the connection is then closed, since
// nothing says where the next message starts (RFC 3261 §18.3).
func (s *stream) read(c net.Conn) {
	defer s.close(fmt.Errorf("%w: connection closed", ErrTransport))
	buf := make([]byte, 16<<10)
	stream := s.n.parser.NewSIPStream()
	defer stream.Close()
	from := hop{network: s.key.network, addr: s.key.addr, conn: s}
	var partial []byte                        // what the parser holds, to answer what does not parse
	byThen := time.Now().Add(strangerTimeout) // whoever is not known by then has to go
	for {
		until := byThen
		if s.known.Load() {
			until = time.Now().Add(idleTimeout)
		}
		_ = c.SetReadDeadline(until)
		size, err := c.Read(buf)
		if err != nil {
			return
		}
		data := buf[:size]
		if len(partial) == 0 && len(bytes.Trim(data, "\r\n")) == 0 {
			if bytes.HasPrefix(data, []byte("\r\n\r\n")) { // RFC 5626 §3.5.1 ping
				_ = s.write([]byte("\r\n"), nil)
			}
			continue
		}
		partial = append(partial, data...)
		parsed := 0
		err = stream.ParseSIPStream(data, func(m sipgo.Message) {
			parsed++
			if s.n.sources.admitMessage(m, from.addr.Addr(), s.known.Load()) {
				s.n.receive(m, from)
			}
		})
		switch {
		case err == nil:
			partial = partial[:0]
		case errors.Is(err, sipgo.ErrParseSipPartial):
			if parsed > 0 {
				partial = append(partial[:0], stream.Buffer().Bytes()...)
			}
			if len(partial) > maxDatagram {
				return
			}
		default:
			if answer := s.n.broken(partial, from); parsed == 0 && answer != nil {
				_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
				_, _ = c.Write(answer)
			}
			return
		}
	}
}
