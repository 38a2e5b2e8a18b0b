package agent

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// step does one random thing, after the time has moved on.
func (w *world) step() {
	w.pass(time.Duration(w.rng.IntN(1200)) * time.Millisecond)
	switch k := w.rng.IntN(100); {
	case k < 26:
		w.arrive()
	case k < 60:
		w.answer()
	case k < 84:
		w.work()
	case k < 90:
		w.hangUp()
	case k < 98:
		w.floorChange()
	default:
		w.configChange()
	}
}

// pass moves the clock; mostly the ticks come at their deadlines, sometimes
// the next input comes first.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	punctual := w.rng.IntN(8) > 0
	for range 200 {
		at, ok := w.r.NextDeadline()
		if !ok || at.After(end) {
			break
		}
		if !punctual {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.apply(Tick{At(w.now)})
	}
	w.now = end
}

func (w *world) arrive() {
	rng := w.rng
	w.nextID++
	conv := fmt.Sprintf("cv_%d", w.nextID)
	if len(w.convs) > 60 {
		return
	}
	if rng.IntN(12) == 0 {
		in := OfferTo{At: At(w.now), ConversationID: conv, AgentID: pickOne(rng, w.agents).ID, Wait: Seconds(rng.IntN(3) * 10)}
		if rng.IntN(2) == 0 {
			in.QueueID = pickOne(rng, w.queues).ID
		}
		if rng.IntN(2) == 0 {
			in.FallbackAgent = pickOne(rng, w.agents).ID
		}
		if rng.IntN(2) == 0 {
			in.FallbackQueue = pickOne(rng, w.queues).ID
		}
		w.apply(in)
		return
	}
	in := Enqueue{At: At(w.now), ConversationID: conv, QueueID: pickOne(rng, w.queues).ID, Priority: rng.IntN(2) * 30}
	if rng.IntN(20) == 0 && len(w.convs) > 0 {
		in.ConversationID = pickOne(rng, w.convs) // moved from queue to queue
		w.dropEntry(in.ConversationID)
	}
	if rng.IntN(4) == 0 {
		in.Channel = Chat
	}
	if rng.IntN(3) == 0 {
		in.Skills = []SkillNeed{{pickOne(rng, skillNames), 1 + rng.IntN(5)}}
	}
	if rng.IntN(4) == 0 {
		in.PreferredAgent = pickOne(rng, w.agents).ID
	}
	if rng.IntN(10) == 0 {
		in.EnteredAt = w.now.Add(-time.Duration(rng.IntN(40000)) * time.Millisecond)
	}
	w.apply(in)
}

func (w *world) answer() {
	if len(w.offerID) == 0 {
		return
	}
	o := w.offers[pickOne(w.rng, w.offerID)]
	switch k := w.rng.IntN(10); {
	case k < 2:
		w.apply(Alert{At(w.now), o.ID})
	case k < 8:
		w.apply(Accept{At(w.now), o.ID, o.AgentID})
		if s := w.entries[o.ConversationID]; s != nil {
			w.t.Fatalf("event %d: %s was accepted and is still queued", w.events, o.ConversationID)
		}
		if w.rng.IntN(30) > 0 {
			w.apply(Connect{At(w.now), o.ConversationID, o.AgentID})
		}
	case k < 9:
		w.apply(Reject{At(w.now), o.ID, ""})
	}
}

func (w *world) work() {
	if len(w.workID) == 0 {
		return
	}
	k := w.works[pickOne(w.rng, w.workID)]
	at, conv, agent := At(w.now), k.ConversationID, k.AgentID
	if k.State == WrapUp {
		switch w.rng.IntN(4) {
		case 0:
			w.apply(ExtendWrapUp{at, conv, agent})
		case 1:
			w.apply(FinishWrapUp{at, conv, agent})
		}
		return
	}
	switch w.rng.IntN(18) {
	case 0:
		w.apply(Hold{at, conv, agent})
	case 1:
		w.apply(Resume{at, conv, agent})
	case 2:
		w.apply(Consult{at, conv, agent})
	case 3, 4:
		w.apply(Park{at, conv, agent, w.rng.IntN(2) == 0})
	case 5:
		w.apply(LoseAgent{at, conv, agent})
	case 6:
		w.apply(EndWork{at, conv, agent, "transferred"})
		w.dropEntry(conv)
		w.apply(OfferTo{At: at, ConversationID: conv, AgentID: pickOne(w.rng, w.agents).ID, FallbackAgent: agent})
	case 7:
		w.apply(TakeOver{at, conv, agent, pickOne(w.rng, w.agents).ID, "barged"})
	case 8, 9, 10:
		w.consult(k)
	default:
		w.apply(EndWork{at, conv, agent, "customer_disconnect"})
	}
}

