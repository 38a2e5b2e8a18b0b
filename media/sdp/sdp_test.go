package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

func local() Local {
	return Local{Addr: netip.MustParseAddr("192.0.2.1"), Port: 4000, ID: 77}
}

// offer makes an offer whose lines are joined behind the usual head.
func offer(lines ...string) []byte {
	return []byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n")
}

// lines returns those of a description that begin with one of the prefixes.
func lines(b []byte, prefixes ...string) string {
	var found []string
	for _, l := range strings.Split(string(b), "\r\n") {
		for _, p := range prefixes {
			if strings.HasPrefix(l, p) {
				found = append(found, l)
				break
			}
		}
	}
	return strings.Join(found, "\n")
}

// TestPitfall01HoldIsAnswered: sendonly is answered recvonly, inactive stays
// so, and the old hold by address is understood.
func TestPitfall01HoldIsAnswered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, direction, address string
		mine                     Direction // we want; default sendrecv
		answer                   Direction
		held, sending, receiving bool
	}{
		{"plain", "", "", "", SendRecv, false, true, true},
		{"explicit", "sendrecv", "", "", SendRecv, false, true, true},
		{"hold", "sendonly", "", "", RecvOnly, true, false, true},
		{"listener", "recvonly", "", "", SendOnly, false, true, false},
		{"both silent", "inactive", "", "", Inactive, true, false, false},
		{"old hold", "", "0.0.0.0", "", RecvOnly, true, false, true},
		{"old hold and inactive", "inactive", "0.0.0.0", "", Inactive, true, false, false},
		{"old hold by IPv6", "", "::", "", RecvOnly, true, false, true},
		{"we hold", "sendrecv", "", SendOnly, SendOnly, false, true, false},
		{"both hold", "sendonly", "", SendOnly, Inactive, true, false, false},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := []string{"m=audio 5000 RTP/AVP 0"}
			if c.address != "" {
				family := "IP4"
				if strings.Contains(c.address, ":") {
					family = "IP6"
				}
				o = append(o, "c=IN "+family+" "+c.address)
			}
			if c.direction != "" {
				o = append(o, "a="+c.direction)
			}
			l := local()
			l.Direction = c.mine
			answer, n, err := Answer(offer(o...), l)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(answer, "a="+string(c.answer)); got == "" {
				t.Errorf("answer has no a=%s:\n%s", c.answer, answer)
			}
			if n.Held != c.held || n.Params.Sending != c.sending || n.Params.Receiving != c.receiving {
				t.Errorf("held %v sending %v receiving %v", n.Held, n.Params.Sending, n.Params.Receiving)
			}
		})
	}
}

func TestSessionDirectionIsInherited(t *testing.T) {
	t.Parallel()
	b := []byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=sendonly\r\nm=audio 5000 RTP/AVP 0\r\n")
	if _, n, err := Answer(b, local()); err != nil || !n.Held {
		t.Errorf("a=sendonly of the session: held %v, %v", n.Held, err)
	}
}

// TestPitfall06AnswerListsExactlyWhatIsSent: one codec, telephone-event at its
// clock rate, and nothing else.
func TestPitfall06AnswerListsExactlyWhatIsSent(t *testing.T) {
	t.Parallel()
	o := offer("m=audio 5000 RTP/AVP 18 0 8 9 97 101 100", "a=rtpmap:18 G729/8000", "a=rtpmap:97 opus/48000/2",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=rtpmap:100 telephone-event/48000", "a=ptime:30")
	for _, c := range []struct {
		codecs []codec.Kind
		want   string
		kind   codec.Kind
	}{
		{nil, "m=audio 4000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000", codec.PCMA},
		{[]codec.Kind{codec.PCMU, codec.PCMA}, "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000", codec.PCMU},
		{[]codec.Kind{codec.G722}, "m=audio 4000 RTP/AVP 9 101\na=rtpmap:9 G722/8000\na=rtpmap:101 telephone-event/8000", codec.G722},
	} {
		l := local()
		l.Codecs = c.codecs
		answer, n, err := Answer(o, l)
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(answer, "m=", "a=rtpmap"); got != c.want {
			t.Errorf("answer\n%s\nwant\n%s", got, c.want)
		}
		p := n.Params
		if p.Send.Codec != c.kind || len(p.Accept) != 1 || p.Accept[0] != p.Send || p.PTime != 30*time.Millisecond {
			t.Errorf("parameters %+v", p)
		}
		if p.Remote != netip.MustParseAddrPort("192.0.2.9:5000") {
			t.Errorf("remote %v", p.Remote)
		}
	}
}

// TestPitfall07EventClockRateEqualsTheCodecs: of several telephone-event types
// the one at the codec's rate is taken, whatever its number; none is no error.
func TestPitfall07EventClockRateEqualsTheCodecs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events []string
		want   rtp.EventType
	}{
		{"48000 first", []string{"a=rtpmap:100 telephone-event/48000", "a=rtpmap:96 telephone-event/8000"}, rtp.EventType{Number: 96, Clock: 8000}},
		{"only 48000", []string{"a=rtpmap:100 telephone-event/48000"}, rtp.EventType{}},
		{"16000 beside", []string{"a=rtpmap:96 telephone-event/8000", "a=rtpmap:100 telephone-event/16000"}, rtp.EventType{Number: 96, Clock: 8000}},
		{"upper case", []string{"a=rtpmap:96 TELEPHONE-EVENT/8000"}, rtp.EventType{Number: 96, Clock: 8000}},
	}
	for _, c := range tests {
		answer, n, err := Answer(offer(append([]string{"m=audio 5000 RTP/AVP 0 96 100"}, c.events...)...), local())
		if err != nil {
			t.Fatal(err)
		}
		if n.Params.SendEvent != c.want {
			t.Errorf("%s: event %+v, want %+v", c.name, n.Params.SendEvent, c.want)
		}
		if has := strings.Contains(strings.ToLower(string(answer)), "telephone-event"); has != (c.want.Clock != 0) {
			t.Errorf("%s: answer\n%s", c.name, answer)
		}
	}
}

