package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

const (
	historyDays = 7
	callsPerDay = 90
	opening     = 1 * time.Hour  // of a day in UTC: 09:00 in Shanghai
	open        = 14 * time.Hour // how long the shop's people work
	perCommit   = 60             // conversations
)

var people = []struct{ name, language, number string }{
	{"林薇", "zh-CN", "+8613800138000"}, {"王磊", "zh-CN", "+8613900139001"}, {"陈静", "zh-CN", "+8613700137002"},
	{"赵敏", "zh-CN", "+8613600136003"}, {"刘洋", "zh-CN", "+8615000150004"}, {"周杰", "zh-CN", "+8615100151005"},
	{"Marco Tan", "en", "+6581230006"}, {"Ruth Adler", "en", "+442079460007"}, {"Dana Kim", "en", "+12025550108"},
	{"João Prado", "en", "+351210000009"}, {"Nadia Young", "en", "+61291920010"}, {"Tomas Berg", "en", "+4687120011"},
	{"佐藤花子", "ja", "+81312340012"}, {"鈴木一郎", "ja", "+81612340013"}, {"高橋美咲", "ja", "+81452340014"},
}

// history makes past conversations that follow the same tables as live ones.
type history struct {
	rnd    *rand.Rand
	now    time.Time
	who    []omni.Customer
	free   map[string]time.Time // when an agent is done with the last call
	change omni.Change
}

// seedHistory writes a week of conversations that end before now. The same
// moment gives the same history.
func seedHistory(ctx context.Context, s Store, now time.Time) error {
	h := &history{rnd: rand.New(rand.NewPCG(9000, 9002)), now: now, free: map[string]time.Time{}}
	h.customers()
	first := now.Add(-historyDays * 24 * time.Hour).Truncate(24 * time.Hour).Add(opening)
	n := 0
	for day := range historyDays + 1 {
		start := first.Add(time.Duration(day) * 24 * time.Hour)
		h.shift(start)
		for i := range callsPerDay {
			at := start.Add(time.Duration(i)*open/callsPerDay + h.upTo(9*time.Minute))
			if at.After(now.Add(-30 * time.Minute)) {
				break
			}
			h.conversation(at)
			if n++; n%perCommit == 0 {
				if err := h.flush(ctx, s); err != nil {
					return err
				}
			}
		}
	}
	return h.flush(ctx, s)
}

// shift logs the agents in and out.
func (h *history) shift(start time.Time) {
	for _, who := range []string{agentOne, agentTwo} {
		h.presence(who, start, agent.Offline, agent.Available)
		h.presence(who, start.Add(open), agent.Available, agent.Offline)
	}
}

func (h *history) presence(who string, at time.Time, from, to agent.PresenceState) {
	if at.After(h.now) {
		return
	}
	data, _ := json.Marshal(map[string]any{"from": from, "presence": to, "set_by": agent.ByAgent, "since": at, "connected": to == agent.Available})
	h.change.Events = append(h.change.Events, omni.Event{ID: id.New(id.Event), Type: omni.AgentPresenceChanged, Time: at, AgentID: who, Data: data})
}

func (h *history) flush(ctx context.Context, s Store) error {
	c := h.change
	h.change = omni.Change{}
	slices.SortStableFunc(c.Events, func(a, b omni.Event) int { return a.Time.Compare(b.Time) })
	if _, err := s.CommitOmni(ctx, c); err != nil {
		return fmt.Errorf("seed the demo history: %w", err)
	}
	return nil
}

func (h *history) customers() {
	for _, p := range people {
		c := omni.Customer{ID: id.New(id.Customer), Name: p.name, Language: p.language, Demo: true, CreatedAt: h.now.AddDate(-1, 0, 0), UpdatedAt: h.now}
		h.who = append(h.who, c)
		h.change.Customers = append(h.change.Customers, c)
		h.change.Identities = append(h.change.Identities, omni.Identity{
			ID: id.New(id.Identity), CustomerID: c.ID, Kind: omni.IdentityPhone, Value: p.number, VerifiedBy: omni.VerifiedByCallerID, CreatedAt: c.CreatedAt,
		})
	}
}

// upTo is a random duration below d.
func (h *history) upTo(d time.Duration) time.Duration { return time.Duration(h.rnd.Int64N(int64(d))) }

// about is a random duration around d, never below a tenth of it.
func (h *history) about(d time.Duration) time.Duration {
	return max(d/10, time.Duration(float64(d)*(1+0.45*h.rnd.NormFloat64()))).Truncate(time.Microsecond)
}

func (h *history) event(typ string, c *omni.Conversation, at time.Time, agentID, queueID string, data any) {
	ev := omni.Event{ID: id.New(id.Event), Type: typ, Time: at, ConversationID: c.ID, AgentID: agentID, QueueID: queueID}
	if data != nil {
		ev.Data, _ = json.Marshal(data) // our own maps of plain values
	}
	h.change.Events = append(h.change.Events, ev)
}