// consult asks a colleague about a conversation, stops asking, or lets the
// colleague join.
func (w *world) consult(k Work) {
	in := ConsultWith{At: At(w.now), ConversationID: k.ConversationID, AgentID: k.AgentID}
	switch {
	case k.ConsultBy != "" && w.rng.IntN(2) == 0:
		w.apply(JoinCall{At(w.now), k.ConversationID, k.AgentID})
		return
	case k.ConsultBy != "":
		w.apply(EndConsult{At(w.now), k.ConversationID, k.ConsultBy, "canceled"})
		for _, id := range w.workID {
			if o := w.works[id]; o.ConversationID == k.ConversationID && o.ConsultBy == k.ConsultBy {
				w.t.Fatalf("event %d: %s asks no longer and %s still consults", w.events, k.ConsultBy, o.AgentID)
			}
		}
		return
	case w.rng.IntN(8) == 0:
		w.apply(EndConsult{At(w.now), k.ConversationID, k.AgentID, "canceled"})
		return
	case w.rng.IntN(3) == 0:
		in.QueueID = pickOne(w.rng, w.queues).ID
	default:
		in.With = pickOne(w.rng, w.agents).ID
		if w.rng.IntN(2) == 0 {
			in.QueueID = k.QueueID
		}
	}
	w.apply(in)
}

func (w *world) hangUp() {
	if len(w.convs) == 0 {
		return
	}
	conv := pickOne(w.rng, w.convs)
	w.apply(Leave{At(w.now), conv, "customer_disconnect"})
	for _, id := range w.offerID {
		if w.offers[id].ConversationID == conv {
			w.t.Fatalf("event %d: %s left and offer %s is still pending", w.events, conv, id)
		}
	}
	for _, id := range w.workID {
		if k := w.works[id]; k.ConversationID == conv && (k.State == Reserved) {
			w.t.Fatalf("event %d: %s left and %s is still reserved", w.events, conv, k.AgentID)
		}
	}
}

func (w *world) floorChange() {
	a := pickOne(w.rng, w.agents).ID
	at := At(w.now)
	states := []PresenceState{Available, Available, Available, Available, Break, Offline}
	by := pickOne(w.rng, []SetBy{ByAgent, BySupervisor})
	switch w.rng.IntN(6) {
	case 0:
		w.apply(DeviceDown{at, a})
	case 1, 2:
		w.apply(DeviceUp{at, a})
	case 3:
		w.apply(SetNext{At: at, AgentID: a, State: pickOne(w.rng, append(states, "")), By: by})
	default:
		w.apply(SetPresence{At: at, AgentID: a, State: pickOne(w.rng, states), Reason: "lunch", By: by})
	}
}

func (w *world) configChange() {
	w.settleTicks() // under the configuration that the model knows
	at := At(w.now)
	switch i := w.rng.IntN(len(w.queues)); w.rng.IntN(12) {
	case 0:
		w.queues[i] = w.randomQueue(w.queues[i].ID, w.queues[i].Strategy)
		w.apply(PutQueue{at, w.queues[i]})
	case 1:
		w.apply(RemoveQueue{at, w.queues[i].ID})
		w.apply(PutQueue{at, w.queues[i]})
	case 2, 3, 4:
		j := w.rng.IntN(len(w.agents))
		capacity := w.agents[j].Capacity // work in progress may not come to exceed it
		w.agents[j] = w.randomAgent(w.agents[j].ID)
		w.agents[j].Capacity = capacity
		w.apply(PutAgent{at, w.agents[j]})
	case 5:
		a := pickOne(w.rng, w.agents)
		w.apply(RemoveAgent{at, a.ID})
		w.apply(PutAgent{at, a})
	}
}

func TestAMillionRandomEvents(t *testing.T) {
	seed := *propertySeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (repeat with: go test ./agent -run %s -seed %d)", seed, t.Name(), seed)
	worlds := []struct {
		name       string
		strategies []Strategy
		twice      bool
	}{
		{"one queue, least occupied", []Strategy{LeastOccupied}, false},
		{"longest idle and round robin", []Strategy{LongestIdle, RoundRobin}, false},
		{"ring all beside top down", []Strategy{RingAll, TopDown}, false},
		{"best skill, fewest contacts, random", []Strategy{BestSkill, FewestContacts, Random}, true},
		{"every strategy", Strategies, false},
		{"random alone", []Strategy{Random}, false},
	}
	share := *propertyEvents / len(worlds)
	if testing.Short() {
		share /= 10
	}
	for i, c := range worlds {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed+uint64(i), c.strategies, c.twice)
			defer func() {
				if t.Failed() {
					fmt.Fprintf(os.Stderr, "property test: world %q failed with seed %d\n", c.name, seed)
				}
			}()
			for n := 0; w.events < share; n++ {
				w.step()
				w.checkLight()
				if n%400 == 0 {
					w.settleTicks()
					w.checkFull()
				}
				if c.twice && w.events > 60_000 {
					w.two = nil // determinism is shown
				}
			}
			t.Logf("%d events, %d offers, %d overflows, %d refused", w.events, w.counts["> OfferCreated"], w.counts["> Overflowed"], w.counts["> Refused"])
		})
	}
}

// settleTicks lets everything due happen, so that nothing is late.
func (w *world) settleTicks() {
	for range 1000 {
		at, ok := w.r.NextDeadline()
		if !ok || at.After(w.now) {
			return
		}
		w.apply(Tick{At(w.now)})
	}
	w.t.Fatalf("event %d: deadlines do not pass", w.events)
}
