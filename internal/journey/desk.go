package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
)

// desk is where an agent sits: the open tabs, and the browser's legs by
// conversation.
type desk struct {
	tabs
	agentID string

	legsMu sync.Mutex
	legs   map[string]browserAudio
}

// browserAudio is a leg and the connection of the tab that opened it.
type browserAudio struct {
	leg    *call.Leg
	socket string
}

// put keeps the leg of a conversation.
func (d *desk) put(conversationID string, a browserAudio) {
	d.legsMu.Lock()
	defer d.legsMu.Unlock()
	d.legs[conversationID] = a
}

// drop forgets a leg that has ended.
func (d *desk) drop(conversationID string, leg *call.Leg) {
	d.legsMu.Lock()
	defer d.legsMu.Unlock()
	if d.legs[conversationID].leg == leg {
		delete(d.legs, conversationID)
	}
}

// audio is the leg that a tab opened for a conversation; nil when it has none.
func (d *desk) audio(conversationID, socket string) *call.Leg {
	d.legsMu.Lock()
	defer d.legsMu.Unlock()
	if a := d.legs[conversationID]; a.socket == socket {
		return a.leg
	}
	return nil
}

// rename follows a tab whose connection was renewed while its audio stood.
func (d *desk) rename(from, to string) {
	d.legsMu.Lock()
	defer d.legsMu.Unlock()
	for id, a := range d.legs {
		if a.socket == from {
			a.socket = to
			d.legs[id] = a
		}
	}
}

// Connected implements httpapi.Desk.
func (c *Center) Connected(ctx context.Context, agentID, socketID, name string, send func(kind string, data any) bool) {
	d := c.desk(agentID)
	if old := d.join(&tab{socketID, name, send}); old != "" {
		d.rename(old, socketID)
		c.toOthers(letter{Do: letterMoved, Agent: agentID, Socket: old, To: socketID})
	}
	if c.setup().agents[agentID].DeviceID == "" {
		c.tell(func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: agentID} })
	}
	c.greet(ctx, agentID, send)
}

// toOthers posts a letter to every other node.
func (c *Center) toOthers(l letter) {
	if c.mail == nil {
		return
	}
	for _, node := range c.fleet.list() {
		c.mail.to(node, l)
	}
}

// greet sends a new tab what it must know: the agent's presence, work and
// pending offers.
func (c *Center) greet(ctx context.Context, agentID string, send func(string, any) bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := c.seatAnywhere(ctx, agentID)
	if err != nil {
		c.log.Warn("a new page does not know its agent's work", "agent", agentID, "err", err)
		return
	}
	send("presence", s.Presence)
	for _, w := range s.Works {
		send("work", w)
		v, rings := c.find(w.ConversationID), w.State == agent.Reserved || w.State == agent.Alerting
		switch {
		case v == nil:
			c.toOthers(letter{Do: letterRing, Agent: agentID, Conversation: w.ConversationID})
		case rings:
			v.post(func() {
				if s := v.sideOf(agentID); s != nil && s.state == ringing {
					send("offer", v.popUp(s))
				}
			})
		default:
			v.post(func() {
				v.greetSupervised(agentID, send)
				v.greetRecording(agentID, send)
				v.greetParties(agentID, send)
			})
		}
	}
}

// ring shows an agent again that a conversation of this node rings, how it is
// recorded, or who is in it.
func (c *Center) ring(agentID, conversationID string) {
	c.to(conversationID, func(v *conversation) {
		v.greetRecording(agentID, func(kind string, data any) bool { c.page(agentID, kind, data); return true })
		if s := v.sideOf(agentID); s != nil && s.state == ringing {
			c.page(agentID, "offer", v.popUp(s))
		}
		v.greetParties(agentID, func(kind string, data any) bool { c.page(agentID, kind, data); return true })
	})
}

// Disconnected implements httpapi.Desk.
func (c *Center) Disconnected(agentID, socketID string) {
	wasPhone, empty := c.desk(agentID).leave(socketID)
	if empty && c.setup().agents[agentID].DeviceID == "" {
		c.tell(func(at agent.At) agent.Input { return agent.DeviceDown{At: at, AgentID: agentID} })
	}
	if wasPhone {
		c.each(func(v *conversation) { v.post(func() { v.tabsGone(agentID) }) })
		c.toOthers(letter{Do: letterGone, Agent: agentID, Socket: socketID})
	}
}

// TakeSoftphone implements httpapi.Desk.
func (c *Center) TakeSoftphone(agentID, socketID string) { c.desk(agentID).take(socketID) }

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

// errOtherTab refuses audio to a tab that does not have the softphone.
var errOtherTab = fmt.Errorf("%w: the softphone is in another tab", account.ErrState)

// unreadable refuses what a tab sent.
func unreadable(kind string) error {
	return &account.FieldError{Field: "data", Code: "syntax", Message: kind + " is not what was expected"}
}

