package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
)

// phoneCall is a customer's call from a browser.
type phoneCall struct {
	leg   *call.Leg
	typed chan byte // keys typed on the page rather than sent in the audio
}

// phoneCaller is the number that calls from the test phone show.
const phoneCaller = "web"

// Dial implements httpapi.Phone.
func (c *Center) Dial(ctx context.Context, callID, number, language, sdp string, send func(kind string, data any) bool) error {
	if c.draining.Load() {
		return account.ErrBusy
	}
	n, ok := c.setup().number(number, "")
	if !ok {
		return fmt.Errorf("%w: number", account.ErrNotFound)
	}
	if language != "" {
		n.Language = language
	}
	leg, answer, err := c.calls.NewBrowserLeg(ctx, call.BrowserRequest{
		ID: id.New(id.Leg), Party: call.Customer, Offer: sdp, Dialled: n.Number, Caller: phoneCaller,
		OnCandidate: func(raw []byte) { send("rtc.candidate", map[string]any{"candidate": json.RawMessage(raw)}) },
	})
	if err != nil {
		return fmt.Errorf("test phone: %w", err)
	}
	p := &phoneCall{leg, make(chan byte, 64)}
	c.mu.Lock()
	c.phones[callID] = p
	c.mu.Unlock()
	send("rtc.answer", map[string]any{"sdp": answer})
	send("ringing", nil)
	c.work.Go(func() {
		select {
		case <-leg.Answered():
			send("answered", nil)
			c.begin(leg, n, p.typed)
		case <-leg.Done():
		case <-c.ctx.Done():
			leg.Hangup(call.SystemError)
		}
		<-leg.Done()
		c.mu.Lock()
		delete(c.phones, callID)
		c.mu.Unlock()
		send("ended", map[string]any{"reason": leg.End().Reason})
	})
	return nil
}

func (c *Center) phone(callID string) *phoneCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phones[callID]
}

// PhoneSignal is Signal of httpapi.Phone.
func (c *Center) PhoneSignal(_ context.Context, callID, kind string, data json.RawMessage) error {
	p := c.phone(callID)
	if p == nil {
		return account.ErrNotFound
	}
	switch kind {
	case "rtc.candidate":
		var m rtcCandidate
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%w: rtc.candidate: %w", account.ErrState, err)
		}
		return p.leg.AddCandidate(m.Candidate)
	case "digit":
		var m struct {
			Digit string `json:"digit"`
		}
		if err := json.Unmarshal(data, &m); err != nil || len(m.Digit) != 1 || !strings.Contains("0123456789*#ABCD", m.Digit) {
			return fmt.Errorf("%w: digit must be one of 0-9 * # A-D", account.ErrState)
		}
		select {
		case p.typed <- m.Digit[0]:
		default: // more keys than anybody reads: as on a telephone, they are lost
		}
		return nil
	}
	return fmt.Errorf("%w: unknown message %q", account.ErrState, kind)
}

// Hangup implements httpapi.Phone.
func (c *Center) Hangup(callID string) {
	if p := c.phone(callID); p != nil {
		p.leg.Hangup(call.CustomerDisconnect)
	}
}
