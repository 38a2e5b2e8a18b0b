// Package sdp negotiates one audio stream by offer and answer (RFC 3264) on
// descriptions of RFC 8866. It reads what comes from outside defensively and
// writes answers that list exactly what may be sent.
package sdp

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

// Errors of the package; match with errors.Is.
var (
	ErrMalformed     = errors.New("sdp: malformed")              // SIP 400
	ErrNotAcceptable = errors.New("sdp: no codec in common")     // SIP 488
	ErrNoAudio       = errors.New("sdp: no usable audio stream") // SIP 488
)

// Direction of a stream, seen from the side that writes it.
type Direction string

// The directions (RFC 8866 §6.7).
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends reports whether who writes this sends audio.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether who writes this wants audio.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// direction puts the two halves together.
func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// Bounds of what is read.
const (
	maxSize  = 16 << 10
	maxMedia = 16
	maxTypes = 64
)

// Type is one payload type of an audio stream.
type Type struct {
	Number uint8
	Name   string // encoding name as written
	Clock  uint32
	FMTP   string
}

// Stream is one m-line.
type Stream struct {
	Kind      string // audio, video, image …
	Port      uint16 // 0: rejected
	Protocol  string // RTP/AVP …
	Formats   []string
	Addr      netip.Addr // of its c= line, or the session's; invalid for a host name
	Direction Direction
	PTime     time.Duration // 0: not said
	Mux       bool
	RTCP      netip.AddrPort // of a=rtcp (RFC 3605); invalid when absent
	Types     []Type         // known by rtpmap or static number, in order of the m-line
}

// Description is what we read of an offer or an answer.
type Description struct {
	ID, Version uint64
	Streams     []Stream
}

// Parse reads a description. It fails with ErrMalformed.
func Parse(b []byte) (*Description, error) {
	if len(b) == 0 || len(b) > maxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	plain, medias, err := takeMedia(b)
	if err != nil {
		return nil, err
	}
	var raw pion.SessionDescription
	if err := raw.Unmarshal(plain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(raw.MediaDescriptions) != len(medias) {
		return nil, fmt.Errorf("%w: m-lines", ErrMalformed)
	}
	d := &Description{ID: raw.Origin.SessionID, Version: raw.Origin.SessionVersion}
	session := SendRecv
	for _, a := range raw.Attributes {
		if dir, ok := parseDirection(a.Key); ok {
			session = dir
		}
	}
	for i, m := range raw.MediaDescriptions {
		d.Streams = append(d.Streams, parseStream(medias[i], m, raw.ConnectionInformation, session))
	}
	return d, nil
}

// ParseOffer is Parse for an offer, which must hold a stream.
func ParseOffer(b []byte) (*Description, error) {
	d, err := Parse(b)
	if err == nil && len(d.Streams) == 0 {
		return nil, fmt.Errorf("%w: no m-line", ErrMalformed)
	}
	return d, err
}

// takeMedia reads the m-lines itself and puts plain ones in their place: the
// library refuses kinds and protocols it does not know, such as T.38 fax, but a
// stream we do not take must be refused by port 0, not by failing the call.
func takeMedia(b []byte) (plain []byte, medias []Stream, err error) {
	if !bytes.HasPrefix(b, []byte("v=0")) {
		return nil, nil, fmt.Errorf("%w: no v=0", ErrMalformed)
	}
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, "m=")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) < 4 || len(fields)-3 > maxTypes || len(medias) == maxMedia {
			return nil, nil, fmt.Errorf("%w: m-line %q", ErrMalformed, rest)
		}
		number, _, _ := strings.Cut(fields[1], "/") // "5000/2": a range of ports
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: port %q", ErrMalformed, number)
		}
		medias = append(medias, Stream{Kind: fields[0], Port: uint16(port), Protocol: fields[2], Formats: fields[3:]})
		lines[i] = "m=audio 9 RTP/AVP 0\r"
	}
	return []byte(strings.Join(lines, "\n")), medias, nil
}

func parseStream(s Stream, m *pion.MediaDescription, session *pion.ConnectionInformation, dir Direction) Stream {
	s.Direction = dir
	conn := session
	if m.ConnectionInformation != nil {
		conn = m.ConnectionInformation
	}
	if conn != nil && conn.Address != nil {
		s.Addr = parseAddr(conn.Address.Address)
	}
	maps, params := map[uint8]Type{}, map[uint8]string{}
	for _, a := range m.Attributes {
		s.attribute(a, maps, params)
	}
	if s.Kind == "audio" {
		s.Types = audioTypes(s.Formats, maps, params)
	}
	return s
}

