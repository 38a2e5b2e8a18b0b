package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// watchers knows whom each supervisor listens to in this process: one call at a
// time, as with a telephone.
type watchers struct {
	mu sync.Mutex
	by map[string]watch // by user
}

type watch struct {
	conversationID string
	socket         string // of the page with the audio; empty before
	leg            *call.Leg
}

// put notes a supervisor's conversation and returns the one before.
func (w *watchers) put(userID, conversationID string) (before string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[string]watch{}
	}
	before = w.by[userID].conversationID
	if before != conversationID {
		w.by[userID] = watch{conversationID: conversationID}
	}
	return before
}

// heard notes the audio of a supervisor.
func (w *watchers) heard(userID, conversationID, socket string, leg *call.Leg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[userID].conversationID == conversationID {
		w.by[userID] = watch{conversationID, socket, leg}
	}
}

func (w *watchers) drop(userID, conversationID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[userID].conversationID == conversationID {
		delete(w.by, userID)
	}
}

// all are the supervisors of this process with their conversations.
func (w *watchers) all() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make(map[string]string, len(w.by))
	for userID, at := range w.by {
		list[userID] = at.conversationID
	}
	return list
}

func (w *watchers) of(userID string) watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.by[userID]
}

// onHere runs f in the goroutine of a conversation of this node: supervisors
// listen on the node that carries the call.
func (c *Center) onHere(ctx context.Context, conversationID string, f func(*conversation) error) error {
	v := c.find(conversationID)
	if v == nil {
		return fmt.Errorf("%w: no live conversation of this id on this node", account.ErrNotFound)
	}
	return deskError(v.ask(ctx, func() error { return f(v) }))
}

// Supervise implements httpapi.Supervision.
func (c *Center) Supervise(ctx context.Context, by account.Actor, conversationID, mode string) (m Monitoring, err error) {
	var asked hands
	if err := c.onHere(ctx, conversationID, func(v *conversation) error { asked = v.inHands(); return nil }); err != nil {
		return m, err
	}
	if err := c.mayHear(ctx, by, asked); err != nil {
		return m, err
	}
	err = c.onHere(ctx, conversationID, func(v *conversation) error {
		if v.inHands() != asked {
			return fmt.Errorf("%w: the call has changed hands in this moment", account.ErrState)
		}
		if err := v.supervise(by, call.Supervision(mode)); err != nil {
			return err
		}
		if before := c.watchers.put(by.User.ID, v.id); before != v.id {
			c.leave(before, by.User.ID)
		}
		m = v.monitoring(v.supervisors[by.User.ID])
		return nil
	})
	return m, err
}

// leave ends what a supervisor listened to before.
func (c *Center) leave(conversationID, userID string) {
	if v := c.find(conversationID); v != nil {
		v.later(func() { _ = v.unsupervise(userID, omni.AgentDisconnect, monitorElsewhere) })()
	}
}

// Unsupervise implements httpapi.Supervision.
func (c *Center) Unsupervise(ctx context.Context, by account.Actor, conversationID string) error {
	return c.onHere(ctx, conversationID, func(v *conversation) error {
		return v.unsupervise(by.User.ID, omni.AgentDisconnect, monitorLeft)
	})
}

// Supervisors implements httpapi.Supervision.
func (c *Center) Supervisors(ctx context.Context, conversationID string) (list []Monitoring, err error) {
	err = c.onHere(ctx, conversationID, func(v *conversation) error {
		for _, s := range v.supervisorsByName() {
			list = append(list, v.monitoring(s))
		}
		return nil
	})
	return list, err
}

// TakeOver implements httpapi.Supervision.
func (c *Center) TakeOver(ctx context.Context, by account.Actor, conversationID string) error {
	from := ""
	if err := c.onHere(ctx, conversationID, func(v *conversation) (err error) {
		from, err = v.mayTakeOver(by)
		return err
	}); err != nil {
		return err
	}
	if _, err := c.floor.do(ctx, func(at agent.At) agent.Input {
		return agent.TakeOver{At: at, ConversationID: conversationID, From: from, AgentID: by.User.AgentID, Reason: string(omni.Barged)}
	}); err != nil {
		return deskError(err)
	}
	return c.onHere(ctx, conversationID, func(*conversation) error { return nil }) // what the router told is done and written by then
}

// SuperviseSignal implements httpapi.Supervision.
func (c *Center) SuperviseSignal(ctx context.Context, by account.Actor, socketID, kind string, data json.RawMessage, send func(kind string, data any) bool) error {
	switch kind {
	case "monitor.offer":
		var o rtcOffer
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("%w: monitor.offer: %w", account.ErrState, err)
		}
		return c.openEar(ctx, by, socketID, o, send)
	case "monitor.candidate":
		var m rtcCandidate
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%w: monitor.candidate: %w", account.ErrState, err)
		}
		if w := c.watchers.of(by.User.ID); w.leg != nil && w.socket == socketID && w.conversationID == m.ConversationID {
			return w.leg.AddCandidate(m.Candidate)
		}
		return nil // a late candidate
	}
	return fmt.Errorf("%w: unknown message %q", account.ErrState, kind)
}

// openEar makes the leg of a supervisor's page and hands it to the conversation.
func (c *Center) openEar(ctx context.Context, by account.Actor, socketID string, o rtcOffer, send func(string, any) bool) error {
	codec := ""
	if err := c.onHere(ctx, o.ConversationID, func(v *conversation) error {
		if v.supervisors[by.User.ID] == nil || v.gone {
			return fmt.Errorf("%w: not supervised by this user", account.ErrState)
		}
		codec = v.leg.Info().Codec
		return nil
	}); err != nil {
		return err
	}
	leg, answer, err := c.calls.NewBrowserLeg(ctx, call.BrowserRequest{
		ID: id.New(id.Leg), Party: call.Supervisor, Offer: o.SDP, Codec: codec,
		OnCandidate: func(raw []byte) { send("monitor.candidate", rtcCandidate{o.ConversationID, raw}) },
	})
	if err != nil {
		return fmt.Errorf("supervisor's audio: %w", err)
	}
	c.watchers.heard(by.User.ID, o.ConversationID, socketID, leg)
	send("monitor.answer", map[string]any{"conversation_id": o.ConversationID, "sdp": answer})
	if err := c.onHere(ctx, o.ConversationID, func(v *conversation) error {
		return v.superviseAudio(by.User.ID, socketID, leg, send)
	}); err != nil {
		leg.Hangup(call.AgentLost)
		return err
	}
	return nil
}

// SupervisorGone implements httpapi.Supervision.
func (c *Center) SupervisorGone(userID, socketID string) {
	w := c.watchers.of(userID)
	if w.socket == "" || w.socket != socketID {
		return
	}
	if v := c.find(w.conversationID); v != nil {
		v.later(func() { v.supervisorsPageGone(userID, socketID) })()
	}
}

// SupervisorHere implements httpapi.Supervision.
func (c *Center) SupervisorHere(userID string, send func(kind string, data any) bool) {
	if v := c.find(c.watchers.of(userID).conversationID); v != nil {
		v.later(func() { v.resumeSupervisor(userID, send) })()
	}
}
