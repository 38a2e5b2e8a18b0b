package call

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
)

var (
	modelSequences = flag.Int("sequences", 2000, "random sequences of operations on a call")
	modelSeed      = flag.Uint64("model-seed", 0, "seed of the random sequences; 0: a new one each run")
)

// partyModel is what the model knows of somebody in the call.
type partyModel struct {
	role         Supervision
	aside, muted bool
}

// callModel says who hears whom, by the words of the documentation alone.
type callModel struct {
	in        map[string]*partyModel
	names     []string // who was seated aside last
	lead      string
	leadAside bool
	held      bool
	muted     bool // the customer
	served    bool // the customer is with a flow
}

func (m *callModel) sits(p *partyModel) bool {
	if p.role != Talk {
		return m.leadAside
	}
	return p.aside
}

// hears tells whether to hears from; "customer" is one of them.
func (m *callModel) hears(to, from string) bool {
	t, f := m.in[to], m.in[from]
	switch {
	case to == "customer":
		return !m.held && !f.muted && !m.sits(f) && (f.role == Talk || f.role == Barge)
	case from == "customer":
		return !m.held && !m.muted && !m.sits(t)
	case f.muted || m.sits(t) != m.sits(f) || f.role == Monitor:
		return false
	case f.role == Whisper && m.in[m.lead] != nil:
		return to == m.lead && t.role == Talk
	case f.role == Whisper:
		return t.role == Talk // every one here is an agent
	}
	return true
}

// waits tells whether somebody hears what is played to those who are left alone.
func (m *callModel) waits(id string) bool {
	for other, p := range m.in {
		if other != id && p.role == Talk && (id == "customer" && !p.aside || id != "customer" && p.aside) {
			return false
		}
	}
	return id == "customer" || len(m.names) > 0 && m.in[id].role == Talk && m.in[id].aside
}

// seat gives newID the seat of oldID.
func (m *callModel) seat(oldID, newID string) {
	if i := slices.Index(m.names, oldID); i >= 0 {
		m.names[i], m.in[newID].aside = newID, true
	}
	if oldID != "" && m.lead == oldID {
		m.lead = newID
	}
}

// quiet is a control without lines and browsers, for legs that carry no sound.
func quiet(t *testing.T) *Control {
	t.Helper()
	engine := media.NewEngine(media.EngineConfig{Shards: 1})
	ctx, stop := context.WithCancel(context.Background()) // the calls end before it
	done := make(chan struct{})
	go func() { defer close(done); _ = engine.Run(ctx) }()
	ctl := New(Config{}, nil, engine, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { ctl.Close(); stop(); <-done })
	return ctl
}

// aTone is what those hear who are left alone.
var aTone = []Prompt{{Samples: make([]int16, 160), Rate: media.Rate8k}}

// sequence is one random sequence with its call.
type sequence struct {
	t    *testing.T
	rng  *rand.Rand
	ctl  *Control
	call *Call
	legs map[string]*Leg
	m    callModel
	did  []string
}

func (s *sequence) leg(id string, p Party) *Leg {
	l, err := s.ctl.NewQuietLeg(Info{ID: id, Kind: Browser, Party: p})
	if err != nil {
		s.t.Fatal(err)
	}
	s.legs[id] = l
	return l
}

// any gives somebody's id, in the call or not.
func (s *sequence) any() string { return fmt.Sprint("p", s.rng.IntN(6)) }

// talkers counts those who talk, the customer included.
func (s *sequence) talkers() int {
	n := 1
	for _, p := range s.m.in {
		if p.role == Talk {
			n++
		}
	}
	return n
}

// join notes who came, unless there is no room; false: refused.
func (s *sequence) join(id string, role Supervision, err error) bool {
	p := s.m.in[id]
	if full := (p == nil || p.role != Talk) && role == Talk && s.talkers() >= MaxParties; full || s.legs[id].isDone() && p == nil {
		if err == nil {
			s.fail("%s came, in vain expected", id)
		}
		return false
	}
	if err != nil {
		s.fail("%s did not come: %v", id, err)
	}
	if p == nil {
		s.m.in[id] = &partyModel{role: role}
	} else {
		p.role = role
	}
	return true
}