// Signal implements httpapi.Desk.
func (c *Center) Signal(ctx context.Context, agentID, socketID, kind string, data json.RawMessage) error {
	d := c.desk(agentID)
	if !d.isPhone(socketID) {
		return errOtherTab
	}
	at := page{c.cfg.NodeID, socketID}
	switch kind {
	case actAudio:
		var o rtcOffer
		if err := json.Unmarshal(data, &o); err != nil {
			return unreadable(kind)
		}
		return c.act(ctx, action{Do: actAudio, ConversationID: o.ConversationID, AgentID: agentID, Page: at, SDP: o.SDP})
	case actCandidate:
		var m rtcCandidate
		if err := json.Unmarshal(data, &m); err != nil {
			return unreadable(kind)
		}
		err := c.act(ctx, action{Do: actCandidate, ConversationID: m.ConversationID, AgentID: agentID, Page: at, Candidate: m.Candidate})
		if errors.Is(err, account.ErrNotFound) {
			return nil // a late candidate of a call that is over
		}
		return err
	}
	return fmt.Errorf("%w: unknown message %q", account.ErrState, kind)
}

// isPhone tells whether a page may open audio. Pages of other nodes were asked
// for it there.
func (c *Center) isPhone(agentID string, p page) bool {
	return p.Node != c.cfg.NodeID || c.desk(agentID).isPhone(p.Socket)
}

// toPage tells one page of an agent, on whichever node it is.
func (c *Center) toPage(agentID string, p page, kind string, data any) {
	if p.Node == c.cfg.NodeID {
		c.desk(agentID).to(p.Socket, kind, data)
	} else if c.mail != nil {
		c.mail.to(p.Node, letter{Do: letterPage, Agent: agentID, Socket: p.Socket, Kind: kind, Data: mustJSON(data)})
	}
}

// openAudio makes the browser leg of the tab that has the softphone, whose sound
// comes straight to this node, and hands it to the conversation.
func (c *Center) openAudio(ctx context.Context, a action) error {
	agentID, d := a.AgentID, c.desk(a.AgentID)
	v := c.find(a.ConversationID)
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
	candidates := func(raw []byte) {
		c.toPage(agentID, a.Page, "rtc.candidate", rtcCandidate{a.ConversationID, raw})
	}
	leg, answer, err := c.calls.NewBrowserLeg(ctx, call.BrowserRequest{
		ID: id.New(id.Leg), Party: call.Agent, Offer: a.SDP, Codec: codec, Transcribe: opus, OnCandidate: candidates,
	})
	if err != nil {
		return fmt.Errorf("browser audio: %w", err)
	}
	c.keepAudio(d, a.ConversationID, leg, a.Page.Socket)
	c.toPage(agentID, a.Page, "rtc.answer", map[string]any{"conversation_id": a.ConversationID, "sdp": answer})
	if err := v.ask(ctx, func() error {
		if !c.isPhone(agentID, a.Page) { // another tab took it meanwhile: its audio stays
			return errOtherTab
		}
		return v.browserLeg(agentID, leg)
	}); err != nil {
		leg.Hangup(call.AgentLost)
		return err
	}
	return nil
}

// keepAudio keeps a leg for its conversation until it ends.
func (c *Center) keepAudio(d *desk, conversationID string, leg *call.Leg, socketID string) {
	d.put(conversationID, browserAudio{leg, socketID})
	c.work.Go(func() {
		<-leg.Done()
		d.drop(conversationID, leg)
	})
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

// Hold implements httpapi.Desk.
func (c *Center) Hold(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actHold, ConversationID: conversationID, AgentID: agentID})
}

// Resume implements httpapi.Desk.
func (c *Center) Resume(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actResume, ConversationID: conversationID, AgentID: agentID})
}

// StartRecording implements httpapi.Desk.
func (c *Center) StartRecording(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actRecord, ConversationID: conversationID, AgentID: agentID})
}

// PauseRecording implements httpapi.Desk.
func (c *Center) PauseRecording(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actPause, ConversationID: conversationID, AgentID: agentID})
}

// ResumeRecording implements httpapi.Desk.
func (c *Center) ResumeRecording(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actUnpause, ConversationID: conversationID, AgentID: agentID})
}

// End implements httpapi.Desk.
func (c *Center) End(ctx context.Context, _ account.Actor, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actEnd, ConversationID: conversationID, AgentID: agentID})
}

// Digits implements httpapi.Desk.
func (c *Center) Digits(ctx context.Context, agentID, conversationID, digits string) error {
	return c.act(ctx, action{Do: actDigits, ConversationID: conversationID, AgentID: agentID, Digits: digits})
}

// Transfer implements httpapi.Desk.
func (c *Center) Transfer(ctx context.Context, agentID, conversationID, kind, target string, ring time.Duration) error {
	return c.act(ctx, action{Do: actTransfer, ConversationID: conversationID, AgentID: agentID, Kind: kind, Target: target, Ring: ring})
}

// Note implements httpapi.Desk.
func (c *Center) Note(ctx context.Context, agentID, conversationID, note string) error {
	err := c.act(ctx, action{Do: actNote, ConversationID: conversationID, AgentID: agentID, Note: note})
	if errors.Is(err, errPartOver) || errors.Is(err, account.ErrNotFound) {
		return c.lateNote(ctx, agentID, conversationID, note)
	}
	return err
}

// WrapUp implements httpapi.Desk.
func (c *Center) WrapUp(ctx context.Context, agentID, conversationID, code, note string) error {
	return c.act(ctx, action{Do: actWrapUp, ConversationID: conversationID, AgentID: agentID, Code: code, Note: note})
}

// ExtendWrapUp implements httpapi.Desk.
func (c *Center) ExtendWrapUp(ctx context.Context, agentID, conversationID string) error {
	_, err := c.floor.do(ctx, func(at agent.At) agent.Input {
		return agent.ExtendWrapUp{At: at, ConversationID: conversationID, AgentID: agentID}
	})
	return deskError(err)
}
