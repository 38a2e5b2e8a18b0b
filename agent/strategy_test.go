package agent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestStrategiesChooseWhomTheyPromise(t *testing.T) {
	tests := []struct {
		strategy Strategy
		prepare  func(f *floor)
		need     []SkillNeed
		want     string
	}{
		{LeastOccupied, func(f *floor) { // ag_1 and ag_3 talked, ag_2 did not
			f.enqueue("cv_a", "qu_a")
			first := f.talk("cv_a")
			f.enqueue("cv_b", "qu_a")
			second := f.talk("cv_b")
			f.wait(time.Minute)
			f.finish("cv_a", first)
			f.finish("cv_b", second)
		}, nil, "ag_3"},
		{LongestIdle, func(f *floor) {
			f.wait(time.Second)
			f.presence("ag_1", Break)
			f.presence("ag_1", Available)
			f.presence("ag_2", Break)
			f.presence("ag_2", Available)
		}, nil, "ag_3"},
		{RoundRobin, func(f *floor) {
			for i := range 4 {
				conv := fmt.Sprint("cv_", i)
				f.enqueue(conv, "qu_a")
				f.finish(conv, f.talk(conv))
			}
		}, nil, "ag_2"},
		{FewestContacts, func(f *floor) {
			for i := range 5 {
				conv := fmt.Sprint("cv_", i)
				f.enqueue(conv, "qu_a")
				f.finish(conv, f.talk(conv))
			}
		}, nil, "ag_3"},
		{BestSkill, func(*floor) {}, []SkillNeed{{"tech", 2}}, "ag_2"},
		{TopDown, func(*floor) {}, nil, "ag_3"},
	}
	for _, tt := range tests {
		t.Run(string(tt.strategy), func(t *testing.T) {
			f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) {
				q.Strategy = tt.strategy
				q.Order = []string{"ag_3", "ag_1"}
				q.WrapUpTime = 0
			}))
			f.agent("ag_1", map[string]int{"tech": 3}, "qu_a")
			f.agent("ag_2", map[string]int{"tech": 5}, "qu_a")
			f.agent("ag_3", map[string]int{"tech": 4}, "qu_a")
			tt.prepare(f)
			f.enqueue("cv_x", "qu_a", tt.need...)
			o := f.wantOffer("cv_x", tt.want)
			x := o.Explanation
			if x.Rule != RuleStrategy || x.Strategy != tt.strategy || len(x.Candidates) != 3 || !x.Candidates[0].Chosen {
				t.Errorf("explanation %+v", x)
			}
			if x.Members != (MemberCount{Total: 3, LoggedIn: 3, Active: 3, Eligible: 3, Ready: 3}) {
				t.Errorf("members %+v", x.Members)
			}
		})
	}
}

func TestRandomIsFairAndFollowsTheSeed(t *testing.T) {
	run := func(seed uint64) (order []string) {
		f := newFloor(t, RouterConfig{Seed: seed}, queue("qu_a", func(q *Queue) { q.Strategy, q.WrapUpTime = Random, 0 }))
		for i := range 4 {
			f.agent(fmt.Sprint("ag_", i), nil, "qu_a")
		}
		for i := range 4000 {
			conv := fmt.Sprint("cv_", i)
			f.enqueue(conv, "qu_a")
			a := f.talk(conv)
			f.finish(conv, a)
			order = append(order, a)
		}
		return order
	}
	order := run(5)
	if !slices.Equal(order, run(5)) || slices.Equal(order, run(6)) {
		t.Fatal("the order does not follow the seed")
	}
	counts := map[string]int{}
	for _, a := range order {
		counts[a]++
	}
	for a, n := range counts {
		if n < 880 || n > 1120 { // 1000 ± 4 standard deviations
			t.Errorf("%s got %d of 4000", a, n)
		}
	}
}

func TestRingAllRingsEverybodyAndRescindsTheRest(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) { q.Strategy = RingAll }))
	for i := 1; i <= 3; i++ {
		f.agent(fmt.Sprint("ag_", i), nil, "qu_a")
	}
	created := find[OfferCreated](f.enqueue("cv_1", "qu_a"))
	if len(created) != 3 {
		t.Fatalf("%d offers", len(created))
	}
	f.enqueue("cv_2", "qu_a")
	f.wantWaiting("cv_2")
	outs := f.do(Reject{At: f.at(), OfferID: created[2].Offer.ID})
	if len(find[EntryQueued](outs)) != 0 { // others still ring for cv_1
		t.Fatalf("outputs %+v", outs)
	}
	f.wantOffer("cv_2", created[2].Offer.AgentID)
	outs = f.do(Accept{At: f.at(), OfferID: created[0].Offer.ID})
	ended := find[OfferEnded](outs)
	if len(ended) != 2 || ended[0].Offer.State != OfferAccepted || ended[1].Offer.State != OfferRescinded {
		t.Fatalf("ended %+v", ended)
	}
	if err := Refusal(f.try(Accept{At: f.at(), OfferID: created[1].Offer.ID})); err == nil {
		t.Fatal("the second acceptance was not refused")
	}
}