// step does one random thing to call and model.
func (s *sequence) step() {
	id, other := s.any(), s.any()
	switch k := s.rng.IntN(20); {
	case k < 3:
		s.note("bridge", id)
		s.join(id, Talk, s.call.Bridge(s.legs[id]))
	case k < 6:
		s.note("join aside", id)
		err := s.call.JoinAside(s.legs[id])
		if len(s.m.names) == 0 {
			if err == nil {
				s.fail("%s sits aside with nobody", id)
			}
		} else if s.join(id, Talk, err) {
			s.m.in[id].aside = true
			if !slices.Contains(s.m.names, id) {
				s.m.names = append(s.m.names, id)
			}
		}
	case k < 10:
		s.arrange(id, other)
	case k == 10:
		s.note("hold", "")
		s.m.held = s.call.Hold() == nil
	case k == 11:
		s.note("resume", "")
		_ = s.call.Resume()
		s.m.held = false
	case k < 14:
		how := Supervisions[s.rng.IntN(3)]
		s.note(string(how), id)
		s.join(id, how, s.call.Supervise(s.legs[id], how))
	case k == 14:
		s.takeOver(id, other)
	case k == 15:
		s.note("mute", id)
		on := s.rng.IntN(2) == 0
		if err := s.call.Mute(id, on); (err == nil) != (s.m.in[id] != nil) {
			s.fail("mute %s: %v", id, err)
		} else if err == nil {
			s.m.in[id].muted = on
		}
	case k == 16:
		s.note("unbridge", id)
		s.call.Unbridge(id)
		delete(s.m.in, id)
	case k < 19:
		s.replace(id)
	default:
		s.note("hang up", id)
		s.legs[id].Hangup(AgentDisconnect)
		delete(s.m.in, id)
		s.settled(id)
	}
}

func (s *sequence) arrange(id, other string) {
	seating := Seating{Lead: s.any()}
	if s.rng.IntN(3) == 0 {
		seating.Lead = ""
	}
	for _, x := range []string{id, other} {
		if s.rng.IntN(3) > 0 && !slices.Contains(seating.Aside, x) {
			seating.Aside = append(seating.Aside, x)
		}
	}
	seating.Served = s.rng.IntN(4) == 0
	s.note("arrange", fmt.Sprint(seating))
	seating.Music, seating.LeadHears = aTone, aTone
	if err := s.call.Arrange(seating); err != nil {
		s.fail("%v", err)
	}
	s.m.served = seating.Served
	s.m.names, s.m.lead = slices.Clone(seating.Aside), seating.Lead
	if !seating.Served || seating.Lead != "" { // with a flow alone, supervisors stay where they are
		s.m.leadAside = slices.Contains(seating.Aside, seating.Lead)
	}
	for x, p := range s.m.in {
		p.aside = slices.Contains(seating.Aside, x)
	}
}

func (s *sequence) takeOver(id, other string) {
	s.note("take over", id+" "+other)
	p := s.m.in[id]
	err := s.call.TakeOver(id, other)
	if can := p != nil && p.role != Talk && id != other; can != (err == nil) {
		s.fail("%v", err)
	} else if !can {
		return
	}
	p.role, s.m.held = Talk, false
	s.m.seat(other, id)
	delete(s.m.in, other)
}

// replace has a new leg come into the place of an old one.
func (s *sequence) replace(id string) {
	s.note("replace", id)
	newID := id + "'"
	fresh := s.leg(newID, Agent)
	old := s.m.in[id]
	err := s.call.ReplaceAgent(id, fresh)
	if old == nil && s.talkers() >= MaxParties {
		if err == nil {
			s.fail("%s came, in vain expected", newID)
		}
		fresh.Hangup(AgentLost)
		delete(s.legs, newID)
		s.settled(newID)
		return
	}
	if err != nil {
		s.fail("%v", err)
	}
	p := &partyModel{role: Talk}
	if old != nil {
		p = &partyModel{role: old.role, muted: old.muted}
	}
	delete(s.m.in, id)
	s.m.in[newID] = p
	s.m.seat(id, newID)
	s.compare()
	// It goes by the usual name again: out, and whoever has that name is free.
	fresh.Hangup(AgentLost)
	delete(s.m.in, newID)
	delete(s.legs, newID)
	s.settled(newID)
	if s.legs[id].isDone() {
		s.settled(id)
		s.leg(id, Agent)
	}
}

