package webrtc

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/openhotline/hotline/media/udp"
)

// Errors of the package, to be compared with errors.Is.
var (
	// ErrConfig is a configuration that cannot work.
	ErrConfig = errors.New("webrtc: invalid configuration")
	// ErrOffer is an offer that is not usable SDP or lacks an audio section.
	ErrOffer = errors.New("webrtc: unusable offer")
	// ErrCodec is an offer without any codec that we could send.
	ErrCodec = errors.New("webrtc: no common codec")
	// ErrCandidate is a malformed ICE candidate.
	ErrCandidate = errors.New("webrtc: unusable candidate")
	// ErrState is a call that does not fit the leg's state.
	ErrState = errors.New("webrtc: not possible in this state of the leg")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("webrtc: closed")
)

// ICEServer is a STUN or TURN server that we use ourselves; browsers are told
// theirs by the web pages.
type ICEServer struct {
	URLs       []string // "stun:host:port", "turn:host:port?transport=udp"
	Username   string
	Credential string
}

// Config configures an API. The zero value listens on a free port of all IPv4
// addresses.
type Config struct {
	// Address is the UDP address of all browser media, "host:port". A host of
	// IPv6 form listens on IPv6. Defaults to ":0", a free port.
	Address string
	// ExternalIPs are announced instead of the local addresses, for a host
	// behind one-to-one NAT.
	ExternalIPs []string
	// IncludeLoopback announces loopback addresses too, for browsers on the
	// same machine and for tests.
	IncludeLoopback bool
	// Readers receives for all browsers; SIP legs may share it. Defaults to one
	// of the API's own.
	Readers *udp.Group
	// ICEServers are asked for further candidates. Defaults to none.
	ICEServers []ICEServer
	// GatherTimeout bounds the wait for our own candidates before an answer is
	// given; later ones are trickled. Defaults to 500ms.
	GatherTimeout time.Duration
	// LostAfter is how long a connected leg may be without RTP and RTCP before
	// it counts as lost. Defaults to 1s.
	LostAfter time.Duration
}

func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, ":0")
	c.GatherTimeout = cmp.Or(c.GatherTimeout, 500*time.Millisecond)
	c.LostAfter = cmp.Or(c.LostAfter, time.Second)
	return c
}

func (c Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("%w: address %q: %w", ErrConfig, c.Address, err)
	}
	for _, ip := range c.ExternalIPs {
		if _, err := netip.ParseAddr(ip); err != nil {
			return fmt.Errorf("%w: external address %q: %w", ErrConfig, ip, err)
		}
	}
	if c.GatherTimeout < 0 || c.LostAfter < 0 {
		return fmt.Errorf("%w: negative time", ErrConfig)
	}
	return nil
}