func TestRelaxationWidensInTimeAndEarlierRingsKeepPreference(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) {
		q.Skills = []SkillNeed{{"tech", 4}}
		q.Relaxation = []RelaxStep{{After: 20, Level: 2}, {After: 60, Level: 0}}
	}))
	f.agent("ag_low", map[string]int{"tech": 2}, "qu_a")
	f.agent("ag_none", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.wantWaiting("cv_1")
	if why := f.r.entries["cv_1"].row.Reason; why != WaitNoSkill {
		t.Fatalf("waits because %s", why)
	}
	f.wait(19999 * time.Millisecond)
	f.wantWaiting("cv_1")
	f.wait(time.Millisecond)
	o := f.wantOffer("cv_1", "ag_low")
	x := o.Explanation
	if x.RelaxationStep != 1 || x.WaitedMS != 20000 || len(x.Waits) != 1 || x.Waits[0].Why != WaitNoSkill {
		t.Fatalf("explanation %+v", x)
	}
	if want := (SkillMatch{"tech", 4, 2, 2}); x.Skills[0] != want {
		t.Fatalf("skills %+v", x.Skills)
	}
	if want := (PassedOver{"ag_none", WhyLaterRing}); !slices.Contains(x.PassedOver, want) {
		t.Fatalf("passed over %+v", x.PassedOver)
	}
	// Both fit an old conversation by now: the earlier ring wins, idle time or not.
	f.agent("ag_high", map[string]int{"tech": 5}, "qu_a")
	f.do(Enqueue{At: f.at(), ConversationID: "cv_2", QueueID: "qu_a", EnteredAt: f.now.Add(-2 * time.Minute)})
	f.wantOffer("cv_2", "ag_high")
	f.do(Enqueue{At: f.at(), ConversationID: "cv_3", QueueID: "qu_a", EnteredAt: f.now.Add(-2 * time.Minute)})
	f.wantOffer("cv_3", "ag_none")
}

func TestPriorityAndAgeing(t *testing.T) {
	tests := []struct {
		name   string
		ageing int
		head   time.Duration // how much longer the normal one waits
		want   string
	}{
		{"priority goes first", 1, 5 * time.Second, "cv_vip"},
		{"age makes up for it", 1, 11 * time.Second, "cv_old"},
		{"not without ageing", 0, time.Hour / 10, "cv_vip"},
		{"faster ageing", 5, 3 * time.Second, "cv_old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) { q.Ageing = tt.ageing }))
			f.enqueue("cv_old", "qu_a")
			f.wait(tt.head)
			f.do(Enqueue{At: f.at(), ConversationID: "cv_vip", QueueID: "qu_a", Priority: 10})
			if p, _, ok := f.r.Position(tt.want); !ok || p != 1 {
				t.Errorf("position %d", p)
			}
			f.agent("ag_1", nil, "qu_a")
			o := f.wantOffer(tt.want, "ag_1")
			if want := int64(10000); tt.want == "cv_vip" && o.Explanation.Score != want {
				t.Errorf("score %d, want %d", o.Explanation.Score, want)
			}
		})
	}
}

func TestTheHighestScoreOfSeveralQueuesWins(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_slow", nil), queue("qu_fast", func(q *Queue) { q.Ageing = 10 }))
	f.enqueue("cv_slow", "qu_slow")
	f.wait(20 * time.Second)
	f.enqueue("cv_fast", "qu_fast")
	f.wait(3 * time.Second) // 23 points against 30
	f.agent("ag_1", nil, "qu_slow", "qu_fast")
	f.wantOffer("cv_fast", "ag_1")
}