func TestOtherStreamsAreRefusedInPlace(t *testing.T) {
	t.Parallel()
	o := offer("m=video 6000 RTP/AVP 96", "a=rtpmap:96 VP8/90000", "m=audio 5000 RTP/AVP 0", "m=audio 5002 RTP/AVP 8", "m=image 5004 udptl t38")
	answer, n, err := Answer(o, local())
	if err != nil {
		t.Fatal(err)
	}
	want := "m=video 0 RTP/AVP 96\nm=audio 4000 RTP/AVP 0\nm=audio 0 RTP/AVP 8\nm=image 0 udptl t38"
	if got := lines(answer, "m="); got != want {
		t.Errorf("answer\n%s\nwant\n%s", got, want)
	}
	if n.Params.Send.Codec != codec.PCMU {
		t.Errorf("codec %v", n.Params.Send.Codec)
	}
	if _, err := Parse(answer); err != nil {
		t.Error(err)
	}
}

func TestAnswerErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		offer []byte
		want  error
	}{
		{"empty", nil, ErrMalformed},
		{"garbage", []byte("hello"), ErrMalformed},
		{"no stream", offer(), ErrMalformed},
		{"bad port", offer("m=audio 99999 RTP/AVP 0"), ErrMalformed},
		{"too large", append(offer("m=audio 5000 RTP/AVP 0"), make([]byte, maxSize)...), ErrMalformed},
		{"video only", offer("m=video 5000 RTP/AVP 96"), ErrNoAudio},
		{"disabled", offer("m=audio 0 RTP/AVP 0"), ErrNoAudio},
		{"encrypted", offer("m=audio 5000 RTP/SAVP 0"), ErrNoAudio},
		{"G.729 only", offer("m=audio 5000 RTP/AVP 18", "a=rtpmap:18 G729/8000"), ErrNotAcceptable},
		{"unknown number", offer("m=audio 5000 RTP/AVP 96"), ErrNotAcceptable},
		{"PCMU at a rate of its own", offer("m=audio 5000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"), ErrNotAcceptable},
	}
	for _, c := range tests {
		if _, _, err := Answer(c.offer, local()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestDynamicNumbersAreKept(t *testing.T) {
	t.Parallel()
	answer, n, err := Answer(offer("m=audio 5000 RTP/AVP 96 97", "a=rtpmap:96 PCMA/8000", "a=rtpmap:97 telephone-event/8000", "a=rtcp:5009", "a=rtcp-mux"), local())
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(answer, "m="); got != "m=audio 4000 RTP/AVP 96 97" {
		t.Error(got)
	}
	if n.Params.Send.Number != 96 || n.Params.RemoteRTCP != netip.MustParseAddrPort("192.0.2.9:5009") || !n.Params.Mux {
		t.Errorf("%+v", n.Params)
	}
}

// TestOfferAndAnswerAgree negotiates between two of us: early, late, hold and
// back, with versions that grow only when something changes.
func TestOfferAndAnswerAgree(t *testing.T) {
	t.Parallel()
	a, b := NewSession(local()), NewSession(Local{Addr: netip.MustParseAddr("192.0.2.2"), Port: 5000, Codecs: []codec.Kind{codec.PCMU, codec.G722}})
	version := func(s []byte) uint64 {
		d, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return d.Version
	}
	round := func(d Direction, wantA, wantB uint64, sendA, sendB bool) {
		t.Helper()
		o := a.Offer(d)
		answer, nb, err := b.Answer(o)
		if err != nil {
			t.Fatal(err)
		}
		na, err := a.Accept(answer)
		if err != nil {
			t.Fatal(err)
		}
		if na.Params.Send.Codec != codec.PCMU || nb.Params.Send.Codec != codec.PCMU {
			t.Errorf("codecs %v and %v", na.Params.Send.Codec, nb.Params.Send.Codec)
		}
		if na.Params.SendEvent.Clock != 8000 || nb.Params.SendEvent != na.Params.SendEvent {
			t.Errorf("events %+v and %+v", na.Params.SendEvent, nb.Params.SendEvent)
		}
		if na.Params.Sending != sendA || nb.Params.Sending != sendB || na.Params.Receiving != sendB || nb.Params.Receiving != sendA {
			t.Errorf("%s: a %+v, b %+v", d, na.Params, nb.Params)
		}
		if va, vb := version(o), version(answer); va != wantA || vb != wantB {
			t.Errorf("%s: versions %d and %d, want %d and %d", d, va, vb, wantA, wantB)
		}
	}
	round(SendRecv, 1, 1, true, true)
	round(SendRecv, 2, 1, true, true) // the order of codecs has changed once
	round(SendRecv, 2, 1, true, true)
	round(SendOnly, 3, 2, true, false)
	round(SendRecv, 4, 3, true, true)
	// Late offer: b offers, a answers.
	answer, _, err := a.Answer(b.Offer(SendRecv))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Accept(answer); err != nil {
		t.Fatal(err)
	}
}

// TestARefusedOfferChangesNothing: what we want counts when it was accepted, and
// what came to nothing leaves the session as it was (RFC 3261 §14.1).
func TestARefusedOfferChangesNothing(t *testing.T) {
	t.Parallel()
	both := Local{Addr: netip.MustParseAddr("192.0.2.1"), Port: 4000, Codecs: []codec.Kind{codec.PCMU, codec.G722}}
	a, b := NewSession(both), NewSession(both)
	answer, _, err := b.Answer(a.Offer(SendRecv))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Accept(answer); err != nil {
		t.Fatal(err)
	}
	refresh := func() Negotiated {
		t.Helper()
		_, n, err := a.Answer(b.Offer(SendRecv))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a.Offer(SendOnly)
	a.Withdraw() // 488
	if n := refresh(); !n.Params.Receiving || a.Direction() != SendRecv {
		t.Errorf("after a refused hold: %+v, want %s", n.Params, a.Direction())
	}
	if answer, _, err = b.Answer(a.Offer(SendOnly)); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Accept(answer); err != nil || n.Params.Receiving {
		t.Fatalf("hold: %+v, %v", n, err)
	}
	if n := refresh(); n.Params.Receiving || a.Direction() != SendOnly {
		t.Errorf("the peer's refresh ends our hold: %+v", n.Params)
	}
	a.Offer(SendRecv)
	a.Withdraw()
	if n := refresh(); n.Params.Receiving {
		t.Errorf("a refused resume ends our hold: %+v", n.Params)
	}
	// Their offer of another codec, cancelled before our answer went out.
	if _, n, err := a.Answer(offer("m=audio 5000 RTP/AVP 9")); err != nil || n.Params.Send.Codec != codec.G722 {
		t.Fatalf("%+v, %v", n, err)
	}
	a.Withdraw()
	if n := refresh(); n.Params.Send.Codec != codec.PCMU {
		t.Errorf("after a cancelled offer: %v", n.Params.Send.Codec)
	}
}

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer []byte
		want   error
	}{
		{[]byte("x"), ErrMalformed},
		{offer("m=audio 0 RTP/AVP 0"), ErrNoAudio},
		{offer("m=audio 5000 RTP/AVP 18"), ErrNotAcceptable},
	} {
		if _, err := Accept(c.answer, local()); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.answer, err, c.want)
		}
	}
	n, err := Accept(offer("m=audio 5000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"), local())
	if err != nil || len(n.Params.Accept) != 2 || n.Params.Send.Codec != codec.PCMU {
		t.Errorf("two codecs in the answer: %+v, %v", n.Params, err)
	}
}

