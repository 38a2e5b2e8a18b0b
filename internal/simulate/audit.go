package simulate

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// settleTime is how long after the last call the installation may take until
// nothing of it is left: wrap-ups and offers end, recordings close.
const settleTime = 90 * time.Second

// settle waits until no simulated conversation lives and no agent works, and
// names what is stuck.
func (s *simulation) settle(ctx context.Context) {
	limit := time.Now().Add(settleTime)
	for {
		stuck, err := s.stuck(ctx)
		if err != nil {
			stuck = []string{err.Error()}
		}
		if len(stuck) == 0 {
			return
		}
		if time.Now().After(limit) || !pause(ctx, 500*time.Millisecond) {
			s.report.with(func(r *Report) { r.Stuck = stuck })
			return
		}
	}
}

func (s *simulation) stuck(ctx context.Context) ([]string, error) {
	b, err := s.wallboard(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range b.Agents {
		for _, w := range a.Works {
			if s.mine(a.AgentID) && w.State != agent.Idle {
				out = append(out, fmt.Sprintf("agent %s is %s with %s", a.AgentID, w.State, w.ConversationID))
			}
		}
	}
	for _, q := range b.Queues {
		for _, e := range q.Entries {
			out = append(out, fmt.Sprintf("%s waits in %s", e.ConversationID, q.QueueID))
		}
	}
	for _, c := range b.Live {
		if c.Simulated {
			out = append(out, fmt.Sprintf("conversation %s is %s", c.ID, c.State))
		}
	}
	return out, nil
}

// audit compares what the simulation saw with what the installation has.
func (s *simulation) audit(ctx context.Context, started time.Time) error {
	convs, err := s.conversations(ctx, started)
	if err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	for _, c := range convs {
		if err := s.auditOne(ctx, c); err != nil {
			return err
		}
	}
	s.report.with(func(r *Report) {
		r.Conversations = len(convs)
		r.Lost = max(0, r.Calls-r.Refused-len(convs))
	})
	return s.levels(ctx, started)
}

// conversations are those whose callers were of this simulation.
func (s *simulation) conversations(ctx context.Context, started time.Time) ([]omni.Conversation, error) {
	prefix := fmt.Sprintf("sim%d-", s.cfg.Seed%1_000_000)
	list, err := all[omni.Conversation](ctx, s.api, "/conversations", url.Values{
		"simulated": {"true"}, "caller": {prefix}, "from": {started.UTC().Add(-time.Second).Format(time.RFC3339)},
	})
	var mine []omni.Conversation
	for _, c := range list {
		if strings.HasPrefix(c.CallerNumber, prefix) {
			mine = append(mine, c)
		}
	}
	return mine, err
}

// auditOne checks that a conversation is complete, its recording too.
func (s *simulation) auditOne(ctx context.Context, c omni.Conversation) error {
	var d omni.Detail
	if err := s.api.call(ctx, http.MethodGet, "/conversations/"+c.ID, nil, &d); err != nil {
		return fmt.Errorf("conversation %s: %w", c.ID, err)
	}
	s.report.with(func(r *Report) {
		if d.Conversation.State != omni.Completed || d.Conversation.EndReason == "" {
			r.Stuck = append(r.Stuck, fmt.Sprintf("conversation %s is %s, ended by %q", c.ID, d.Conversation.State, d.Conversation.EndReason))
		}
		for _, seg := range d.Segments {
			if seg.EndedAt.IsZero() {
				r.Stuck = append(r.Stuck, fmt.Sprintf("segment %s of %s is open", seg.Kind, c.ID))
			}
		}
	})
	if d.Conversation.AnsweredAt.IsZero() {
		return nil
	}
	var got time.Duration
	whole := len(d.Recordings) > 0
	for _, rec := range d.Recordings {
		length, err := s.recorded(ctx, rec)
		if err != nil {
			s.incomplete("recording %s of %s: %v", rec.ID, c.ID, err)
			whole = false
		}
		got += length
	}
	want := d.Conversation.EndedAt.Sub(d.Conversation.AnsweredAt)
	missing := want - got
	// A frame at either end is the granularity; a second more is the talk of
	// another call.
	if len(d.Recordings) == 0 || missing > tailTime || missing < -time.Second {
		s.incomplete("conversation %s talked %s and has %s recorded", c.ID, want.Round(time.Millisecond), got)
		whole = false
	}
	s.report.recorded(len(d.Recordings), whole, missing)
	return nil
}

func (s *simulation) incomplete(format string, args ...any) {
	s.report.with(func(r *Report) { r.Incomplete = append(r.Incomplete, fmt.Sprintf(format, args...)) })
}

// levels compares the service levels of the figures with those computed again
// from the journal alone.
func (s *simulation) levels(ctx context.Context, started time.Time) error {
	events, err := s.api.events(ctx, 0)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	from, to := started.UTC().Truncate(time.Second), time.Now().UTC().Truncate(time.Second).Add(time.Second)
	var table struct {
		Rows []insight.Row `json:"rows"`
	}
	q := url.Values{"by": {string(insight.ByQueue)}, "granularity": {string(insight.Whole)}, "id": {s.cfg.Queue},
		"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	if err := s.api.call(ctx, http.MethodGet, "/figures?"+q.Encode(), nil, &table); err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	return s.compare(table.Rows, events, from, to)
}

// compare puts the two computations of each formula side by side.
func (s *simulation) compare(rows []insight.Row, events []omni.Event, from, to time.Time) error {
	again, err := insight.Recompute(slices.Values(events), insight.Query{
		By: insight.ByQueue, Granularity: insight.Whole, From: from, To: to, IDs: []string{s.cfg.Queue},
	})
	if err != nil {
		return fmt.Errorf("recompute from the journal: %w", err)
	}
	row := func(rows []insight.Row) insight.Row {
		if len(rows) == 0 {
			return insight.Row{}
		}
		return rows[0]
	}
	a, b := row(rows), row(again)
	for _, code := range []agent.Formula{agent.SLStrict, agent.SLOffered, agent.SLAnswered, agent.SLRemoved, agent.SLFair} {
		x, y := a.Figure(string(code)), b.Figure(string(code))
		s.report.with(func(r *Report) {
			r.Levels = append(r.Levels, Level{Code: string(code), Figures: x.Value, Journal: y.Value,
				Equal: x.Defined == y.Defined && math.Abs(x.Value-y.Value) < 1e-9})
		})
	}
	return nil
}
