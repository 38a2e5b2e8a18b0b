package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// closeOwn closes, once, what a former process of this node left behind: it says
// BYE to dialogs that are still open, completes conversations, has recordings
// completed in the background, and leaves the places in queues for callers who
// ring again. Offers, work and places
// end with them where this node routes (ours), together with those of
// conversations that are over; else the returned inputs end them.
func (c *Center) closeOwn(ctx context.Context, ours bool) ([]input, error) {
	c.fleet.mu.Lock()
	closed := c.fleet.closed
	c.fleet.mu.Unlock()
	if closed && !ours {
		return nil, nil
	}
	live, err := c.store.LiveConversations(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("live conversations: %w", err)
	}
	carried := map[string]bool{} // by this process or another one
	var drops []input
	for _, v := range live {
		if c.cfg.Shared && v.NodeID != c.cfg.NodeID {
			c.fleet.owns(v.NodeID, v.ID) // what the router says of it goes there
		}
		if own := v.NodeID == c.cfg.NodeID || !c.cfg.Shared; closed || !own {
			carried[v.ID] = true
		} else if !ours {
			drops = append(drops, drop(v.ID))
		}
	}
	if !ours && !closed && c.cfg.Shared {
		over, err := c.store.Lingering(ctx, c.cfg.NodeID)
		if err != nil {
			return nil, err
		}
		for _, conversationID := range over {
			drops = append(drops, drop(conversationID))
		}
	}
	l := leaving{node: c.cfg.NodeID, bye: c.endOrphans, commit: c.store.Commit}
	if ours {
		l.work = func(conversationID string) bool { return !carried[conversationID] }
	}
	switch {
	case closed:
		l.node = nobody
	case !c.cfg.Shared:
		l.node = "" // also what was left under another name
	}
	if err := c.closeLeft(ctx, l); err != nil {
		return nil, err
	}
	c.fleet.mu.Lock()
	c.fleet.closed = true
	c.fleet.mu.Unlock()
	return drops, nil
}

// CloseRestored closes the conversations, of whichever node, that were live when
// a backup was made. It says BYE to nobody: those calls belong to the process
// that made the backup, which may still carry them. cfg needs Recordings, and
// Now for the time of the backup.
func CloseRestored(ctx context.Context, cfg Config, store Store, log *slog.Logger) error {
	c := &Center{cfg: cfg.withDefaults(), store: store, log: log, left: newLeftovers()}
	c.now = c.cfg.Now
	err := c.closeLeft(ctx, leaving{
		bye: func(context.Context, []omni.Leg) {}, work: func(string) bool { return true }, commit: store.Commit,
	})
	if err != nil {
		return err
	}
	var failures []error // of recordings, which the next process completes
	for {
		one, _, ok := c.left.take(time.Now())
		if !ok {
			return errors.Join(failures...)
		}
		switch err := c.complete(ctx, one.recordingID, c.repaired); {
		case errors.Is(err, errFile):
			log.Warn("a restored recording's file is out of reach; the next start looks for it again", "recording", one.recordingID, "err", err)
		case err != nil:
			failures = append(failures, err)
		}
	}
}

// nobody is the name of no node.
const nobody = "-"

// leaving says how that is closed which processes left behind.
type leaving struct {
	node    string // whose; empty: every node's
	foreign bool   // another node's: recordings that are not here are left to it
	bye     func(context.Context, []omni.Leg)
	// work tells whose offers, work and places end in the same write; nil: the
	// router ends them.
	work   func(conversationID string) bool
	commit func(context.Context, Write) error
}

