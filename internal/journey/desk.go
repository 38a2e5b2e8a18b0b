package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
)

// tab is one open workbench page of an agent.
type tab struct {
	id   string
	send func(kind string, data any) bool
}

// desk is where an agent sits: the open tabs, which of them is the softphone,
// and the browser's legs by conversation.
type desk struct {
	agentID string

	mu    sync.Mutex
	tabs  []tab
	phone string // id of the tab that is the softphone
	legs  map[string]*call.Leg
}

// send tells every tab of the agent.
func (d *desk) send(kind string, data any) {
	d.mu.Lock()
	tabs := append([]tab(nil), d.tabs...)
	d.mu.Unlock()
	for _, t := range tabs {
		t.send(kind, data)
	}
}

// softphone tells the tab that has the softphone.
func (d *desk) softphone(kind string, data any) {
	d.mu.Lock()
	tabs, phone := append([]tab(nil), d.tabs...), d.phone
	d.mu.Unlock()
	for _, t := range tabs {
		if t.id == phone {
			t.send(kind, data)
		}
	}
}

func (d *desk) empty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.tabs) == 0
}

// Connected implements httpapi.Desk.
func (c *Center) Connected(ctx context.Context, agentID, socketID string, send func(kind string, data any) bool) {
	d := c.desk(agentID)
	d.mu.Lock()
	d.tabs = append(d.tabs, tab{socketID, send})
	if d.phone == "" {
		d.phone = socketID
	}
	d.mu.Unlock()
	if c.setup().agents[agentID].DeviceID == "" {
		c.tell(func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: agentID} })
	}
	c.greet(ctx, agentID, send)
}

// greet sends a new tab what it must know: the agent's presence, work and
// pending offers.
func (c *Center) greet(ctx context.Context, agentID string, send func(string, any) bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var presence agent.Presence
	var works []agent.Work
	if err := c.floor.look(ctx, func(r *agent.Router, _ time.Time) {
		presence, _ = r.PresenceOf(agentID)
		works = r.WorksOf(agentID)
	}); err != nil {
		return
	}
	send("presence", presence)
	for _, w := range works {
		send("work", w)
		if v := c.find(w.ConversationID); v != nil && (w.State == agent.Reserved || w.State == agent.Alerting) {
			v.post(func() {
				if s := v.sideOf(agentID); s != nil && s.state == ringing {
					send("offer", v.popUp(s))
				}
			})
		}
	}
}

// Disconnected implements httpapi.Desk.
func (c *Center) Disconnected(agentID, socketID string, last bool) {
	d := c.desk(agentID)
	d.mu.Lock()
	kept := d.tabs[:0]
	for _, t := range d.tabs {
		if t.id != socketID {
			kept = append(kept, t)
		}
	}
	d.tabs = kept
	wasPhone := d.phone == socketID
	if wasPhone {
		d.phone = ""
		if len(kept) > 0 {
			d.phone = kept[len(kept)-1].id
		}
	}
	gone := len(kept) == 0
	d.mu.Unlock()
	if (gone || last) && c.setup().agents[agentID].DeviceID == "" {
		c.tell(func(at agent.At) agent.Input { return agent.DeviceDown{At: at, AgentID: agentID} })
	}
	if wasPhone {
		c.each(func(v *conversation) { v.post(func() { v.tabsGone(agentID) }) })
	}
}

// SoftphoneTaken implements httpapi.Desk.
func (c *Center) SoftphoneTaken(agentID, socketID string) {
	d := c.desk(agentID)
	d.mu.Lock()
	d.phone = socketID
	d.mu.Unlock()
}

// rtcOffer is what a tab sends to open its audio for a conversation.
type rtcOffer struct {
	ConversationID string `json:"conversation_id"`
	SDP            string `json:"sdp"`
	Resume         bool   `json:"resume"`
}

// rtcCandidate is a trickled ICE candidate, either way.
type rtcCandidate struct {
	ConversationID string          `json:"conversation_id"`
	Candidate      json.RawMessage `json:"candidate"`
}

// Signal implements httpapi.Desk.
func (c *Center) Signal(ctx context.Context, agentID, _, kind string, data json.RawMessage) error {
	switch kind {
	case "rtc.offer":
		var o rtcOffer
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("%w: rtc.offer: %w", account.ErrState, err)
		}
		return c.openAudio(ctx, agentID, o)
	case "rtc.candidate":
		var m rtcCandidate
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%w: rtc.candidate: %w", account.ErrState, err)
		}
		d := c.desk(agentID)
		d.mu.Lock()
		leg := d.legs[m.ConversationID]
		d.mu.Unlock()
		if leg == nil {
			return nil // a late candidate of a call that is over
		}
		return leg.AddCandidate(m.Candidate)
	}
	return fmt.Errorf("%w: unknown message %q", account.ErrState, kind)
}