// FuzzAnswer: whatever is offered, an answer is well-formed, has the offer's
// streams in order, and at most one that is not refused.
func FuzzAnswer(f *testing.F) {
	f.Add(offer("m=audio 5000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=sendonly"))
	f.Add(offer("m=video 6000 RTP/AVP 96", "m=audio 5000 RTP/AVP 9", "c=IN IP6 ::", "a=rtcp:1 IN IP4 1.2.3.4", "a=ptime:20"))
	f.Add(BuildOffer(local()))
	f.Add([]byte("v=0\nm=audio"))
	f.Fuzz(func(t *testing.T, o []byte) {
		answer, n, err := Answer(o, local())
		if err != nil {
			return
		}
		asked, err := Parse(o)
		if err != nil {
			t.Fatalf("answered what does not parse: %v", err)
		}
		d, err := Parse(answer)
		if err != nil {
			t.Fatalf("answer to %q does not parse: %v\n%s", o, err, answer)
		}
		if len(d.Streams) != len(asked.Streams) {
			t.Fatalf("%d streams answered with %d", len(asked.Streams), len(d.Streams))
		}
		open := 0
		for i, s := range d.Streams {
			if s.Kind != asked.Streams[i].Kind {
				t.Fatalf("stream %d is %q, answered %q", i, asked.Streams[i].Kind, s.Kind)
			}
			if s.Port != 0 {
				open++
			}
		}
		if open != 1 || n.Params.Send.Codec == codec.None {
			t.Fatalf("%d streams taken, codec %v", open, n.Params.Send.Codec)
		}
	})
}