func TestStickyAgent(t *testing.T) {
	setup := func(t *testing.T) *floor {
		f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) { q.StickyAgent, q.WrapUpTime = 15, 0 }))
		f.agent("ag_1", nil, "qu_a")
		f.enqueue("cv_0", "qu_a")
		f.talk("cv_0")
		f.agent("ag_2", nil, "qu_a")
		f.do(Enqueue{At: f.at(), ConversationID: "cv_1", QueueID: "qu_a", PreferredAgent: "ag_1"})
		f.wantWaiting("cv_1") // for ag_1, while ag_2 is idle
		return f
	}
	t.Run("gets free in time", func(t *testing.T) {
		f := setup(t)
		f.wait(10 * time.Second)
		f.finish("cv_0", "ag_1")
		if o := f.wantOffer("cv_1", "ag_1"); o.Explanation.Rule != RuleSticky {
			t.Errorf("explanation %+v", o.Explanation)
		}
	})
	t.Run("time is over", func(t *testing.T) {
		f := setup(t)
		f.wait(15 * time.Second)
		o := f.wantOffer("cv_1", "ag_2")
		if !slices.Contains(o.Explanation.PassedOver, PassedOver{"ag_1", WhyBusy}) || o.Explanation.Waits[0].Why != WaitSticky {
			t.Errorf("explanation %+v", o.Explanation)
		}
	})
	t.Run("goes home", func(t *testing.T) {
		f := setup(t)
		f.presence("ag_1", Offline)
		f.wantOffer("cv_1", "ag_2")
	})
	t.Run("is offline from the start", func(t *testing.T) {
		f := setup(t)
		f.presence("ag_1", Offline)
		f.agent("ag_3", nil, "qu_a")
		f.do(Enqueue{At: f.at(), ConversationID: "cv_2", QueueID: "qu_a", PreferredAgent: "ag_1"})
		f.wantOffer("cv_2", "ag_3")
	})
}

// Agents of equal skill share the work: the least against the most occupied
// time of those who were there all the time, and of who came late since then.
func TestLoadBalance(t *testing.T) {
	const agents = 30
	balance := func(s Strategy, seed uint64) float64 {
		rng := rand.New(rand.NewPCG(seed, 9))
		f := newFloor(t, RouterConfig{Seed: seed}, queue("qu_a", func(q *Queue) { q.Strategy = s }))
		for i := range agents {
			f.agent(fmt.Sprintf("ag_%02d", i), nil, "qu_a")
		}
		occupied := simulateDay(f, rng, agents)
		lo, hi := occupied[0], occupied[0]
		for _, d := range occupied {
			lo, hi = min(lo, d), max(hi, d)
		}
		return float64(lo) / float64(hi)
	}
	for seed := range uint64(3) {
		least, random := balance(LeastOccupied, seed), balance(Random, seed)
		t.Logf("seed %d: least_occupied %.3f, longest_idle %.3f, random %.3f", seed, least, balance(LongestIdle, seed), random)
		if least < 0.90 {
			t.Errorf("seed %d: least_occupied balances %.3f, want at least 0.90", seed, least)
		}
	}
}

// simulateDay lets calls come for eight hours and returns the occupied times.
func simulateDay(f *floor, rng *rand.Rand, agents int) []time.Duration {
	type call struct {
		conv, agent string
		from, until time.Time
	}
	var live []call
	occupied := map[string]time.Duration{}
	end := f.now.Add(8 * time.Hour)
	next := f.now
	for n := 0; f.now.Before(end); n++ {
		at := next
		for _, c := range live {
			if c.until.Before(at) {
				at = c.until
			}
		}
		if at.After(f.now) {
			f.now = at
		}
		live = slices.DeleteFunc(live, func(c call) bool {
			if c.until.After(f.now) {
				return false
			}
			occupied[c.agent] += c.until.Sub(c.from)
			f.finish(c.conv, c.agent)
			return true
		})
		if !next.After(f.now) {
			f.enqueue(fmt.Sprint("cv_", n), "qu_a")
			// 75 % of 30 agents busy with calls of 240 s on average
			next = f.now.Add(time.Duration(rng.ExpFloat64() * float64(240*time.Second) / (0.75 * float64(agents))))
		}
		for id := range f.r.offers {
			o := f.r.offers[id].row
			f.talk(o.ConversationID)
			talk := time.Duration((0.3 + rng.ExpFloat64()*0.7) * float64(240*time.Second))
			live = append(live, call{o.ConversationID, o.AgentID, f.now, f.now.Add(talk)})
		}
		f.log = f.log[:0]
	}
	ds := make([]time.Duration, 0, agents)
	for i := range agents {
		ds = append(ds, occupied[fmt.Sprintf("ag_%02d", i)])
	}
	return ds
}