// closeLeft closes what the processes of a node left behind.
func (c *Center) closeLeft(ctx context.Context, l leaving) error {
	live, err := c.store.LiveConversations(ctx, l.node)
	if err != nil {
		return fmt.Errorf("conversations left behind: %w", err)
	}
	legs, err := c.store.OpenLegs(ctx, l.node)
	if err != nil {
		return fmt.Errorf("legs left behind: %w", err)
	}
	records, err := c.store.UnfinishedRecordings(ctx, l.node)
	if err != nil {
		return fmt.Errorf("recordings left behind: %w", err)
	}
	if l.foreign {
		records = c.present(records)
	}
	now := c.now()
	var w Write
	if l.work != nil {
		if err := c.closeWork(ctx, now, &w, l.work); err != nil {
			return err
		}
	}
	if len(live)+len(legs)+len(w.Agent.Offers)+len(w.Agent.Works)+len(w.Agent.QueueEntries) == 0 {
		c.left.add(records...)
		return nil
	}
	l.bye(ctx, legs)
	for _, leg := range legs {
		leg.EndedAt, leg.EndReason, leg.Dialog = now, omni.SystemError, nil
		w.Omni.Legs = append(w.Omni.Legs, leg)
	}
	for _, v := range live {
		if err := c.close(ctx, v, now, &w.Omni); err != nil {
			return err
		}
	}
	if err := l.commit(ctx, w); err != nil {
		return fmt.Errorf("close what was left behind: %w", err)
	}
	c.left.add(records...)
	c.log.Warn("closed what a process left", "node", l.node, "conversations", len(live), "dialogs", len(legs), "recordings", len(records))
	return nil
}

// present are the recordings whose files are here.
func (c *Center) present(records []omni.Recording) []omni.Recording {
	return slices.DeleteFunc(records, func(r omni.Recording) bool {
		_, err := os.Stat(c.pathOf(r.Path))
		return err != nil
	})
}

// endOrphans sends BYE for open dialogs, many at a time, in the background: the
// process need not wait for peers that are gone.
func (c *Center) endOrphans(ctx context.Context, legs []omni.Leg) {
	slots := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for _, leg := range legs {
		if len(leg.Dialog) == 0 {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := c.calls.EndOrphan(ctx, leg.Dialog); err != nil {
				c.log.Warn("dialog left behind not ended", "leg", leg.ID, "err", err)
			}
		})
	}
	c.work.Go(wg.Wait)
}

// close writes the honest end of a conversation whose process died.
func (c *Center) close(ctx context.Context, v omni.Conversation, now time.Time, w *omni.Change) error {
	segments, err := c.store.ConversationSegments(ctx, v.ID)
	if err != nil {
		return fmt.Errorf("segments of %s: %w", v.ID, err)
	}
	for _, s := range segments {
		if s.EndedAt.IsZero() {
			s.EndedAt, s.EndReason = now, omni.SystemError
			w.Segments = append(w.Segments, s)
			w.Events = append(w.Events, newEvent(omni.SegmentEnded, now, v.ID, s.AgentID, s.QueueID,
				map[string]any{"kind": s.Kind, "end_reason": s.EndReason, "duration_ms": now.Sub(s.StartedAt).Milliseconds()}))
			w.Events[len(w.Events)-1].SegmentID = s.ID
		}
	}
	if err := c.closeParts(ctx, v, now, w); err != nil {
		return err
	}
	from := v.State
	v.State, v.CompletedAt = omni.Completed, now
	if v.EndedAt.IsZero() { // the customer was still there
		v.EndedAt, v.EndReason = now, omni.SystemError
	}
	w.Conversations = append(w.Conversations, v)
	w.Events = append(w.Events, newEvent(omni.ConversationCompleted, now, v.ID, v.AgentID, v.QueueID, map[string]any{
		"end_reason": v.EndReason, "answered": !v.AnsweredAt.IsZero(), "wrap_up_code": v.WrapUpCode, "from": from,
		"duration_ms": v.EndedAt.Sub(v.CreatedAt).Milliseconds(),
	}))
	return nil
}

