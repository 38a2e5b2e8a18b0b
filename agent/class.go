package agent

import "slices"

// queueState is a queue at work.
type queueState struct {
	row        Queue
	members    []*member
	classes    []*class
	classLimit int            // number at which unused classes are looked for
	line       ordered[entry] // everybody who waits, best placed first
	offered    int            // entries being offered

	loggedIn int // members who are not offline
	avail    int // of these available and responding
	active   int // of these reachable and not leaving

	offers   int64 // counter for round_robin
	handleMS int64 // running mean of handle times
	waits    [waitBands]waitBand
	draining string // why everybody is given up; empty: nobody is
	removed  bool
}

// member is an agent in a queue.
type member struct {
	a         *agentState
	q         *queueState
	lastOffer int64 // of the queue's counter
	order     int64 // place for top_down
}

// class holds those of a queue who need the same skills on the same channel,
// and the agents who have them. Agents and entries meet here.
type class struct {
	q       *queueState
	channel Channel
	needs   []SkillNeed // at first, sorted by skill
	ageing  int64       // of the queue
	steps   int         // relaxation steps that matter to it; a class without needs has none

	ready   ordered[agentState] // by ring, then the strategy's figure, then idle time
	waiting []ordered[entry]    // by relaxation step
	active  []int               // active agents who fit, by ring
	entries int                 // entries that belong to the class, waiting or offered
}

// seat is an agent's place in a class.
type seat struct {
	c    *class
	m    *member
	ring int  // relaxation step at which the agent fits
	in   bool // in c.ready, under key
	key  key
}

// required returns the level of a need after step relaxation steps.
func (c *class) required(n SkillNeed, step int) int {
	level := n.Level
	for _, s := range c.q.row.Relaxation[:step] {
		if s.Skill == "" || s.Skill == n.Skill {
			level = min(level, s.Level)
		}
	}
	return level
}

// ring returns the first step at which the agent fits.
func (c *class) ring(a *agentState) (int, bool) {
	for step := 0; step <= c.steps; step++ {
		fits := true
		for _, n := range c.needs {
			if a.row.Skills[n.Skill] < c.required(n, step) {
				fits = false
				break
			}
		}
		if fits {
			return step, true
		}
	}
	return 0, false
}

// activeUpTo counts the active agents who fit at a step.
func (c *class) activeUpTo(step int) int {
	n := 0
	for _, k := range c.active[:step+1] {
		n += k
	}
	return n
}

// waitingCount counts the entries that any agent of the class may take.
func (c *class) waitingCount() int {
	n := 0
	for i := range c.waiting {
		n += c.waiting[i].n
	}
	return n
}

// readyUpTo counts the ready agents who fit at a step.
func (c *class) readyUpTo(step int) int {
	if step >= c.steps {
		return c.ready.n
	}
	return c.ready.rank(key{a: int64(step+1) << ringShift})
}

// mergeNeeds joins what the queue and what the entry require, sorted by skill,
// the higher level counting; buf is reused.
func mergeNeeds(buf, queue, entry []SkillNeed) []SkillNeed {
	buf = append(append(buf[:0], queue...), entry...)
	slices.SortFunc(buf, func(a, b SkillNeed) int {
		if a.Skill != b.Skill {
			if a.Skill < b.Skill {
				return -1
			}
			return 1
		}
		return b.Level - a.Level
	})
	return slices.CompactFunc(buf, func(a, b SkillNeed) bool { return a.Skill == b.Skill })
}

// maxClasses is how many classes a queue keeps before unused ones are forgotten.
const maxClasses = 48

// classFor returns the class for what an entry needs, made when it is new.
func (r *Router) classFor(q *queueState, ch Channel, skills []SkillNeed) *class {
	r.needs = mergeNeeds(r.needs, q.row.Skills, skills)
	for _, c := range q.classes {
		if c.channel == ch && slices.Equal(c.needs, r.needs) {
			return c
		}
	}
	if len(q.classes) >= max(maxClasses, q.classLimit) {
		r.dropClasses(q)
		q.classLimit = 2 * len(q.classes) // all in use: look again when there are twice as many
	}
	c := &class{q: q, channel: ch, ageing: int64(q.row.Ageing), needs: slices.Clone(r.needs)}
	if len(c.needs) > 0 {
		c.steps = len(q.row.Relaxation)
	}
	c.waiting = make([]ordered[entry], c.steps+1)
	c.active = make([]int, c.steps+1)
	q.classes = append(q.classes, c)
	for _, m := range q.members {
		r.sit(m, c)
	}
	return c
}

// dropClasses forgets the classes of a queue to which nobody belongs.
func (r *Router) dropClasses(q *queueState) {
	gone := func(c *class) bool { return c.q == q && c.entries == 0 }
	for _, m := range q.members {
		m.a.seats = slices.DeleteFunc(m.a.seats, func(s seat) bool { return gone(s.c) })
	}
	q.classes = slices.DeleteFunc(q.classes, gone)
}

// sit gives a member the seat in a class that their skills allow.
func (r *Router) sit(m *member, c *class) {
	ring, ok := c.ring(m.a)
	if !ok {
		return
	}
	s := seat{c: c, m: m, ring: ring}
	if m.a.flags.active {
		c.active[ring]++
	}
	if m.a.flags.readyFor(c.channel) && !m.a.hungry {
		s.in, s.key = true, r.readyKey(&s)
		c.ready.insert(s.key, m.a)
	}
	m.a.seats = append(m.a.seats, s)
}

// Places of the parts of a ready agent's key: ring, load, strategy's figure.
const (
	ringShift   = 58
	loadShift   = 48
	figureMask  = 1<<loadShift - 1
	balanceZero = 1 << 46 // µs: balances are around it
)

// readyKey is the agent's place among the ready ones of a class.
func (r *Router) readyKey(s *seat) key {
	a := m64(s)
	return key{a: int64(s.ring)<<ringShift | a, b: s.m.a.idleMS, c: s.m.a.seq}
}

// m64 is the load and strategy part of the key; smaller is better.
func m64(s *seat) int64 {
	a, q := s.m.a, s.c.q
	var load, figure int64
	switch q.row.Strategy {
	case LeastOccupied:
		used := a.nVoice
		if s.c.channel != Voice {
			used = a.nChat
		}
		load = min(1000, int64(used)*1000/int64(a.row.Capacity.Units(s.c.channel)))
		figure = balanceZero + a.occupied
	case RoundRobin:
		figure = s.m.lastOffer
	case FewestContacts:
		figure = int64(a.p.Contacts)
	case BestSkill:
		for _, n := range s.c.needs {
			figure += 5 - int64(a.row.Skills[n.Skill])
		}
	case TopDown:
		figure = s.m.order
	case LongestIdle, RingAll, Random: // by idle time alone
	}
	return load<<loadShift | max(0, min(figureMask, figure))
}
