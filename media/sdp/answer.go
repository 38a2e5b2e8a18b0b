package sdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

// agreed is the outcome for one stream before it is written down.
type agreed struct {
	stream Stream
	index  int    // of the m-line
	audio  Type   // the codec both will use
	event  []Type // telephone-event of that clock rate, at most one
	mine   Direction
}

// Answer answers an offer. Of the codecs in common the first in our order is
// taken, and the answer lists it alone beside telephone-event at its clock
// rate: exactly what is sent. Streams we do not take are refused with port 0.
// Errors: ErrMalformed, ErrNoAudio, ErrNotAcceptable.
func Answer(offer []byte, l Local) (answer []byte, n Negotiated, err error) {
	d, err := ParseOffer(offer)
	if err != nil {
		return nil, Negotiated{}, err
	}
	l = l.withDefaults()
	a, err := choose(d, l)
	if err != nil {
		return nil, Negotiated{}, err
	}
	// The answer mirrors the offer (RFC 3264 §6.1): sendonly is answered
	// recvonly, and what we do not want to do ourselves is left out, too.
	theirs := a.stream.Direction
	zero := a.stream.Addr.IsValid() && a.stream.Addr.IsUnspecified()
	if zero {
		theirs = direction(theirs.Sends(), false)
	}
	a.mine = direction(theirs.Receives() && l.Direction.Sends(), theirs.Sends() && l.Direction.Receives())
	n = negotiated(a, theirs)
	return writeAnswer(d, l, a), n, nil
}

// choose finds the first audio stream with a codec in common.
func choose(d *Description, l Local) (agreed, error) {
	found := false
	for i, s := range d.Streams {
		if s.Kind != "audio" || s.Port == 0 || s.Protocol != "RTP/AVP" && s.Protocol != "RTP/AVPF" {
			continue
		}
		found = true
		for _, k := range l.Codecs {
			for _, t := range s.Types {
				if t.kind() == k {
					return agreed{stream: s, index: i, audio: t, event: events(s, t.Clock, l)}, nil
				}
			}
		}
	}
	if !found {
		return agreed{}, ErrNoAudio
	}
	return agreed{}, ErrNotAcceptable
}

// events finds telephone-event at the codec's clock rate (RFC 4733 §2.1); with
// several payload types the one of that rate counts.
func events(s Stream, clock uint32, l Local) []Type {
	if l.NoEvents {
		return nil
	}
	for _, t := range s.Types {
		if t.isEvent() && t.Clock == clock {
			return []Type{t}
		}
	}
	return nil
}

// negotiated makes the leg's parameters; theirs is the peer's direction.
func negotiated(a agreed, theirs Direction) Negotiated {
	s := a.stream
	p := rtp.Params{
		Remote: netip.AddrPortFrom(s.Addr, s.Port), RemoteRTCP: s.RTCP, Mux: s.Mux,
		Send:    rtp.PayloadType{Number: a.audio.Number, Codec: a.audio.kind()},
		PTime:   s.PTime,
		Sending: a.mine.Sends(), Receiving: a.mine.Receives(),
	}
	p.Accept = []rtp.PayloadType{p.Send}
	for _, e := range a.event {
		p.SendEvent = rtp.EventType{Number: e.Number, Clock: e.Clock}
		p.Events = append(p.Events, p.SendEvent)
	}
	return Negotiated{Params: p, Held: !theirs.Receives()}
}

// writeAnswer has an m-line for each of the offer's, in its order.
func writeAnswer(d *Description, l Local, a agreed) []byte {
	var b bytes.Buffer
	writeSession(&b, l)
	for i, s := range d.Streams {
		if i != a.index {
			formats := s.Formats
			if len(formats) == 0 {
				formats = []string{"0"}
			}
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", s.Kind, s.Protocol, strings.Join(formats, " "))
			continue
		}
		writeAudio(&b, l, s.Protocol, append([]Type{a.audio}, a.event...), a.mine, s.Mux)
	}
	return b.Bytes()
}