// closeParts says in the journal that the consultation, the supervisions and the
// agent's wait for a flow are over which the process that died had begun.
func (c *Center) closeParts(ctx context.Context, v omni.Conversation, now time.Time, w *omni.Change) error {
	if v.AnsweredAt.IsZero() {
		return nil // no agent ever talked
	}
	events, err := c.store.ConversationEvents(ctx, v.ID)
	if err != nil {
		return fmt.Errorf("events of %s: %w", v.ID, err)
	}
	var open []omni.Event // what began and is not over
	over := func(began string, of omni.Event) {
		open = slices.DeleteFunc(open, func(e omni.Event) bool {
			return e.Type == began && (began != omni.MonitorStarted || e.SegmentID == of.SegmentID)
		})
	}
	for _, e := range events {
		switch e.Type {
		case omni.ConversationConsultStarted, omni.MonitorStarted, omni.ConversationFlowEntered:
			open = append(open, e)
		case omni.ConversationConsultEnded, omni.ConversationPartyJoined: // who joins is asked no longer
			over(omni.ConversationConsultStarted, e)
		case omni.ConversationFlowLeft:
			over(omni.ConversationFlowEntered, e)
		case omni.MonitorModeChanged:
			for i := range open {
				if open[i].SegmentID == e.SegmentID && open[i].Type == omni.MonitorStarted {
					open[i].Data = e.Data
				}
			}
		case omni.MonitorEnded:
			over(omni.MonitorStarted, e)
		}
	}
	for _, e := range open {
		data := map[string]any{}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fmt.Errorf("event %s of %s: %w", e.ID, v.ID, err)
		}
		typ := cutOff(e.Type, data, now.Sub(e.Time).Milliseconds())
		if typ == "" {
			continue
		}
		end := newEvent(typ, now, v.ID, e.AgentID, e.QueueID, data)
		end.SegmentID = e.SegmentID
		w.Events = append(w.Events, end)
	}
	return nil
}

// cutOff makes the data of what began that of its end with the process, and gives
// the type of that end; empty: nobody waits for one.
func cutOff(began string, data map[string]any, ms int64) (typ string) {
	switch began {
	case omni.MonitorStarted:
		delete(data, "from")
		data["reason"], data["duration_ms"] = monitorOver, ms
		return omni.MonitorEnded
	case omni.ConversationFlowEntered:
		if data["agent_waits"] != true {
			return ""
		}
		delete(data, "agent_waits")
		delete(data, "version")
		data["outcome"], data["duration_ms"] = errandOver, ms
		return omni.ConversationFlowLeft
	}
	delete(data, "joins")
	data["reason"] = consultOver
	return omni.ConversationConsultEnded
}

// closeWork ends the offers, work and queue entries of the conversations that
// are gone, so that the router begins with nobody busy for nothing, and says so
// in the router's own words.
func (c *Center) closeWork(ctx context.Context, now time.Time, w *Write, gone func(conversationID string) bool) error {
	state, err := c.store.RoutingState(ctx)
	if err != nil {
		return fmt.Errorf("routing state: %w", err)
	}
	did := func(o agent.Output) { w.Omni.Events = append(w.Omni.Events, routingEvents(o, now)...) }
	for _, o := range state.Offers {
		if !gone(o.ConversationID) {
			continue
		}
		from := o.State
		switch from {
		case agent.OfferPending:
			o.State = agent.OfferCanceled
		default:
			o.State = agent.OfferCompleted
		}
		o.EndedAt = now
		w.Agent.Offers = append(w.Agent.Offers, o)
		did(agent.OfferEnded{Offer: o, From: from})
	}
	for _, k := range state.Works {
		if !gone(k.ConversationID) {
			continue
		}
		from := k.State
		k.State, k.Since, k.EndedAt, k.EndReason = agent.Idle, now, now, string(omni.SystemError)
		w.Agent.Works = append(w.Agent.Works, k)
		did(agent.WorkStateChanged{Work: k, From: from})
	}
	for _, e := range state.Entries {
		if !gone(e.ConversationID) {
			continue
		}
		e.State, e.Reason, e.UpdatedAt = agent.EntryLeft, string(omni.SystemError), now
		w.Agent.QueueEntries = append(w.Agent.QueueEntries, e)
	}
	return nil
}