// parseAddr reads an address, with or without a multicast TTL; a host name
// gives the invalid address.
func parseAddr(text string) netip.Addr {
	text, _, _ = strings.Cut(text, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}

func (s *Stream) attribute(a pion.Attribute, maps map[uint8]Type, params map[uint8]string) {
	switch a.Key {
	case "rtpmap":
		if t, ok := parseRTPMap(a.Value); ok {
			maps[t.Number] = t
		}
	case "fmtp":
		number, rest, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
		if n, err := strconv.ParseUint(number, 10, 7); err == nil {
			params[uint8(n)] = rest
		}
	case "ptime":
		if ms, err := strconv.ParseFloat(strings.TrimSpace(a.Value), 64); err == nil && ms >= 1 && ms <= 200 {
			s.PTime = time.Duration(ms * float64(time.Millisecond))
		}
	case "rtcp-mux":
		s.Mux = true
	case "rtcp":
		fields := strings.Fields(a.Value)
		if len(fields) == 0 {
			return
		}
		port, err := strconv.ParseUint(fields[0], 10, 16)
		if err != nil {
			return
		}
		addr := s.Addr
		if len(fields) == 4 {
			addr = parseAddr(fields[3])
		}
		s.RTCP = netip.AddrPortFrom(addr, uint16(port))
	default:
		if dir, ok := parseDirection(a.Key); ok {
			s.Direction = dir
		}
	}
}

func parseDirection(key string) (Direction, bool) {
	switch d := Direction(key); d {
	case SendRecv, SendOnly, RecvOnly, Inactive:
		return d, true
	}
	return "", false
}

// parseRTPMap reads "96 opus/48000/2".
func parseRTPMap(value string) (Type, bool) {
	number, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	n, err := strconv.ParseUint(number, 10, 7)
	if !ok || err != nil {
		return Type{}, false
	}
	parts := strings.Split(strings.TrimSpace(rest), "/")
	if len(parts) < 2 {
		return Type{}, false
	}
	clock, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil || clock == 0 || clock > 192_000 || len(parts) > 2 && parts[2] != "1" && parts[2] != "2" {
		return Type{}, false
	}
	return Type{Number: uint8(n), Name: parts[0], Clock: uint32(clock)}, true
}

// audioTypes lists the payload types of an m-line that can be named: those with
// an rtpmap, and the static ones (RFC 3551 §6) without.
func audioTypes(formats []string, maps map[uint8]Type, params map[uint8]string) []Type {
	var types []Type
	seen := [128]bool{}
	for _, f := range formats {
		n, err := strconv.ParseUint(f, 10, 7)
		if err != nil || seen[n] {
			continue
		}
		seen[n] = true
		t, ok := maps[uint8(n)]
		if !ok {
			k, static := codec.Static(uint8(n))
			if !static {
				continue
			}
			t = Type{Number: uint8(n), Name: k.String(), Clock: k.Clock()}
		}
		t.FMTP = params[uint8(n)]
		types = append(types, t)
	}
	return types
}

// kind returns the codec of a payload type if it is one of ours at its clock.
func (t Type) kind() codec.Kind {
	k, ok := codec.Parse(t.Name)
	if !ok || k.Clock() != t.Clock {
		return codec.None
	}
	return k
}

func (t Type) isEvent() bool { return strings.EqualFold(t.Name, "telephone-event") }

// Local is our side of a session.
type Local struct {
	// Addr is the address put into the c= line, Port our RTP port.
	Addr netip.Addr
	Port uint16
	// ID and Version are those of the o= line; Session keeps them.
	ID, Version uint64
	// Codecs are those we speak, best first. Defaults to PCMA, PCMU, G722.
	Codecs []codec.Kind
	// NoEvents leaves telephone-event out.
	NoEvents bool
	// Direction we want. Defaults to sendrecv; SendOnly puts the peer on hold.
	Direction Direction
	// PTime defaults to 20ms.
	PTime time.Duration

	event rtp.EventType // number agreed on earlier in the dialog
}

func (l Local) withDefaults() Local {
	if len(l.Codecs) == 0 {
		l.Codecs = []codec.Kind{codec.PCMA, codec.PCMU, codec.G722}
	}
	l.Direction = cmp.Or(l.Direction, SendRecv)
	l.PTime = cmp.Or(l.PTime, 20*time.Millisecond)
	l.ID = cmp.Or(l.ID, rand.Uint64()>>2) // a peer may read it as a signed number
	l.Version = cmp.Or(l.Version, 1)
	return l
}

// Negotiated is what offer and answer agreed on.
type Negotiated struct {
	Params rtp.Params
	// Held reports that the peer does not want our audio: sendonly, inactive, or
	// the old c=0.0.0.0 (RFC 2543; RFC 3264 §8.4).
	Held bool
}
