package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
)

// message is one message of the live WebSocket.
type message struct {
	Seq  int64           `json:"seq,omitempty"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"`
}

// offer is what an agent is told of a ringing conversation.
type offer struct {
	OfferID        string `json:"offer_id"`
	ConversationID string `json:"conversation_id"`
}

// worker is a simulated agent: logged in, available, answering, wrapping up.
type worker struct {
	s       *simulation
	name    string
	agentID string
	device  string // user name of the desk phone; empty: a browser
	api     *client
	rnd     *rand.Rand

	writes  sync.Mutex // of conn
	conn    *websocket.Conn
	audio   *browser // of the present conversation
	offered map[string]time.Time
	work    sync.WaitGroup
}

// run works until ctx ends, then goes offline.
func (w *worker) run(ctx context.Context) error {
	conn, err := w.api.live(ctx)
	if err != nil {
		return fmt.Errorf("live socket: %w", err)
	}
	w.conn = conn
	defer w.work.Wait()
	defer conn.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w.work.Go(func() {
		<-ctx.Done()
		_ = conn.SetReadDeadline(time.Now()) // wakes the reader
	})
	if err := w.presence(ctx, agent.Available); err != nil {
		return err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = w.presence(after, agent.Offline) // the installation notices anyway
	}()
	for {
		var m message
		if err := conn.ReadJSON(&m); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("live socket: %w", err)
		}
		if err := w.handle(ctx, m); err != nil && ctx.Err() == nil {
			w.s.report.agentError("%s: %s: %v", w.name, m.Type, err)
		}
	}
}

func (w *worker) presence(ctx context.Context, p agent.PresenceState) error {
	return w.api.call(ctx, http.MethodPut, "/agents/me/presence", map[string]any{"presence": p}, nil)
}

func (w *worker) send(kind string, data any) error {
	w.writes.Lock()
	defer w.writes.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	return w.conn.WriteJSON(map[string]any{"type": kind, "data": data})
}

func (w *worker) handle(ctx context.Context, m message) error {
	switch m.Type {
	case "offer":
		var o offer
		if err := json.Unmarshal(m.Data, &o); err != nil {
			return err
		}
		if w.device != "" || w.offered[o.OfferID] != (time.Time{}) {
			return nil // the phone rings by itself
		}
		w.offered[o.OfferID] = time.Now()
		w.work.Go(func() { w.answer(ctx, o) })
	case "rtc.answer", "rtc.candidate":
		if b := w.browser(); b != nil {
			return b.signal(m.Type, m.Data)
		}
	case "rtc.closed":
		w.closeAudio()
	case "work":
		var k agent.Work
		if err := json.Unmarshal(m.Data, &k); err != nil {
			return err
		}
		if k.State == agent.WrapUp && k.Extensions == 0 {
			w.work.Go(func() { w.wrapUp(ctx, k.ConversationID) })
		}
	}
	return nil
}

func (w *worker) browser() *browser {
	w.writes.Lock()
	defer w.writes.Unlock()
	return w.audio
}

func (w *worker) closeAudio() {
	w.writes.Lock()
	b := w.audio
	w.audio = nil
	w.writes.Unlock()
	if b != nil {
		b.close()
	}
}

// answer opens the audio while it rings and accepts.
func (w *worker) answer(ctx context.Context, o offer) {
	b, err := newBrowser(func(kind string, data map[string]any) error {
		data["conversation_id"] = o.ConversationID
		return w.send(kind, data)
	})
	if err != nil {
		w.s.report.agentError("%s: audio: %v", w.name, err)
		return
	}
	w.closeAudio()
	w.writes.Lock()
	w.audio = b
	w.writes.Unlock()
	if err := b.offer(); err != nil {
		w.s.report.agentError("%s: audio offer: %v", w.name, err)
		return
	}
	if !pause(ctx, w.around(w.s.cfg.PickUp)) {
		return
	}
	accepted := time.Now()
	if err := w.api.call(ctx, http.MethodPost, "/offers/"+o.OfferID+"/accept", nil, nil); err != nil {
		var p *problem
		if errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusConflict) {
			b.close() // the caller was faster
			return
		}
		if ctx.Err() == nil {
			w.s.report.agentError("%s: accept: %v", w.name, err)
		}
		return
	}
	heard, ok := b.firstAudio(ctx, 10*time.Second)
	if !ok {
		if ctx.Err() == nil && !b.isClosed() {
			w.s.report.agentError("%s: no audio within 10 s of accepting %s", w.name, o.ConversationID)
		}
		return
	}
	w.s.report.offer(max(0, heard.Sub(accepted)))
	w.talk(ctx, o.ConversationID)
}

// talk ends the call after a while unless the caller did.
func (w *worker) talk(ctx context.Context, conversationID string) {
	w.s.report.talk(1)
	defer w.s.report.talk(-1)
	b := w.browser()
	if b == nil {
		return
	}
	select {
	case <-b.closed:
		return
	case <-ctx.Done():
	case <-time.After(w.around(w.s.cfg.Talk)):
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.api.call(after, http.MethodPost, "/conversations/"+conversationID+"/end", nil, nil)
	var p *problem
	if err != nil && !errors.As(err, &p) {
		w.s.report.agentError("%s: end: %v", w.name, err)
	}
}

func (w *worker) wrapUp(ctx context.Context, conversationID string) {
	pause(ctx, w.around(w.s.cfg.WrapUp))
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.api.call(after, http.MethodPost, "/conversations/"+conversationID+"/wrap-up", map[string]any{}, nil)
	var p *problem
	if errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusConflict) {
		return // its time had run out
	}
	if err != nil {
		w.s.report.agentError("%s: wrap-up: %v", w.name, err)
	}
}

// phoneRings answers the desk phone.
func (w *worker) phoneRings(ctx context.Context, leg *call.Leg) {
	_ = leg.Ring()
	select {
	case <-leg.Done():
		return
	case <-ctx.Done():
		_ = leg.Reject(480, "Temporarily Unavailable")
		return
	case <-time.After(w.around(w.s.cfg.PickUp)):
	}
	if err := leg.Answer(ctx); err != nil {
		return // the caller was faster
	}
	c, err := w.s.desks.NewCall(leg.ID(), leg)
	if err != nil {
		leg.Hangup(call.SystemError)
		return
	}
	defer c.Close()
	if err := c.Tone(agentTone); err != nil {
		w.s.report.agentError("%s: tone: %v", w.name, err)
	}
	w.s.report.talk(1)
	defer w.s.report.talk(-1)
	select {
	case <-leg.Done():
	case <-ctx.Done():
	case <-time.After(w.around(w.s.cfg.Talk)):
	}
	leg.Hangup(call.AgentDisconnect)
}

func (w *worker) around(mean time.Duration) time.Duration {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return around(w.rnd, mean)
}

// around draws from an exponential distribution that is cut at a tenth and four
// times the mean.
func around(rnd *rand.Rand, mean time.Duration) time.Duration {
	d := time.Duration(rnd.ExpFloat64() * float64(mean))
	return min(max(d, mean/10), 4*mean)
}

// pause waits for d; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
