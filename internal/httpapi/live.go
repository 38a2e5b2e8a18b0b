package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

const (
	replayPage = 500   // events read from the journal at once
	maxReplay  = 20000 // further behind: the client refetches and begins at the head
	checkEvery = time.Minute
)

// tab is a live socket of a logged-in user.
type tab struct {
	*socket
	id      string // of the socket
	name    string // of the browser tab, which survives a reconnect
	agentID string // empty: the user does not work as an agent
	actor   account.Actor
	secret  string
	wake    chan struct{}

	suspect atomic.Bool // the rights may have changed

	// Of the goroutine that writes:
	after   int64 // last seq that was looked at
	checked time.Time
}

// poke wakes the writer; it never blocks.
func (t *tab) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// live is the WebSocket of live events: GET /api/v1/live?after=SEQ&tab=NAME.
//
// To the client: events of the journal {seq, type, ts, data: the whole event};
// {type: head, seq} every few seconds, by which a client tells a filter from a
// gap; {type: reset, seq} when it is too far behind: it refetches and goes on
// from there; offer, work, rtc.answer, rtc.candidate, rtc.closed, media.stats as
// the desk sends them; softphone {here} and softphone.taken; supervised to agents
// to whom somebody listens; monitor, monitor.answer, monitor.candidate,
// monitor.resume and monitor.closed to those who listen; pong; error {about, type,
// title, detail}.
//
// From the client: ping, softphone.take, rtc.offer, rtc.candidate, and from who
// supervises monitor.offer, monitor.candidate. The tab that has the softphone
// alone may send rtc.…. Close codes are 4001 (connect again
// with after=), 4002 (log in again) and 4003 (too many messages).
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	a, secret, err := s.identify(r)
	if err == nil && !account.Allowed(a.Role, account.ActJournal) {
		err = account.ErrForbidden
	}
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	after, err := s.startOf(r)
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	f, err := s.newFilter(r.Context(), a)
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	conn, err := upgrader.Upgrade(hijackable(w), r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	t := &tab{
		socket: newSocket(conn, s.now), id: id.New("so"), name: tabName(r), actor: a, secret: secret,
		wake: make(chan struct{}, 1), after: after, checked: time.Now(),
	}
	if account.Allowed(a.Role, account.ActDesk) {
		t.agentID = a.User.AgentID
	}
	s.runTab(context.WithoutCancel(r.Context()), t, f)
}