// settled waits until a leg that ended is out of call and control.
func (s *sequence) settled(id string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		s.ctl.mu.Lock()
		there := s.ctl.legs[id] != nil
		s.ctl.mu.Unlock()
		if !there {
			return
		}
	}
	s.fail("%s is not gone", id)
}

func (s *sequence) note(what, whom string) { s.did = append(s.did, what+" "+whom) }

func (s *sequence) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\nafter %v\nmodel %+v", fmt.Sprintf(format, args...), s.did, s.m)
}

// compare has model and room agree on who hears whom, and the recorder hear who
// talks to the customer.
func (s *sequence) compare() {
	s.t.Helper()
	var gains map[pair]media.Gain
	var right []string
	recorded, music, tone := false, "", ""
	_ = s.call.do(func() error {
		if s.call.back != nil {
			music = s.call.back.ID()
		}
		if s.call.leadSound != nil {
			tone = s.call.leadSound.ID()
		}
		gains, right, recorded = maps.Clone(s.call.gains), slices.Clone(s.call.heardRec[1]), s.call.rec != nil
		return nil
	})
	ids := append(slices.Sorted(maps.Keys(s.m.in)), "customer")
	for _, to := range ids {
		for _, from := range ids {
			if to != from && s.m.hears(to, from) != (gains[pair{from, to}] == media.Unity) {
				s.fail("%s hears %s: %t", to, from, gains[pair{from, to}] == media.Unity)
			}
		}
	}
	for _, id := range ids[:len(ids)-1] {
		p := s.m.in[id]
		waits, lead := s.m.waits(id), id == s.m.lead
		if got := gains[pair{tone, id}] == media.Unity; tone != "" && got != (waits && lead) {
			s.fail("%s hears what is for the lead: %t", id, got)
		}
		if got := gains[pair{music, id}] == media.Unity; music != "" && got != (waits && !lead && !s.m.served) {
			s.fail("%s hears the music: %t", id, got)
		}
		if talks := !p.muted && !s.m.sits(p) && (p.role == Talk || p.role == Barge); recorded && talks != slices.Contains(right, id) {
			s.fail("%s is recorded: %t", id, !talks)
		}
	}
	if got := gains[pair{music, "customer"}] == media.Unity; music != "" && len(s.m.names) > 0 && !s.m.held && got != (s.m.waits("customer") || s.m.served) {
		s.fail("the customer hears the music: %t", got)
	}
	if gains[pair{tone, "customer"}] == media.Unity && tone != "" {
		s.fail("the customer hears what is for the lead")
	}
	for p := range gains {
		for _, id := range []string{p.from, p.to} {
			if s.legs[id] != nil && id != "customer" && s.m.in[id] == nil {
				s.fail("%s is out and has gains", id)
			}
		}
	}
}

// Whatever is done to a call in whatever order, everybody hears whom the
// documentation says, the recorder hears nobody who sits aside, and nothing is
// left in the end.
func TestRandomSequencesOnACall(t *testing.T) {
	t.Parallel()
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with -model-seed)", seed)
	ctl := quiet(t)
	dir := t.TempDir()
	for n := range *modelSequences {
		s := &sequence{t: t, rng: rand.New(rand.NewPCG(seed, uint64(n))), ctl: ctl, legs: map[string]*Leg{}, m: callModel{in: map[string]*partyModel{}}}
		c, err := ctl.NewCall("cv", s.leg("customer", Customer))
		if err != nil {
			t.Fatal(err)
		}
		s.call = c
		if n%8 == 0 { // whose file takes its time to complete
			if err := c.Record(fmt.Sprintf("%s/%d.wav", dir, n%64), nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 6 {
			s.leg(fmt.Sprint("p", i), Agent)
		}
		for range 5 + s.rng.IntN(30) {
			s.step()
			s.compare()
		}
		if s.rng.IntN(2) == 0 {
			s.legs["customer"].Hangup(CustomerDisconnect)
		}
		c.Close()
		for id, l := range s.legs {
			l.Hangup(FlowDisconnect)
			s.settled(id)
		}
		if ctl.Legs() != 0 || ctl.Calls() != 0 {
			s.fail("%d legs and %d calls are left", ctl.Legs(), ctl.Calls())
		}
	}
}
