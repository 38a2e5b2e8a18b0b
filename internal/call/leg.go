package call

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
)

// Kind tells how a leg is connected.
type Kind string

// The kinds of legs.
const (
	SIP     Kind = "sip"
	Browser Kind = "browser"
)

// Info describes a leg.
type Info struct {
	ID       string
	Kind     Kind
	Party    Party
	Outbound bool // we called
	// Dialled is the number called, Caller and CallerName who called.
	Dialled, Caller, CallerName string
	LineID, DeviceID            string
	Transport                   string // udp, tcp, tls, webrtc
	Codec                       string // what we send: PCMA, PCMU, G722; empty before negotiation
	CallID                      string // SIP Call-ID
	Source                      netip.AddrPort
	PeerHolds                   bool // the other side has put us on hold
	StartedAt                   time.Time
	AnsweredAt                  time.Time // zero before the answer
}

// Stats is what a leg's media did. After the end they are the final figures.
type Stats struct {
	Codec           string  `json:"codec"`
	PacketsReceived uint64  `json:"packets_received"`
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsLost     uint64  `json:"packets_lost"`
	PacketsLate     uint64  `json:"packets_late"`
	FramesConcealed uint64  `json:"frames_concealed"`
	DigitsDropped   uint64  `json:"digits_dropped"` // nobody read them
	JitterMS        float64 `json:"jitter_ms"`
	JitterBufferMS  float64 `json:"jitter_buffer_ms"`
	RoundTripMS     float64 `json:"round_trip_ms"` // 0 when unknown
	MOS             float64 `json:"mos"`           // 1–4.5, ITU-T G.107 estimate; 0 when unknown
}

// link is what differs between a SIP and a browser leg.
type link interface {
	// party is what joins a room.
	party() media.Party
	// describe adds what only the link knows.
	describe(*Info)
	// dialog is what a restarted process needs to end it; nil when there is none.
	dialog() []byte
	ring() error
	progress(ctx context.Context) error
	answer(ctx context.Context) error
	reject(code int, phrase string) error
	sendDigits(digits string) error
	addCandidate(candidate []byte) error
	hold(ctx context.Context, hold bool) error
	stats() Stats
	// gone is closed when the other side ended the leg; why says how then.
	gone() <-chan struct{}
	why(p Party) End
	// end finishes signalling for a leg that we end, and media in any case. It
	// returns when nothing of the leg is left.
	end(e End, answered bool)
}

// Leg is one party's connection: a SIP dialog or a browser, with its media. All
// methods may be called from any goroutine.
type Leg struct {
	ctl    *Control
	link   link
	keypad *keypad

	ringing  chan struct{}
	answered chan struct{}
	done     chan struct{}

	mu       sync.Mutex // guards what follows; nothing is called while it is held
	info     Info       // what does not come from the link
	state    End
	ended    bool
	isUp     bool // answered is closed
	isRings  bool // ringing is closed
	isEarly  bool // sound comes, before the answer
	final    *Stats
	room     *Call // the call the leg is in
	onMedia  func(lost bool)
	onChange func()
}

func newLeg(ctl *Control, info Info) *Leg {
	info.StartedAt = time.Now()
	return &Leg{
		ctl: ctl, info: info, keypad: newKeypad(),
		ringing: make(chan struct{}), answered: make(chan struct{}), done: make(chan struct{}),
	}
}

// ID names the leg.
func (l *Leg) ID() string { return l.info.ID } // never changes

// Info describes the leg as it is now.
func (l *Leg) Info() Info {
	l.mu.Lock()
	info := l.info
	l.mu.Unlock()
	l.link.describe(&info)
	return info
}

// Dialog is what a restarted process needs to end a SIP leg: persist it before
// Answer, so that no crash leaves a caller behind, after it, and whenever
// OnChange tells. Nil for browsers, and for those whom we call until the INVITE
// was sent, of which OnChange tells with the first response.
func (l *Leg) Dialog() []byte { return l.link.dialog() }

// Header is the first value of a header of the INVITE that brought the leg;
// empty for a leg that we called, and for a browser.
func (l *Leg) Header(name string) string {
	if s, ok := l.link.(*sipLink); ok {
		return s.sip.Header(name)
	}
	return ""
}

// Party is the leg's role.
func (l *Leg) Party() Party { return l.info.Party } // never changes

// Ring tells an inbound caller that it rings (180). Nothing for others.
func (l *Leg) Ring() error { return l.link.ring() }

// Progress opens early media to an inbound caller (183), so that something can
// be played before, or instead of, an answer. It needs an early offer.
func (l *Leg) Progress(ctx context.Context) error { return l.link.progress(ctx) }

// Answer answers an inbound leg and waits for the acknowledgement. Legs that we
// dialled and browsers need no Answer. When it fails the leg ends.
func (l *Leg) Answer(ctx context.Context) error {
	if l.isDone() {
		return ErrEnded
	}
	if err := l.link.answer(ctx); err != nil {
		return fmt.Errorf("answer leg %s: %w", l.ID(), err)
	}
	l.up()
	return nil
}

// Reject refuses an inbound leg that is not answered yet, with a final SIP
// status of 300 to 699.
func (l *Leg) Reject(code int, phrase string) error {
	if l.isDone() {
		return ErrEnded
	}
	if err := l.link.reject(code, phrase); err != nil {
		return fmt.Errorf("reject leg %s: %w", l.ID(), err)
	}
	l.finish(End{Reason: FlowDisconnect, Status: code, Text: phrase})
	return nil
}

