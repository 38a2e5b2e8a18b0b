package webrtc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
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

// parseFormats lists the payload types of a section in its order.
func parseFormats(section *sdp.MediaDescription) ([]offered, error) {
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

// formats lists the choice in the order of the answer.
func (c choice) formats() []offered {
	var list []offered
	if c.up != nil {
		up := *c.up
		up.fmtp = opusParameters(up.fmtp)
		list = append(list, up)
	}
	list = append(list, c.down)
	if c.digits != nil {
		list = append(list, *c.digits)
	}
	return list
}

// opusParameters are what we ask of a browser's Opus, beside what it offers:
// discontinuous transmission, and no more than the 16 kHz that we play
// (RFC 7587 §6.1), which is less to encode, send and decode.
func opusParameters(offered string) string {
	list := strings.FieldsFunc(offered, func(r rune) bool { return r == ';' || r == ' ' })
	for _, want := range []string{"usedtx=1", "maxplaybackrate=16000"} {
		key, _, _ := strings.Cut(want, "=")
		list = slices.DeleteFunc(list, func(p string) bool { return strings.HasPrefix(p, key+"=") })
		list = append(list, want)
	}
	return strings.Join(list, ";")
}

// mapping is the value of an rtpmap (RFC 8866 §6.6).
func (o offered) mapping() string {
	name := o.name
	switch name {
	case "OPUS", "TELEPHONE-EVENT":
		name = strings.ToLower(name)
	}
	if o.channels > 1 {
		return fmt.Sprintf("%s/%d/%d", name, o.clock, o.channels)
	}
	return fmt.Sprintf("%s/%d", name, o.clock)
}
