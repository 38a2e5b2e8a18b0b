package call

import (
	"cmp"
	"errors"
	"net/netip"
	"time"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

// Errors of the package, to be compared with errors.Is.
var (
	// ErrEnded is returned when the leg is over, or the call closed.
	ErrEnded = errors.New("call: ended")
	// ErrNoPort is returned when all media ports are in use.
	ErrNoPort = errors.New("call: no free media port")
	// ErrNotAcceptable is a session description without a codec in common.
	ErrNotAcceptable = errors.New("call: no codec in common")
	// ErrState is a call that does not fit the state of the leg or call.
	ErrState = errors.New("call: not possible in this state")
	// ErrUnknownLeg is a leg that is not in the call.
	ErrUnknownLeg = errors.New("call: no such leg in this call")
	// ErrFull is returned when a call has as many parties as it may have.
	ErrFull = errors.New("call: too many parties")
	// ErrPrompt is a prompt that cannot be read or is empty.
	ErrPrompt = errors.New("call: unusable prompt")
	// ErrRecording is returned when a call is being recorded already.
	ErrRecording = errors.New("call: recording already")
	// ErrNoSIP, ErrNoBrowser: the part that this needs is not configured.
	ErrNoSIP     = errors.New("call: no SIP endpoint")
	ErrNoBrowser = errors.New("call: no browser media")
)

// MaxParties is how many people may talk in one call, and MaxSupervisors how
// many may supervise it beside them.
const (
	MaxParties     = 6
	MaxSupervisors = 8
)

// Config configures a Control. Ports is required for SIP legs; every other
// field has a working default.
type Config struct {
	// Ports gives the RTP ports of SIP legs.
	Ports *rtp.PortPool
	// ExternalIP is put into session descriptions instead of the local address
	// towards the peer, for one-to-one NAT.
	ExternalIP netip.Addr
	// Codecs of SIP legs, best first. Defaults to PCMA, PCMU, G722.
	Codecs []codec.Kind
	// InbandDigits listens for DTMF tones on SIP legs whose peer has no
	// telephone-event. Such legs are not relayed.
	InbandDigits bool
	// RTPTimeout ends an answered SIP leg that sends neither RTP nor RTCP and is
	// not on hold. Defaults to 30s.
	RTPTimeout time.Duration
	// BrowserTimeout ends a browser leg whose media was lost and did not come
	// back. Defaults to 2min.
	BrowserTimeout time.Duration
	// SignalTimeout bounds every wait for an answer to our own signalling (BYE,
	// re-INVITE). Defaults to 5s.
	SignalTimeout time.Duration
	// PromptBytes bounds the memory of cached prompts. Defaults to 64 MiB.
	PromptBytes int64
	// ToneLevel is the level of Call.Tone in dBFS. Defaults to -10.
	ToneLevel float64
}

func (c Config) withDefaults() Config {
	if len(c.Codecs) == 0 {
		c.Codecs = []codec.Kind{codec.PCMA, codec.PCMU, codec.G722}
	}
	c.RTPTimeout = cmp.Or(c.RTPTimeout, 30*time.Second)
	c.BrowserTimeout = cmp.Or(c.BrowserTimeout, 2*time.Minute)
	c.SignalTimeout = cmp.Or(c.SignalTimeout, 5*time.Second)
	c.PromptBytes = cmp.Or(c.PromptBytes, 64<<20)
	c.ToneLevel = cmp.Or(c.ToneLevel, -10)
	return c
}
