package webrtc

import (
	"context"
	"fmt"
	"strings"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// clientEvents is the payload type under which a client offers digits.
const clientEvents = 126

// NewClient makes the browser's side of a leg, for callers and agents that are
// simulated, with a socket of its own as browsers have: it offers the G.711 and
// G.722 codecs of cfg.Prefs and digits, and speaks the first one that is
// answered. Our candidates are in the offer; OnCandidate gives those that come
// later. Connect takes the answer.
func (a *API) NewClient(ctx context.Context, cfg LegConfig) (leg *Leg, offer string, err error) {
	l, err := a.newLeg(cfg, true)
	if err != nil {
		return nil, "", err
	}
	l.rate = media.Rate8k
	o := ours{formats: offerable(cfg.Prefs.codecs()), setup: "actpass", direction: "sendrecv"}
	if err := l.describe(ctx, &o); err != nil {
		_ = l.Close()
		return nil, "", err
	}
	return l, o.String(), nil
}

// offerable lists codecs under their static payload types.
func offerable(kinds []codec.Kind) []offered {
	var list []offered
	for _, k := range kinds {
		if pt, ok := k.PayloadType(); ok {
			list = append(list, offered{payloadType: pt, name: strings.ToUpper(k.String()), clock: k.Clock(), channels: 1})
		}
	}
	return append(list, offered{payloadType: clientEvents, name: "TELEPHONE-EVENT", clock: 8000, channels: 1})
}

// Connect gives a client the answer to its offer.
func (l *Leg) Connect(answer string) error {
	d, err := parseDescription(answer)
	if err != nil {
		return err
	}
	l.mu.Lock()
	again := l.remote != nil
	l.mu.Unlock()
	if again || !l.client {
		return fmt.Errorf("%w: not waiting for an answer", ErrState)
	}
	prefs := Prefs{}
	for _, o := range d.formats {
		if k, ok := codec.Parse(o.name); ok && k != codec.Opus {
			prefs.Codecs = append(prefs.Codecs, k)
		}
	}
	if l.choice, err = choose(d.formats, prefs); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	if err := l.prepare(); err != nil {
		return err
	}
	l.down.muted = d.direction == "sendonly" || d.direction == "inactive"
	l.start(d, true)
	return nil
}