// hijackable gives the writer beneath our recorder, which can be hijacked.
func hijackable(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// startOf reads after=SEQ; without it the socket begins at the head.
func (s *Server) startOf(r *http.Request) (int64, error) {
	v := r.URL.Query().Get("after")
	if v == "" {
		return s.cfg.Journal.Head(r.Context())
	}
	after, err := strconv.ParseInt(v, 10, 64)
	if err != nil || after < 0 {
		return 0, badParameter("after", "type", "expected the seq of the last event seen")
	}
	return after, nil
}

func tabName(r *http.Request) string {
	name := r.URL.Query().Get("tab")
	if len(name) > 64 {
		name = name[:64]
	}
	return name
}

// runTab serves a live socket until it ends.
func (s *Server) runTab(ctx context.Context, t *tab, f *filter) {
	if !s.hub.add(t) {
		t.end(websocket.CloseGoingAway, "server stops")
		t.closeNow()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.pump(ctx, t.wake, func(tick bool) error { return s.advance(ctx, t, f, tick) })
	}()
	if t.agentID != "" && s.cfg.Desk != nil {
		s.cfg.Desk.Connected(ctx, t.agentID, t.id, t.name, t.send)
	}
	s.supervisorHere(t)
	t.poke()
	t.read(func(e Envelope) { s.fromTab(ctx, t, e) })
	<-done
	s.hub.remove(t)
	s.supervisorGone(t)
	if t.agentID != "" && s.cfg.Desk != nil {
		s.cfg.Desk.Disconnected(t.agentID, t.id)
	}
}

// advance writes the events after the last one, then the head.
func (s *Server) advance(ctx context.Context, t *tab, f *filter, tick bool) error {
	if t.suspect.Swap(false) || tick && time.Since(t.checked) >= checkEvery {
		if goOn := s.checkRights(ctx, t, f); !goOn {
			return nil
		}
	}
	for {
		events, err := s.next(ctx, t)
		if err != nil {
			s.log.Warn("journal cannot be read for a socket", "socket", t.id, "error", err)
			return nil // the next tick tries again
		}
		for _, e := range events {
			t.after = e.Seq
			if !f.sees(e) {
				continue
			}
			body, err := json.Marshal(e)
			if err != nil {
				return err
			}
			ts := e.Time
			if err := t.write(Envelope{Seq: e.Seq, Type: e.Type, TS: &ts, Data: body}); err != nil {
				return err
			}
		}
		if len(events) < replayPage {
			break
		}
		t.drain()
	}
	if tick {
		return t.write(Envelope{Type: "head", Seq: t.after})
	}
	return nil
}

// checkRights looks at the rights of a tab's user again and renews the filter
// when its sight has changed; false: nothing may be sent now.
func (s *Server) checkRights(ctx context.Context, t *tab, f *filter) (goOn bool) {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	a, err := s.service.Authenticate(ctx, t.secret, account.Source{})
	var g sight
	if err == nil {
		if a.Role != t.actor.Role || a.User.AgentID != t.actor.User.AgentID {
			t.end(closeResume, "the rights have changed: connect again")
			return false
		}
		g, err = s.sightOf(ctx, a)
	}
	if err == nil && !g.same(f.sight) {
		var renewed *filter
		if renewed, err = s.newFilter(ctx, a); err == nil {
			*f = *renewed
		}
	}
	switch {
	case errors.Is(err, account.ErrCredentials):
		t.end(closeExpired, "log in again")
		return false
	case err != nil:
		s.log.Warn("rights cannot be read for a socket", "socket", t.id, "error", err)
		t.suspect.Store(true) // the next tick tries again
		return false
	}
	t.checked = time.Now()
	return true
}

// drain writes what is queued, so that a long replay does not hold back offers.
func (t *tab) drain() {
	for {
		select {
		case e := <-t.out:
			if t.write(e) != nil {
				return
			}
		default:
			return
		}
	}
}

// next returns the events after the tab's place, from memory or the journal. A
// tab that is too far behind is told to refetch and continues at the head.
func (s *Server) next(ctx context.Context, t *tab) ([]omni.Event, error) {
	if events, ok := s.hub.after(t.after, replayPage); ok {
		return events, nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	head, err := s.cfg.Journal.Head(ctx)
	if err != nil {
		return nil, err
	}
	if t.after > head || head-t.after > maxReplay {
		t.after = head
		return nil, t.write(Envelope{Type: "reset", Seq: head})
	}
	if t.after == head {
		return nil, nil
	}
	return s.cfg.Journal.Events(ctx, t.after, replayPage)
}

// fromTab handles a message of a tab.
func (s *Server) fromTab(ctx context.Context, t *tab, e Envelope) {
	switch {
	case strings.HasPrefix(e.Type, "monitor."):
		s.signalOfSupervisor(ctx, t, e)
	case t.agentID == "" || s.cfg.Desk == nil:
		t.fail(e.Type, problem(ProblemForbidden, "this user does not work as an agent"))
	case e.Type == "softphone.take":
		s.cfg.Desk.TakeSoftphone(t.agentID, t.id)
	case strings.HasPrefix(e.Type, "rtc."):
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		if err := s.cfg.Desk.Signal(ctx, t.agentID, t.id, e.Type, e.Data); err != nil {
			s.log.Info("softphone message refused", "agent", t.agentID, "type", e.Type, "error", err)
			t.fail(e.Type, err)
		}
	default:
		t.fail(e.Type, problem(ProblemMalformed, "unknown type of message"))
	}
}