func writeSession(b *bytes.Buffer, l Local) {
	family := "IP4"
	if l.Addr.Is6() {
		family = "IP6"
	}
	fmt.Fprintf(b, "v=0\r\no=hotline %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
		l.ID, l.Version, family, l.Addr, family, l.Addr)
}

func writeAudio(b *bytes.Buffer, l Local, protocol string, types []Type, dir Direction, mux bool) {
	fmt.Fprintf(b, "m=audio %d %s", l.Port, protocol)
	for _, t := range types {
		fmt.Fprintf(b, " %d", t.Number)
	}
	b.WriteString("\r\n")
	for _, t := range types {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", t.Number, t.Name, t.Clock)
		if t.isEvent() {
			fmt.Fprintf(b, "a=fmtp:%d 0-15\r\n", t.Number)
		}
	}
	fmt.Fprintf(b, "a=ptime:%d\r\n", l.PTime.Milliseconds())
	if mux {
		b.WriteString("a=rtcp-mux\r\n")
	}
	fmt.Fprintf(b, "a=%s\r\n", dir)
}

// firstDynamic is the payload type of telephone-event in our offers, by habit.
const firstDynamic = 101

// offered lists the payload types of our offers.
func offered(l Local) []Type {
	var types []Type
	clocks := []uint32{}
	for _, k := range l.Codecs {
		number, static := k.PayloadType()
		if !static {
			continue // Opus is spoken with browsers only
		}
		types = append(types, Type{Number: number, Name: k.String(), Clock: k.Clock()})
		if !slices.Contains(clocks, k.Clock()) {
			clocks = append(clocks, k.Clock())
		}
	}
	if l.NoEvents {
		return types
	}
	for i, clock := range clocks {
		number := uint8(firstDynamic + i)
		if l.event.Clock == clock {
			number = l.event.Number
		}
		types = append(types, Type{Number: number, Name: "telephone-event", Clock: clock})
	}
	return types
}

// BuildOffer writes an offer with all our codecs.
func BuildOffer(l Local) []byte {
	l = l.withDefaults()
	var b bytes.Buffer
	writeSession(&b, l)
	writeAudio(&b, l, "RTP/AVP", offered(l), l.Direction, false)
	return b.Bytes()
}

// Accept reads the peer's answer to our offer made with l. The peer may send
// any codec of ours that its answer lists; we send the first. Errors:
// ErrMalformed, ErrNoAudio when our stream was refused, ErrNotAcceptable when
// the answer names nothing we offered.
func Accept(answer []byte, l Local) (Negotiated, error) {
	d, err := Parse(answer)
	if err != nil {
		return Negotiated{}, err
	}
	l = l.withDefaults()
	if len(d.Streams) == 0 || d.Streams[0].Kind != "audio" || d.Streams[0].Port == 0 {
		return Negotiated{}, ErrNoAudio
	}
	s := d.Streams[0]
	a := agreed{stream: s}
	var accept []rtp.PayloadType
	for _, t := range s.Types {
		k := t.kind()
		if k == codec.None || !slices.Contains(l.Codecs, k) {
			continue
		}
		if len(accept) == 0 {
			a.audio = t
		}
		accept = append(accept, rtp.PayloadType{Number: t.Number, Codec: k})
	}
	if len(accept) == 0 {
		return Negotiated{}, ErrNotAcceptable
	}
	a.event = events(s, a.audio.Clock, l)
	theirs := s.Direction
	if s.Addr.IsValid() && s.Addr.IsUnspecified() {
		theirs = direction(theirs.Sends(), false)
	}
	a.mine = direction(theirs.Receives() && l.Direction.Sends(), theirs.Sends() && l.Direction.Receives())
	a.stream.Mux = false // we did not offer it
	n := negotiated(a, theirs)
	n.Params.Accept = accept
	return n, nil
}
