package journey

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// recover closes what a former process of this node left behind: it says BYE to
// dialogs that are still open, completes recordings and conversations, and
// leaves the places in queues for callers who ring again.
func (c *Center) recover(ctx context.Context) error {
	return c.closeLeft(ctx, c.cfg.NodeID, c.endOrphans)
}

// CloseRestored closes the conversations, of whichever node, that were live when
// a backup was made. It says BYE to nobody: those calls belong to the process
// that made the backup, which may still carry them. cfg needs Recordings, and
// Now for the time of the backup.
func CloseRestored(ctx context.Context, cfg Config, store Store, log *slog.Logger) error {
	c := &Center{cfg: cfg.withDefaults(), store: store, log: log}
	c.now = c.cfg.Now
	return c.closeLeft(ctx, "", func(context.Context, []omni.Leg) {})
}

// closeLeft closes what the processes of a node, or of all when it is empty,
// left behind; bye ends their dialogs.
func (c *Center) closeLeft(ctx context.Context, node string, bye func(context.Context, []omni.Leg)) error {
	live, err := c.store.LiveConversations(ctx, node)
	if err != nil {
		return fmt.Errorf("conversations left behind: %w", err)
	}
	legs, err := c.store.OpenLegs(ctx, node)
	if err != nil {
		return fmt.Errorf("legs left behind: %w", err)
	}
	records, err := c.store.UnfinishedRecordings(ctx, node)
	if err != nil {
		return fmt.Errorf("recordings left behind: %w", err)
	}
	now := c.now()
	var w Write
	if err := c.closeWork(ctx, now, &w); err != nil {
		return err
	}
	if len(live)+len(legs)+len(records)+len(w.Agent.Offers)+len(w.Agent.Works)+len(w.Agent.QueueEntries) == 0 {
		return nil
	}
	bye(ctx, legs)
	for _, leg := range legs {
		leg.EndedAt, leg.EndReason, leg.Dialog = now, omni.SystemError, nil
		w.Omni.Legs = append(w.Omni.Legs, leg)
	}
	for _, r := range records {
		r, ev := c.repaired(r, now)
		w.Omni.Recordings = append(w.Omni.Recordings, r)
		w.Omni.Events = append(w.Omni.Events, ev)
	}
	for _, v := range live {
		if err := c.close(ctx, v, now, &w.Omni); err != nil {
			return err
		}
	}
	if err := c.store.Commit(ctx, w); err != nil {
		return fmt.Errorf("close what was left behind: %w", err)
	}
	c.log.Warn("closed what a former process left", "conversations", len(live), "dialogs", len(legs), "recordings", len(records))
	return nil
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

// repaired gives the row and the event of a recording whose process died: it is
// complete up to that moment, or its file cannot be read.
func (c *Center) repaired(r omni.Recording, now time.Time) (omni.Recording, omni.Event) {
	info, err := wav.Repair(c.pathOf(r.Path))
	r.Bytes, r.DurationMS = info.Bytes, info.Duration.Milliseconds()
	r.EndedAt = r.StartedAt.Add(info.Duration)
	if err != nil {
		c.log.Error("recording left behind cannot be read", "recording", r.ID, "err", err)
		r.State, r.Failure, r.EndedAt = omni.RecordingFailed, failureOf(err), now
		if r.Failure == omni.FailedWrite { // nothing was written here: the file is gone or cannot be opened
			r.Failure = omni.FailedDamaged
		}
		return r, newEvent(omni.RecordingFailedEvent, now, r.ConversationID, "", "", failedData(r))
	}
	r.State = omni.RecordingReady
	return r, newEvent(omni.RecordingReadyEvent, now, r.ConversationID, "", "", map[string]any{
		"recording_id": r.ID, "duration_ms": r.DurationMS, "bytes": r.Bytes,
	})
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

// closeWork ends offers, work and queue entries of a process that died, so that
// the router begins with nobody busy, and says so in the router's own words.
func (c *Center) closeWork(ctx context.Context, now time.Time, w *Write) error {
	state, err := c.store.RoutingState(ctx)
	if err != nil {
		return fmt.Errorf("routing state: %w", err)
	}
	did := func(o agent.Output) { w.Omni.Events = append(w.Omni.Events, routingEvents(o, now)...) }
	for _, o := range state.Offers {
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
		from := k.State
		k.State, k.Since, k.EndedAt, k.EndReason = agent.Idle, now, now, string(omni.SystemError)
		w.Agent.Works = append(w.Agent.Works, k)
		did(agent.WorkStateChanged{Work: k, From: from})
	}
	for _, e := range state.Entries {
		e.State, e.Reason, e.UpdatedAt = agent.EntryLeft, string(omni.SystemError), now
		w.Agent.QueueEntries = append(w.Agent.QueueEntries, e)
	}
	return nil
}