// Hangup ends the leg in any state, with the reason that End will give. It
// returns at once; only the first end counts.
func (l *Leg) Hangup(reason Reason) {
	end := End{Reason: reason}
	if l.info.Kind == SIP {
		switch {
		case l.isAnswered():
			end.Status = 200
		case l.info.Outbound:
			end.Status = 487
		default:
			end.Status, end.Text = refusal(reason)
		}
	}
	l.finish(end)
}

// Digits gives the digits the party pressed (0-9 * # A-D), each once, by
// whatever way it came. The channel is bounded: digits that nobody reads are
// dropped, newest first. It is never closed; select on Done too.
func (l *Leg) Digits() <-chan Digit { return l.keypad.out }

// SendDigits sends digits (0-9 * # A-D, comma for a pause) to the party.
func (l *Leg) SendDigits(digits string) error {
	if l.isDone() {
		return ErrEnded
	}
	return l.link.sendDigits(digits)
}

// Ringing is closed when a leg that we dialled rings: with 180, and with 183 that
// has a description as soon as its sound came (Sounds tells so before) or is late.
func (l *Leg) Ringing() <-chan struct{} { return l.ringing }

// Sounds tells whether sound of a leg that we dialled comes now, before the
// answer: a tone or an announcement of the network. OnChange tells when it begins
// and when it stops.
func (l *Leg) Sounds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isEarly && !l.isUp
}

// Answered is closed when audio can flow both ways: the call was answered, or
// the browser's media is connected.
func (l *Leg) Answered() <-chan struct{} { return l.answered }

// Done is closed when the leg has ended.
func (l *Leg) Done() <-chan struct{} { return l.done }

// End tells how it ended, once Done is closed.
func (l *Leg) End() End {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Stats gives the media's figures so far.
func (l *Leg) Stats() Stats {
	l.mu.Lock()
	final := l.final
	l.mu.Unlock()
	if final != nil {
		return *final
	}
	s := l.link.stats()
	s.DigitsDropped = l.keypad.dropped.Load()
	return s
}

// OnMedia sets who is told that the party's media was lost (a browser without
// RTP and RTCP for 1 s, or disconnected) and that it is back. It must not block.
func (l *Leg) OnMedia(f func(lost bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onMedia = f
}

// OnChange sets who is told that Info, Dialog or Sounds has changed: codec, hold,
// route, sound before the answer. It must not block.
func (l *Leg) OnChange(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onChange = f
}

// AddCandidate adds a trickled ICE candidate of the browser, the JSON of
// RTCIceCandidateInit. An empty candidate is the end of candidates.
func (l *Leg) AddCandidate(candidate []byte) error {
	if l.isDone() {
		return ErrEnded
	}
	return l.link.addCandidate(candidate)
}

// HoldPeer puts the other side of a SIP leg on hold by re-INVITE (sendonly), or
// takes it back. Calls do hold in the room; this is for handing a leg over.
func (l *Leg) HoldPeer(ctx context.Context, hold bool) error {
	if !l.isAnswered() || l.isDone() {
		return ErrState
	}
	return l.link.hold(ctx, hold)
}

func (l *Leg) isDone() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

func (l *Leg) isAnswered() bool {
	select {
	case <-l.answered:
		return true
	default:
		return false
	}
}

// rings notes that the called party rings.
func (l *Leg) rings() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isRings {
		l.isRings = true
		close(l.ringing)
	}
}

// sounds notes whether sound comes before the answer.
func (l *Leg) sounds(now bool) {
	l.mu.Lock()
	before := l.isEarly
	l.isEarly = now
	l.mu.Unlock()
	if now != before {
		l.changed()
	}
}

// calling tells whether we called the leg and it is not answered yet.
func (l *Leg) calling() bool { return l.info.Outbound && !l.isAnswered() } // Outbound never changes

// up notes the answer, once.
func (l *Leg) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isUp || l.ended {
		return
	}
	l.isUp = true
	l.info.AnsweredAt = time.Now()
	close(l.answered)
}

// finish notes the end; the first one counts. The leg's own goroutine (live)
// does the rest.
func (l *Leg) finish(e End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.state = true, e
	close(l.done)
}

// live owns the leg from its making to its end.
func (l *Leg) live() {
	select {
	case <-l.done:
	case <-l.link.gone():
		l.finish(l.link.why(l.Party()))
	}
	end := l.End()
	l.mu.Lock()
	room := l.room
	l.mu.Unlock()
	if room != nil {
		// A call that is being closed takes the leg out by itself.
		_ = room.do(func() error { room.remove(l); return nil })
	}
	final := l.Stats()
	l.mu.Lock()
	l.final = &final
	l.mu.Unlock()
	l.link.end(end, l.isAnswered())
	l.ctl.forget(l)
	l.ctl.log.Info("leg ended", "leg", l.ID(), "party", string(l.Party()), "reason", string(end.Reason),
		"status", end.Status, "by_remote", end.ByRemote, "received", final.PacketsReceived, "sent", final.PacketsSent,
		"lost", final.PacketsLost, "mos", final.MOS)
}

// changed tells the owner that something is not what it was.
func (l *Leg) changed() {
	l.mu.Lock()
	f := l.onChange
	l.mu.Unlock()
	if f != nil {
		f()
	}
}

// mediaLost tells the owner.
func (l *Leg) mediaLost(lost bool) {
	l.mu.Lock()
	f := l.onMedia
	l.mu.Unlock()
	if f != nil {
		f(lost)
	}
}

// enter claims the leg for a call: a party is ticked by one room only.
func (l *Leg) enter(c *Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return ErrEnded
	case l.room != nil && l.room != c:
		return fmt.Errorf("%w: leg %s is in another call", ErrState, l.info.ID)
	}
	l.room = c
	return nil
}

func (l *Leg) leave(c *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room == c {
		l.room = nil
	}
}