// openAudio makes the agent's browser leg and hands it to the conversation.
func (c *Center) openAudio(ctx context.Context, agentID string, o rtcOffer) error {
	v := c.find(o.ConversationID)
	if v == nil {
		return fmt.Errorf("%w: conversation", account.ErrNotFound)
	}
	var codec string
	var opus bool
	if err := v.ask(ctx, func() error {
		s := v.sideOf(agentID)
		if s == nil || s.state == wrapping || v.gone {
			return fmt.Errorf("%w: nothing to open audio for", account.ErrState)
		}
		codec, opus = v.leg.Info().Codec, c.setup().queues[s.offer.QueueID].WidebandUplink
		return nil
	}); err != nil {
		return err
	}
	d := c.desk(agentID)
	candidates := func(raw []byte) {
		d.softphone("rtc.candidate", rtcCandidate{o.ConversationID, raw})
	}
	leg, answer, err := c.calls.NewBrowserLeg(ctx, call.BrowserRequest{
		ID: id.New(id.Leg), Party: call.Agent, Offer: o.SDP, Codec: codec, Transcribe: opus, OnCandidate: candidates,
	})
	if err != nil {
		return fmt.Errorf("browser audio: %w", err)
	}
	d.mu.Lock()
	d.legs[o.ConversationID] = leg
	d.mu.Unlock()
	c.work.Go(func() {
		<-leg.Done()
		d.mu.Lock()
		if d.legs[o.ConversationID] == leg {
			delete(d.legs, o.ConversationID)
		}
		d.mu.Unlock()
	})
	d.softphone("rtc.answer", map[string]any{"conversation_id": o.ConversationID, "sdp": answer})
	if err := v.ask(ctx, func() error { return v.browserLeg(agentID, leg) }); err != nil {
		leg.Hangup(call.AgentLost)
		return err
	}
	return nil
}

// ---- what agents do

// SetPresence implements httpapi.Desk.
func (c *Center) SetPresence(ctx context.Context, by account.Actor, agentID, presence, reason string, next bool) error {
	if _, ok := c.setup().agents[agentID]; !ok {
		return fmt.Errorf("%w: agent", account.ErrNotFound)
	}
	who := agent.BySupervisor
	if by.User.AgentID == agentID {
		who = agent.ByAgent
	}
	_, err := c.floor.do(ctx, func(at agent.At) agent.Input {
		if next {
			return agent.SetNext{At: at, AgentID: agentID, State: agent.PresenceState(presence), Reason: reason, By: who, ByID: by.User.ID}
		}
		return agent.SetPresence{At: at, AgentID: agentID, State: agent.PresenceState(presence), Reason: reason, By: who, ByID: by.User.ID}
	})
	return deskError(err)
}

// AcceptOffer implements httpapi.Desk.
func (c *Center) AcceptOffer(ctx context.Context, agentID, offerID string) error {
	_, err := c.floor.do(ctx, func(at agent.At) agent.Input { return agent.Accept{At: at, OfferID: offerID, AgentID: agentID} })
	return deskError(err)
}

// RejectOffer implements httpapi.Desk.
func (c *Center) RejectOffer(ctx context.Context, agentID, offerID string) error {
	_, err := c.floor.do(ctx, func(at agent.At) agent.Input { return agent.Reject{At: at, OfferID: offerID, AgentID: agentID} })
	return deskError(err)
}

// on runs f in the conversation's goroutine.
func (c *Center) on(ctx context.Context, conversationID string, f func(*conversation) error) error {
	v := c.find(conversationID)
	if v == nil {
		return fmt.Errorf("%w: no live conversation of this id", account.ErrNotFound)
	}
	return deskError(v.ask(ctx, func() error { return f(v) }))
}

// Hold implements httpapi.Desk.
func (c *Center) Hold(ctx context.Context, agentID, conversationID string) error {
	return c.on(ctx, conversationID, func(v *conversation) error { return v.holdCall(agentID) })
}

// Resume implements httpapi.Desk.
func (c *Center) Resume(ctx context.Context, agentID, conversationID string) error {
	return c.on(ctx, conversationID, func(v *conversation) error { return v.resumeCall(agentID) })
}

// End implements httpapi.Desk.
func (c *Center) End(ctx context.Context, _ account.Actor, agentID, conversationID string) error {
	return c.on(ctx, conversationID, func(v *conversation) error {
		if agentID == "" {
			v.hangUp("supervisor_force_close")
			return nil
		}
		if _, err := v.own(agentID); err != nil {
			return err
		}
		v.hangUp("agent_disconnect")
		return nil
	})
}

// Digits implements httpapi.Desk.
func (c *Center) Digits(ctx context.Context, agentID, conversationID, digits string) error {
	return c.on(ctx, conversationID, func(v *conversation) error {
		if _, err := v.own(agentID); err != nil {
			return err
		}
		return v.leg.SendDigits(digits)
	})
}

// Transfer implements httpapi.Desk.
func (c *Center) Transfer(ctx context.Context, agentID, conversationID, kind, target string, ring time.Duration) error {
	return c.on(ctx, conversationID, func(v *conversation) error { return v.transfer(agentID, kind, target, ring) })
}

// WrapUp implements httpapi.Desk.
func (c *Center) WrapUp(ctx context.Context, agentID, conversationID, code, note string) error {
	return c.on(ctx, conversationID, func(v *conversation) error { return v.wrapUp(agentID, code, note) })
}

// ExtendWrapUp implements httpapi.Desk.
func (c *Center) ExtendWrapUp(ctx context.Context, agentID, conversationID string) error {
	_, err := c.floor.do(ctx, func(at agent.At) agent.Input {
		return agent.ExtendWrapUp{At: at, ConversationID: conversationID, AgentID: agentID}
	})
	return deskError(err)
}
