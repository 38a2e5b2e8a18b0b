package webrtc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"
)

// offered is one payload type of the browser's audio section.
type offered struct {
	payloadType uint8
	name        string // upper case
	clock       uint32
	channels    uint16
	fmtp        string
}

// staticTypes are the payload types that need no rtpmap (RFC 3551 §6).
var staticTypes = map[uint8]offered{
	0: {0, "PCMU", 8000, 1, ""},
	8: {8, "PCMA", 8000, 1, ""},
	9: {9, "G722", 8000, 1, ""},
}

// parseOffer lists the payload types of the first audio section that is not
// refused, in the browser's order.
func parseOffer(text string) ([]offered, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	i := slices.IndexFunc(desc.MediaDescriptions, func(m *sdp.MediaDescription) bool {
		return m.MediaName.Media == "audio"
	})
	if i < 0 {
		return nil, fmt.Errorf("%w: no audio section", ErrOffer)
	}
	section := desc.MediaDescriptions[i]
	list := make([]offered, 0, len(section.MediaName.Formats))
	for _, f := range section.MediaName.Formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			return nil, fmt.Errorf("%w: payload type %q", ErrOffer, f)
		}
		o, ok := describe(section, uint8(pt))
		if ok {
			list = append(list, o)
		}
	}
	return list, nil
}

// describe finds the rtpmap and fmtp of a payload type.
func describe(section *sdp.MediaDescription, pt uint8) (offered, bool) {
	o, ok := staticTypes[pt]
	o.payloadType = pt
	prefix := strconv.Itoa(int(pt)) + " "
	for _, a := range section.Attributes {
		value, mine := strings.CutPrefix(a.Value, prefix)
		switch {
		case !mine:
		case a.Key == "rtpmap":
			parts := strings.Split(strings.TrimSpace(value), "/")
			if len(parts) < 2 {
				continue
			}
			clock, err := strconv.ParseUint(parts[1], 10, 32)
			if err != nil {
				continue
			}
			o.name, o.clock, o.channels, ok = strings.ToUpper(parts[0]), uint32(clock), 1, true
			if len(parts) > 2 {
				if n, err := strconv.ParseUint(parts[2], 10, 16); err == nil {
					o.channels = uint16(n)
				}
			}
		case a.Key == "fmtp":
			o.fmtp = strings.TrimSpace(value)
		}
	}
	return o, ok
}

// choice is what the answer will list, in this order.
type choice struct {
	down   offered  // what we send; what the browser sends too unless up is set
	up     *offered // Opus, when the browser is to send that
	digits *offered // telephone-event of the clock rate of what the browser sends
}

// choose picks from an offer: the first of prefs.Codecs for the way down, Opus
// for the way up when wanted and offered.
func choose(list []offered, prefs Prefs) (choice, error) {
	var c choice
	find := func(name string, clock uint32) *offered {
		i := slices.IndexFunc(list, func(o offered) bool { return o.name == name && o.clock == clock })
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	for _, want := range prefs.codecs() {
		if o := find(strings.ToUpper(want.String()), 8000); o != nil {
			c.down = *o
			break
		}
	}
	if c.down.name == "" {
		return choice{}, ErrCodec
	}
	if prefs.OpusUp {
		c.up = find("OPUS", 48000)
	}
	clock := uint32(8000)
	if c.up != nil {
		clock = 48000
	}
	c.digits = find("TELEPHONE-EVENT", clock)
	return c, nil
}

// parameters lists the choice as pion wants it, in the order of the answer.
func (c choice) parameters() []pion.RTPCodecParameters {
	var list []pion.RTPCodecParameters
	add := func(o *offered, mime string) {
		if o == nil {
			return
		}
		channels := o.channels
		if mime != pion.MimeTypeOpus {
			channels = 0
		}
		list = append(list, pion.RTPCodecParameters{
			RTPCodecCapability: pion.RTPCodecCapability{MimeType: mime, ClockRate: o.clock, Channels: channels, SDPFmtpLine: o.fmtp},
			PayloadType:        pion.PayloadType(o.payloadType),
		})
	}
	add(c.up, pion.MimeTypeOpus)
	add(&c.down, "audio/"+c.down.name)
	add(c.digits, "audio/telephone-event")
	return list
}

// tune adds usedtx=1 to Opus in an answer, which switches the browser's
// discontinuous transmission on (RFC 7587 §7.1).
func (c choice) tune(answer string) string {
	if c.up == nil {
		return answer
	}
	fmtp, rtpmap := fmt.Sprintf("a=fmtp:%d ", c.up.payloadType), fmt.Sprintf("a=rtpmap:%d ", c.up.payloadType)
	present := strings.Contains(answer, fmtp)
	var b strings.Builder
	for line := range strings.Lines(answer) {
		text := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(text, fmtp) && !strings.Contains(text, "usedtx=") {
			text += ";usedtx=1"
		}
		b.WriteString(text + "\r\n")
		if !present && strings.HasPrefix(text, rtpmap) {
			b.WriteString(fmtp + "usedtx=1\r\n")
		}
	}
	return b.String()
}