func (h *history) segment(c *omni.Conversation, kind omni.SegmentKind, from, to time.Time, agentID, queueID string, why omni.EndReason) {
	s := omni.Segment{ID: id.New(id.Segment), ConversationID: c.ID, Kind: kind, QueueID: queueID, AgentID: agentID, EndReason: why,
		Demo: true, StartedAt: from, EndedAt: to}
	switch kind {
	case omni.SegmentFlow:
		s.FlowID = c.FlowID
	case omni.SegmentAgent:
		s.WrapUpCode = c.WrapUpCode
	}
	h.change.Segments = append(h.change.Segments, s)
	h.event(omni.SegmentStarted, c, from, agentID, queueID, map[string]any{"kind": kind})
	h.event(omni.SegmentEnded, c, to, agentID, queueID, map[string]any{"kind": kind, "end_reason": why, "duration_ms": to.Sub(from).Milliseconds()})
}

var menu = []struct {
	queue, path string
	codes       []string
}{
	{queueSales, "menu › 1", []string{"order_placed", "information"}},
	{queueService, "menu › 2", []string{"delivery", "return"}},
	{queueFinance, "menu › 3", []string{"invoice"}},
}

func (h *history) conversation(at time.Time) {
	i := h.rnd.IntN(len(people))
	m := menu[h.rnd.IntN(len(menu))]
	c := omni.Conversation{
		ID: id.New(id.Conversation), CustomerID: h.who[i].ID, Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
		Language: people[i].language, LineID: "ln_local", NumberID: "nu_9000", DialledNumber: "9000", CallerNumber: people[i].number,
		FlowID: "fl_demo_main", FlowVersion: 1, FlowPath: []string{m.path}, Demo: true, CreatedAt: at, State: omni.Completed,
	}
	h.event(omni.ConversationInitiated, &c, at, "", "", map[string]any{"channel": c.Channel, "direction": c.Direction, "demo": true})
	h.event(omni.ConversationFlowEntered, &c, at, "", "", map[string]any{"flow_id": c.FlowID, "version": 1})
	queued := at.Add(h.about(9 * time.Second))
	if h.rnd.IntN(20) == 0 { // hung up in the menu
		h.segment(&c, omni.SegmentFlow, at, queued, "", "", omni.CustomerDisconnect)
		h.complete(&c, queued, queued, omni.CustomerDisconnect)
		return
	}
	h.segment(&c, omni.SegmentFlow, at, queued, "", "", omni.NextStep)
	c.QueueID = m.queue
	h.event(omni.ConversationQueued, &c, queued, "", m.queue, nil)
	h.event(omni.QueueEntered, &c, queued, "", m.queue, map[string]any{"entered_at": queued, "requeued": false})
	who := h.agentFor(c.Language)
	connected := queued.Add(h.about(9 * time.Second))
	if free := h.free[who].Add(5 * time.Second); free.After(connected) {
		connected = free
	}
	if h.rnd.IntN(14) == 0 || connected.Sub(queued) > 100*time.Second { // gave up waiting
		gone := queued.Add(min(h.about(35*time.Second), connected.Sub(queued)))
		h.segment(&c, omni.SegmentQueue, queued, gone, "", m.queue, omni.CustomerDisconnect)
		h.complete(&c, gone, gone, omni.CustomerDisconnect)
		return
	}
	h.talk(&c, who, queued, connected, m.codes)
}

// agentFor picks who speaks the language; English is shared.
func (h *history) agentFor(language string) string {
	if language == "ja" || language == "en" && h.rnd.IntN(2) == 0 {
		return agentTwo
	}
	return agentOne
}

// talk is the part with an agent.
func (h *history) talk(c *omni.Conversation, who string, queued, connected time.Time, codes []string) {
	c.AgentID, c.AnsweredAt = who, connected
	ring := h.about(4 * time.Second)
	h.segment(c, omni.SegmentQueue, queued, connected, "", c.QueueID, omni.Answered)
	h.segment(c, omni.SegmentOffer, connected.Add(-min(ring, connected.Sub(queued))), connected, who, c.QueueID, omni.Answered)
	h.event(omni.OfferAccepted, c, connected, who, c.QueueID, nil)
	h.event(omni.ConversationConnected, c, connected, who, c.QueueID, nil)
	end := connected.Add(h.about(170 * time.Second))
	if h.rnd.IntN(5) == 0 {
		from := connected.Add(end.Sub(connected) / 3)
		h.segment(c, omni.SegmentHold, from, from.Add(min(h.about(20*time.Second), end.Sub(connected)/3)), who, c.QueueID, omni.Resumed)
	}
	why := omni.CustomerDisconnect
	if h.rnd.IntN(3) == 0 {
		why = omni.AgentDisconnect
	}
	c.WrapUpCode = codes[h.rnd.IntN(len(codes))]
	h.segment(c, omni.SegmentAgent, connected, end, who, c.QueueID, why)
	done := end.Add(h.about(22 * time.Second))
	h.free[who] = done
	h.event(omni.ConversationWrapUpStarted, c, end, who, c.QueueID, map[string]any{"end_reason": why})
	h.segment(c, omni.SegmentWrapUp, end, done, who, c.QueueID, omni.WrappedUp)
	h.complete(c, end, done, why)
}

func (h *history) complete(c *omni.Conversation, ended, completed time.Time, why omni.EndReason) {
	c.EndedAt, c.CompletedAt, c.EndReason = ended, completed, why
	h.change.Conversations = append(h.change.Conversations, *c)
	h.event(omni.ConversationCompleted, c, completed, c.AgentID, c.QueueID, map[string]any{
		"end_reason": why, "answered": !c.AnsweredAt.IsZero(), "wrap_up_code": c.WrapUpCode, "duration_ms": ended.Sub(c.CreatedAt).Milliseconds(),
	})
}
