package call

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/webrtc"
)

// webLink is a browser.
type webLink struct {
	leg    *Leg
	web    *webrtc.Leg
	closed chan struct{} // media was lost for too long

	mu    sync.Mutex
	timer *time.Timer // runs while media is lost
	over  bool
}

var _ link = (*webLink)(nil)

func newWebLink(ctx context.Context, l *Leg, r BrowserRequest) (*webLink, string, error) {
	w := &webLink{leg: l, closed: make(chan struct{})}
	wanted, _ := codec.Parse(cmp.Or(r.Codec, "PCMA"))
	web, answer, err := l.ctl.rtc.NewLeg(ctx, webrtc.LegConfig{
		ID:          l.ID(),
		Prefs:       webrtc.Prefs{Codecs: []codec.Kind{wanted, codec.PCMA, codec.PCMU}, OpusUp: r.Transcribe},
		OnCandidate: r.OnCandidate,
		OnConnected: l.up,
		OnDigit:     func(key byte, d time.Duration) { l.keypad.press(key, d, byMedia, time.Now()) },
		OnLost:      w.lost,
	}, r.Offer)
	if err != nil {
		return nil, "", err
	}
	w.web = web
	return w, answer, nil
}

// lost starts or stops the time after which a silent browser ends the leg.
func (w *webLink) lost(lost bool) {
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if lost && !w.over {
		w.timer = time.AfterFunc(w.leg.ctl.cfg.BrowserTimeout, w.expire)
	}
	over := w.over
	w.mu.Unlock()
	if !over {
		w.leg.mediaLost(lost)
	}
}

// expire ends the leg from afar, once.
func (w *webLink) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.over = true
		close(w.closed)
	}
}

func (w *webLink) party() media.Party { return w.web }

func (w *webLink) describe(i *Info) { i.Codec = w.web.Codec().String() }

func (w *webLink) dialog() []byte                      { return nil }
func (w *webLink) ring() error                         { return nil }
func (w *webLink) progress(context.Context) error      { return nil }
func (w *webLink) answer(context.Context) error        { return nil }
func (w *webLink) reject(int, string) error            { return ErrState }
func (w *webLink) hold(context.Context, bool) error    { return ErrState }
func (w *webLink) sendDigits(digits string) error      { return w.web.SendDigits(digits) }
func (w *webLink) addCandidate(candidate []byte) error { return w.web.AddCandidate(candidate) }
func (w *webLink) gone() <-chan struct{}               { return w.closed }

func (w *webLink) why(p Party) End {
	reason := TelecomProblem
	if p == Agent {
		reason = AgentLost
	}
	return End{Reason: reason, ByRemote: true}
}

func (w *webLink) end(End, bool) {
	w.mu.Lock()
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	if err := w.web.Close(); err != nil {
		w.leg.ctl.log.Debug("browser leg not closed cleanly", "leg", w.leg.ID(), "err", err)
	}
}

func (w *webLink) stats() Stats {
	s := w.web.Stats()
	return Stats{
		Codec: s.Codec, PacketsReceived: s.PacketsReceived, PacketsSent: s.PacketsSent,
		PacketsLost: uint64(max(s.PacketsLost, 0)), PacketsLate: s.PacketsLate, FramesConcealed: s.FramesConcealed,
		JitterMS: milliseconds(s.Jitter), JitterBufferMS: milliseconds(s.JitterBuffer),
		RoundTripMS: milliseconds(s.RoundTrip), MOS: s.MOS,
	}
}
