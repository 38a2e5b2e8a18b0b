package media

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxParties bounds a room: six people in conference, supervisors, players and
// taps.
const MaxParties = 32

// Room mixes its parties by a gain matrix, once per tick. All methods may be
// called from any goroutine except from within a party; what they change
// takes effect at the next frame boundary.
type Room struct {
	id    string
	shard *shard

	relayingNow atomic.Bool // what Relaying and the statistics read

	mu      sync.Mutex // everything below; a tick holds it
	members []*member
	rate    Rate // of the mix: 8 or 16 kHz
	closed  bool

	relayA, relayB *member // the two that could relay, by the matrix
	relaying       bool
	total          [320]int32
	heard          [320]int16
	payload        [MaxPayload]byte
	raw            [MaxFrame]int16

	rec         Recorder
	left, right []string
	recLeft     []*member
	recRight    []*member
	recDown     [2]*Resampler // 16 kHz mixes are recorded at 8 kHz
	recSum      [320]int32
	recFrame    [320]int16
	recNarrow   [161]int16
}

// member is a party with what the room keeps for it.
type member struct {
	party   Party
	id      string
	relayer Relayer // nil when the party cannot relay
	source  bool    // speaks only
	rate    Rate    // of the party, when the plan was made
	gain    []int32 // to each member, by index, Q15

	speaking bool
	in       [320]int16 // this tick's frame at the room's rate
	up, down *Resampler // party to room, room to party; nil at equal rates
	resume   int        // ticks to wait for audio that was not relayed yet
	absent   bool       // waiting in this tick

	hears    []*member // whom this member hears, with gains
	gains    []int32
	hearsAll bool // everybody but itself, at unity
}

// GainChange sets what to hears of from.
type GainChange struct {
	From, To string
	Gain     Gain
}

// ID returns the id given to NewRoom.
func (r *Room) ID() string { return r.id }

// Relaying reports whether packets pass without decoding now.
func (r *Room) Relaying() bool { return r.relayingNow.Load() }

// Parties returns the ids of those in the room.
func (r *Room) Parties() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, len(r.members))
	for i, m := range r.members {
		ids[i] = m.id
	}
	return ids
}

// Join adds a party. It hears nobody and nobody hears it until SetGain.
func (r *Room) Join(p Party) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case len(r.members) == MaxParties:
		return ErrFull
	case r.index(p.ID()) >= 0:
		return ErrDuplicate
	}
	m := &member{party: p, id: p.ID()}
	m.relayer, _ = p.(Relayer)
	_, m.source = p.(source)
	for _, other := range r.members {
		other.gain = append(other.gain, 0)
	}
	r.members = append(r.members, m)
	m.gain = make([]int32, len(r.members))
	r.plan()
	return nil
}

// Leave removes a party; an unknown id is not an error. When it returns, the
// room does not touch the party any more.
func (r *Room) Leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(id)
	if i < 0 {
		return
	}
	if m := r.members[i]; r.relaying && (m == r.relayA || m == r.relayB) {
		r.stopRelay()
	}
	r.members = slices.Delete(r.members, i, i+1)
	for _, m := range r.members {
		m.gain = slices.Delete(m.gain, i, i+1)
	}
	r.plan()
}

// SetGain sets what to hears of from, at the next frame boundary.
func (r *Room) SetGain(from, to string, g Gain) error {
	return r.SetGains(GainChange{From: from, To: to, Gain: g})
}

// SetGains sets several gains at the same frame boundary, or none of them.
// What a party hears of itself is always silent.
func (r *Room) SetGains(changes ...GainChange) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	for _, c := range changes {
		if !(c.Gain >= 0 && c.Gain <= 1) {
			return ErrGain
		}
		if r.index(c.From) < 0 || r.index(c.To) < 0 {
			return ErrUnknownParty
		}
	}
	for _, c := range changes {
		if c.From != c.To {
			r.members[r.index(c.From)].gain[r.index(c.To)] = c.Gain.fixed()
		}
	}
	r.plan()
	return nil
}

// Gain returns what to hears of from; silent when either is not in the room.
func (r *Room) Gain(from, to string) Gain {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, j := r.index(from), r.index(to)
	if i < 0 || j < 0 {
		return Silent
	}
	return Gain(r.members[i].gain[j]) / unityGain
}

