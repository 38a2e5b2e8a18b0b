package webrtc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/openhotline/hotline/media/rtp"
)

// description is what we need of the other side's offer or answer (RFC 8829).
type description struct {
	sections []section
	index    int // of the audio section
	formats  []offered

	bundled    bool
	ufrag, pwd string
	lite       bool   // it answers connectivity checks only (RFC 8445 §2.5)
	mux        bool   // RTCP comes where RTP does (RFC 5761)
	reduced    bool   // RTCP packets need not be compounds (RFC 5506)
	setup      string // who begins DTLS (RFC 8842)
	direction  string
	prints     []fingerprinted
	candidates []string
}

// section is one m= line of any kind.
type section struct {
	media, mid string
	protos     []string
	formats    []string
}

// parseDescription reads the first audio section that is not refused, and the
// transport that belongs to it.
func parseDescription(text string) (*description, error) {
	var s sdp.SessionDescription
	if err := s.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	d := &description{index: -1, direction: "sendrecv"}
	for i, m := range s.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		name := m.MediaName
		d.sections = append(d.sections, section{media: name.Media, mid: mid, protos: name.Protos, formats: name.Formats})
		if d.index < 0 && name.Media == "audio" && name.Port.Value != 0 {
			d.index = i
		}
	}
	if d.index < 0 {
		return nil, fmt.Errorf("%w: no audio section", ErrOffer)
	}
	var err error
	if d.formats, err = parseFormats(s.MediaDescriptions[d.index]); err != nil {
		return nil, err
	}
	// What a section does not say, the session says for all.
	for _, a := range s.Attributes {
		d.take(a)
	}
	prints := d.prints
	d.prints = nil
	for _, a := range s.MediaDescriptions[d.index].Attributes {
		d.take(a)
	}
	if len(d.prints) == 0 {
		d.prints = prints
	}
	return d, nil
}

// take reads an attribute of the session or of the audio section.
func (d *description) take(a sdp.Attribute) {
	switch a.Key {
	case "group":
		words := strings.Fields(a.Value)
		d.bundled = d.bundled || len(words) > 1 && words[0] == "BUNDLE" && slices.Contains(words[1:], d.mid())
	case "ice-ufrag":
		d.ufrag = a.Value
	case "ice-pwd":
		d.pwd = a.Value
	case "ice-lite":
		d.lite = true
	case "rtcp-mux":
		d.mux = true
	case "rtcp-rsize":
		d.reduced = true
	case "setup":
		d.setup = a.Value
	case "sendrecv", "sendonly", "recvonly", "inactive":
		d.direction = a.Key
	case "fingerprint":
		if algorithm, value, ok := strings.Cut(a.Value, " "); ok {
			d.prints = append(d.prints, fingerprinted{algorithm, strings.TrimSpace(value)})
		}
	case "candidate":
		d.candidates = append(d.candidates, a.Value)
	}
}

// mid names the audio section.
func (d *description) mid() string { return d.sections[d.index].mid }

// check tells what a transport lacks.
func (d *description) check() error {
	switch {
	case d.ufrag == "" || d.pwd == "":
		return fmt.Errorf("%w: no ICE credentials", ErrOffer)
	case len(d.prints) == 0:
		return fmt.Errorf("%w: no certificate fingerprint", ErrOffer)
	case !d.mux:
		return fmt.Errorf("%w: no rtcp-mux", ErrOffer)
	}
	return nil
}

// answerDirection is our direction towards an offered one (RFC 3264 §6.1).
func (d *description) answerDirection() string {
	switch d.direction {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return d.direction
}

// answersActive tells whether we begin DTLS, having been offered this: we do
// unless the other side insists.
func (d *description) answersActive() bool { return d.setup != "active" }

// ours is what an offer or answer of ours says.
type ours struct {
	to          *description // the offer that is answered; nil for an offer
	formats     []offered
	ufrag, pwd  string
	fingerprint string
	setup       string
	direction   string
	ssrc        uint32
	candidates  []string
	complete    bool // there will be no further candidates
}

// clientMid names the audio section of our own offers.
const clientMid = "0"

func (o *ours) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0")
	line("o=- %d 1 IN IP4 0.0.0.0", rand.Int64())
	line("s=-")
	line("t=0 0")
	if o.to == nil {
		line("a=group:BUNDLE %s", clientMid)
		o.audio(line, clientMid)
		return b.String()
	}
	if o.to.bundled {
		line("a=group:BUNDLE %s", o.to.mid())
	}
	for i, s := range o.to.sections {
		if i == o.to.index {
			o.audio(line, s.mid)
			continue
		}
		// Port 0 refuses it (RFC 3264 §6).
		line("m=%s 0 %s %s", s.media, strings.Join(s.protos, "/"), strings.Join(s.formats, " "))
		line("c=IN IP4 0.0.0.0")
		if s.mid != "" {
			line("a=mid:%s", s.mid)
		}
		line("a=inactive")
	}
	return b.String()
}

// audio writes the audio section.
func (o *ours) audio(line func(string, ...any), mid string) {
	var numbers []string
	for _, f := range o.formats {
		numbers = append(numbers, strconv.Itoa(int(f.payloadType)))
	}
	line("m=audio 9 UDP/TLS/RTP/SAVPF %s", strings.Join(numbers, " "))
	line("c=IN IP4 0.0.0.0")
	line("a=setup:%s", o.setup)
	if mid != "" {
		line("a=mid:%s", mid)
	}
	line("a=ice-ufrag:%s", o.ufrag)
	line("a=ice-pwd:%s", o.pwd)
	line("a=ice-options:trickle")
	line("a=fingerprint:sha-256 %s", o.fingerprint)
	line("a=rtcp-mux")
	if o.to == nil || o.to.reduced {
		line("a=rtcp-rsize")
	}
	for _, f := range o.formats {
		line("a=rtpmap:%d %s", f.payloadType, f.mapping())
		if f.fmtp != "" {
			line("a=fmtp:%d %s", f.payloadType, f.fmtp)
		}
	}
	name := rtp.CNAME(o.ssrc)
	line("a=msid:hotline audio")
	line("a=ssrc:%d cname:%s", o.ssrc, name[:])
	line("a=ssrc:%d msid:hotline audio", o.ssrc)
	line("a=%s", o.direction)
	for _, c := range o.candidates {
		line("a=candidate:%s", c)
	}
	if o.complete {
		line("a=end-of-candidates")
	}
}
