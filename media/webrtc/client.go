package webrtc

import (
	"context"
	"fmt"
	"net"

	pion "github.com/pion/webrtc/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// clientEvents is the payload type under which a client offers digits.
const clientEvents = 126

// NewClient makes the browser's side of a leg, for callers and agents that are
// simulated: it offers the G.711 and G.722 codecs of cfg.Prefs and digits, and
// speaks the first one that is answered. Our candidates are in the offer;
// OnCandidate gives those that come later. Connect takes the answer.
func (a *API) NewClient(ctx context.Context, cfg LegConfig) (leg *Leg, offer string, err error) {
	l := &Leg{api: a, cfg: cfg, rate: media.Rate8k, connected: make(chan struct{}), done: make(chan struct{})}
	if l.pc, err = a.connection(a.clientSettings(), offerable(cfg.Prefs.codecs())); err != nil {
		return nil, "", err
	}
	if err := a.add(l); err != nil {
		_ = l.pc.Close()
		return nil, "", err
	}
	l.handle()
	if offer, err = l.offer(ctx); err != nil {
		_ = l.Close()
		return nil, "", err
	}
	return l, offer, nil
}

// clientSettings give every client a socket of its own, as browsers have: the
// other side tells those that share its one socket apart by their addresses.
func (a *API) clientSettings() pion.SettingEngine {
	s := a.settings
	s.SetICEUDPMux(nil)
	if ip := a.Addr().Addr(); !ip.IsUnspecified() {
		s.SetIPFilter(func(candidate net.IP) bool { return candidate.Equal(ip.AsSlice()) })
	}
	return s
}

// offerable lists codecs under their static payload types.
func offerable(kinds []codec.Kind) []pion.RTPCodecParameters {
	var list []pion.RTPCodecParameters
	for _, k := range kinds {
		if pt, ok := k.PayloadType(); ok {
			list = append(list, pion.RTPCodecParameters{
				RTPCodecCapability: pion.RTPCodecCapability{MimeType: "audio/" + k.String(), ClockRate: k.Clock()}, PayloadType: pion.PayloadType(pt),
			})
		}
	}
	return append(list, pion.RTPCodecParameters{
		RTPCodecCapability: pion.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 8000}, PayloadType: clientEvents,
	})
}

func (l *Leg) offer(ctx context.Context) (string, error) {
	rtpSender, err := l.pc.AddTrack(&l.down)
	if err != nil {
		return "", fmt.Errorf("webrtc: add track: %w", err)
	}
	description, err := l.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("webrtc: offer: %w", err)
	}
	if err := l.gather(ctx, description); err != nil {
		return "", err
	}
	l.run(func() { l.readReports(rtpSender.Read) })
	return l.pc.LocalDescription().SDP, nil
}

// Connect gives a client the answer to its offer.
func (l *Leg) Connect(answer string) error {
	list, err := parseOffer(answer)
	if err != nil {
		return err
	}
	prefs := Prefs{}
	for _, o := range list {
		if k, ok := codec.Parse(o.name); ok && k != codec.Opus {
			prefs.Codecs = append(prefs.Codecs, k)
		}
	}
	if l.choice, err = choose(list, prefs); err != nil {
		return err
	}
	if err := l.prepare(); err != nil {
		return err
	}
	if err := l.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return nil
}
