package call_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/sip"
)

// wirePeer is a SIP phone of a few lines of text, for what our own endpoint
// would not do: it knows neither UPDATE nor session timers.
type wirePeer struct {
	t    *testing.T
	conn net.Conn
	to   string // the hub's tag
	seq  int
}

func (p *wirePeer) header(method string, seq int) string {
	return fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:far@127.0.0.1>;tag=far\r\n"+
		"To: <sip:9000@127.0.0.1>%s\r\nCall-ID: refresh-hold\r\nCSeq: %d %s\r\nContact: <sip:far@%s>\r\nAllow: INVITE, ACK, BYE\r\n",
		p.conn.LocalAddr(), method, seq, p.to, seq, method, p.conn.LocalAddr())
}

func (p *wirePeer) send(first, header, body string) {
	p.t.Helper()
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	if _, err := fmt.Fprintf(p.conn, "%s\r\n%s%sContent-Length: %d\r\n\r\n%s", first, header, kind, len(body), body); err != nil {
		p.t.Fatal(err)
	}
}

// await reads until a message begins as given.
func (p *wirePeer) await(begins string) string {
	p.t.Helper()
	b := make([]byte, 8192)
	for _ = p.conn.SetReadDeadline(time.Now().Add(patience)); ; {
		n, err := p.conn.Read(b)
		if err != nil {
			p.t.Fatalf("no %q: %v", begins, err)
		}
		if m := string(b[:n]); strings.HasPrefix(m, begins) {
			return m
		}
	}
}

// invite offers a direction and acknowledges the answer, which it returns.
func (p *wirePeer) invite(direction string) string {
	p.t.Helper()
	p.seq++
	p.send("INVITE sip:9000@127.0.0.1 SIP/2.0", p.header("INVITE", p.seq), wireSDP(p.seq, direction))
	answer := p.await("SIP/2.0 200")
	p.to = regexp.MustCompile(`(?m)^To: .*(;tag=[^;\r\n]+)`).FindStringSubmatch(answer)[1]
	p.send("ACK sip:9000@127.0.0.1 SIP/2.0", p.header("ACK", p.seq), "")
	return answer
}

func wireSDP(version int, direction string) string {
	return fmt.Sprintf("v=0\r\no=- 9 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=%s\r\n", version, direction)
}

// TestRefreshOfAHeldCall: while the peer holds, our session refresh offers both
// directions; echoing our answer to the hold (recvonly) would leave a peer that
// has resumed meanwhile no way to say so (RFC 6337 §5.3).
func TestRefreshOfAHeldCall(t *testing.T) {
	h := newHub(t, hubOptions{sip: sip.Config{SessionExpires: 2 * time.Second, MinSE: time.Second}})
	conn, err := net.Dial("udp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := &wirePeer{t: t, conn: conn}
	var leg *call.Leg
	answered := make(chan error, 1)
	go func() {
		leg = h.next()
		answered <- leg.Answer(t.Context())
	}()
	p.invite("sendrecv")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if answer := p.invite("sendonly"); !strings.Contains(answer, "a=recvonly") {
		t.Fatalf("hold answered by\n%s", answer)
	}
	refresh := p.await("INVITE ")
	if !strings.Contains(refresh, "a=sendrecv") {
		t.Errorf("refreshed by\n%s", refresh)
	}
	// The peer has resumed: its answer to the refresh says so.
	var echo strings.Builder
	for line := range strings.SplitSeq(refresh, "\r\n") {
		for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
			if strings.HasPrefix(line, name) {
				echo.WriteString(line + "\r\n")
			}
		}
	}
	p.send("SIP/2.0 200 OK", echo.String()+"Contact: <sip:far@"+conn.LocalAddr().String()+">\r\n", wireSDP(9, "sendrecv"))
	p.await("ACK ")
	eventually(t, "the call is held no more", func() bool { return !leg.Info().PeerHolds })
}