// Record writes what the named parties say to rec from the next frame on,
// whoever hears it. Ids need not be in the room yet: who joins later under one
// of them is recorded too. A second call replaces recorder and names.
func (r *Room) Record(rec Recorder, left, right []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec, r.left, r.right = rec, slices.Clone(left), slices.Clone(right)
	r.plan()
}

// Settle waits until the room has run the frames that are due by now, at most
// limit: on a busy machine the frames lag behind the clock, and what ends now
// should have been heard to its end.
func (r *Room) Settle(limit time.Duration) {
	now := time.Now()
	for time.Since(now) < limit {
		if due := r.shard.due.Load(); due == 0 || due > now.UnixNano() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// StopRecording takes the recorder off; the caller closes it. When it returns,
// the room does not touch the recorder any more.
func (r *Room) StopRecording() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec, r.left, r.right = nil, nil, nil
	r.plan()
}

// Close takes everybody out; parties and recorder are not closed.
func (r *Room) Close() {
	r.shard.remove(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.relaying {
		r.stopRelay()
	}
	r.closed = true
	r.members, r.rec = nil, nil
	r.plan()
}

func (r *Room) index(id string) int {
	return slices.IndexFunc(r.members, func(m *member) bool { return m.id == id })
}

// plan derives from matrix and rates what a tick needs. It allocates, so it
// runs when something changed and not in every tick.
func (r *Room) plan() {
	r.rate = Rate8k
	for _, m := range r.members {
		m.rate = m.party.Rate()
		if !m.source && m.rate > Rate8k {
			r.rate = Rate16k
		}
	}
	for j, m := range r.members {
		m.planRates(r.rate)
		m.hears, m.gains, m.hearsAll = m.hears[:0], m.gains[:0], true
		for _, from := range r.members {
			if g := from.gain[j]; g > 0 {
				m.hears, m.gains = append(m.hears, from), append(m.gains, g)
			}
			if from != m && from.gain[j] != unityGain {
				m.hearsAll = false
			}
		}
	}
	r.planRecording()
	r.planRelay()
}

func (m *member) planRates(room Rate) {
	switch {
	case m.rate == room:
		m.up, m.down = nil, nil
	case m.up == nil || m.up.table != polyphaseFor(m.rate, room):
		m.up = NewResampler(m.rate, room, m.rate.Frame())
		m.down = NewResampler(room, m.rate, room.Frame())
	}
}

func (r *Room) planRecording() {
	r.recLeft, r.recRight = r.recLeft[:0], r.recRight[:0]
	if r.rec == nil {
		return
	}
	for _, m := range r.members {
		if slices.Contains(r.left, m.id) {
			r.recLeft = append(r.recLeft, m)
		}
		if slices.Contains(r.right, m.id) {
			r.recRight = append(r.recRight, m)
		}
	}
	if r.rate == Rate16k && r.recDown[0] == nil {
		for i := range r.recDown {
			r.recDown[i] = NewResampler(Rate16k, Rate8k, Rate16k.Frame())
		}
	}
}

// planRelay finds the two parties that could relay: they hear each other at
// unity, nothing else sounds to anybody, and the recorder can take payloads of
// one party per side.
func (r *Room) planRelay() {
	a, b, edges := (*member)(nil), (*member)(nil), 0
	for _, to := range r.members {
		for i, from := range to.hears {
			edges++
			if to.gains[i] == unityGain {
				a, b = from, to
			}
		}
	}
	ok := edges == 2 && a != nil && len(a.hears) == 1 && a.hears[0] == b && a.gains[0] == unityGain &&
		a.relayer != nil && b.relayer != nil && len(r.recLeft) <= 1 && len(r.recRight) <= 1
	for _, rec := range [2][]*member{r.recLeft, r.recRight} {
		if len(rec) == 1 && rec[0] != a && rec[0] != b {
			ok = false // a third party is recorded: decode and mix
		}
	}
	if r.relaying && (!ok || a != r.relayA && a != r.relayB) {
		r.stopRelay()
	}
	if !ok {
		a, b = nil, nil
	}
	if !r.relaying {
		r.relayA, r.relayB = a, b
	}
}
