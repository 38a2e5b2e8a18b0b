package sip

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// fullConn is a socket without room for datagrams to some addresses: writing
// them waits for the deadline, which as with a real socket is that of all
// writes, also of those that wait already.
type fullConn struct {
	*fakeConn
	stuck func(to netip.AddrPort) bool

	writing sync.Mutex // one at a time, as in package net
	mu      sync.Mutex
	until   time.Time
}

func (c *fullConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return nil
}

func (c *fullConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for c.stuck(to) {
		c.mu.Lock()
		left := time.Until(c.until)
		none := c.until.IsZero()
		c.mu.Unlock()
		if !none && left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return c.fakeConn.WriteToUDPAddrPort(b, to)
}

// TestFullSocketDoesNotStopTheReader: while a datagram waits for room in the
// socket, a transaction is locked that the reader waits for when its request is
// repeated. The wait ends in time, however many others want to send.
func TestFullSocketDoesNotStopTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		slow := netip.MustParseAddrPort("10.0.0.3:5060")
		cfg := Config{UDP: endpointAddr, listenPacket: func(a string) (packetConn, error) {
			c, err := n.listen(a)
			return &fullConn{fakeConn: c.(*fakeConn), stuck: func(to netip.AddrPort) bool { return to == slow }}, err
		}}
		in := newCalls()
		e := start(t, cfg, in, func(e *Endpoint) {
			if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}, Server: "10.0.0.2"}}); err != nil {
				t.Fatal(err)
			}
		})
		p, other := n.peer(t, slow.String()), n.peer(t, "10.0.0.2:5060")
		invite := p.request("INVITE", "stuck", "", 1, sdpLines+"o")
		p.send(invite) // its 100 waits …
		synctest.Wait()
		p.send(invite) // … and the reader for its transaction
		stop := make(chan struct{})
		var senders sync.WaitGroup
		for i := range 3 { // others send all the time
			senders.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(100+i) * time.Millisecond):
						_ = e.net.sendDatagram(netip.MustParseAddrPort("10.0.0.9:5060"), []byte("x"))
					}
				}
			})
		}
		from := time.Now()
		other.send(other.request("OPTIONS", "after", "", 1, ""))
		other.response(200)
		if waited := time.Since(from); waited > 2*sendTimeout+100*time.Millisecond {
			t.Errorf("answered after %s", waited)
		}
		close(stop)
		senders.Wait()
		d := next(t, in)
		if err := d.Reject(486, ""); err != nil {
			t.Error(err)
		}
	})
}

// TestPeerThatDoesNotRead: what is to be written to a connection waits in its
// queue; the connection is read meanwhile, and closed when writing takes too
// long.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		_, e := newBench(t, Config{}, in)
		near, far := net.Pipe()
		from := time.Now()
		e.net.addStream(near, viaTCP, netip.MustParseAddrPort("10.0.0.7:5060"))
		message := func(method sipgo.RequestMethod, callID, extra string) {
			t.Helper()
			text := fmt.Sprintf("%s sip:9000@10.0.0.1 SIP/2.0\nVia: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK%s\nMax-Forwards: 70\n"+
				"From: <sip:a@10.0.0.7>;tag=1\nTo: <sip:9000@10.0.0.1>\nCall-ID: %s\nCSeq: 1 %s\nContact: <sip:a@10.0.0.7;transport=tcp>\n%s",
				method, callID, callID, method, extra)
			if _, err := far.Write(raw(text)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 { // answers that nobody takes
			message(sipgo.OPTIONS, fmt.Sprint("o", i), "")
		}
		message(sipgo.INVITE, "call", sdpLines+"o")
		synctest.Wait()
		d := next(t, in)
		if waited := time.Since(from); waited > 0 {
			t.Errorf("the INVITE was read after %s", waited)
		}
		time.Sleep(writeTimeout + time.Second)
		if rest, err := io.ReadAll(far); err != nil || len(rest) > 0 { // the end, and not a deadline
			t.Errorf("the connection is open: %d bytes, %v", len(rest), err)
		}
		_ = d.Reject(486, "") // over a connection of our own, which nobody takes
		_ = far.Close()
	})
}
