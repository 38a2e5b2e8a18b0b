package call

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"

	"github.com/openhotline/hotline/media"
)

// member is a leg in a call, other than the customer's.
type member struct {
	leg   *Leg
	role  Supervision // Talk for everybody but supervisors
	muted bool
	aside bool // out of the customer's hearing; see Arrange
}

// Call is one room: the customer, what is played to them, the people bridged to
// them, and the recording. One goroutine owns its state; all methods may be
// called from any goroutine and take effect on a frame boundary. A leg that
// ends leaves the call by itself.
type Call struct {
	id       string
	ctl      *Control
	log      *slog.Logger
	room     *media.Room
	customer *Leg

	ops     chan func()
	closing chan struct{}  // closed by Close: no more operations are taken
	closed  chan struct{}  // closed when nothing of the call is left
	once    sync.Once      // Close
	group   sync.WaitGroup // the owner

	// What follows is touched by the owner goroutine alone.
	present bool // the customer's leg is in the room
	muted   bool // the customer
	members map[string]*member
	held    bool
	comfort bool
	aside   []string // legs that sit aside, or sat there when they ended
	lead    string   // the leg whose company supervisors keep
	// leadAside is where the lead sits, or sat.
	leadAside bool
	served    bool        // the customer is with a flow
	leadSound media.Party // for the lead who is alone aside
	back      media.Party // background: music, echo, tone, comfort
	seatBack  media.Party // the one that Arrange began last, and of what
	seatMusic []Prompt
	queue     []*playback // the first one is audible
	serial    int         // makes ids of sources unique
	gains     map[pair]media.Gain
	rec       *recording
	unheard   bool        // recordings are silent
	heardRec  [2][]string // what the recorder was told last: left, right
}

type pair struct{ from, to string }

// NewCall opens a room with the customer's leg in it, silent at first. The call
// ends with Close, not with the customer's leg.
func (c *Control) NewCall(id string, customer *Leg) (*Call, error) {
	call := &Call{
		id: id, ctl: c, log: c.log.With("call", id), customer: customer,
		ops: make(chan func()), closing: make(chan struct{}), closed: make(chan struct{}),
		members: make(map[string]*member), gains: make(map[pair]media.Gain),
	}
	if err := customer.enter(call); err != nil {
		return nil, err
	}
	call.room = c.engine.NewRoom(id)
	if err := call.room.Join(customer.link.party()); err != nil {
		customer.leave(call)
		call.room.Close()
		return nil, fmt.Errorf("call %s: %w", id, err)
	}
	call.present = true
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		customer.leave(call)
		call.room.Close()
		return nil, ErrEnded
	}
	c.calls[call] = struct{}{}
	c.mu.Unlock()
	call.group.Go(call.own)
	return call, nil
}

// ID names the call.
func (c *Call) ID() string { return c.id }

// CustomerLeg is the leg the call was made with.
func (c *Call) CustomerLeg() *Leg { return c.customer }

// Relaying tells whether packets pass without decoding now.
func (c *Call) Relaying() bool { return c.room.Relaying() }

// own runs the operations, one after the other.
func (c *Call) own() {
	for {
		select {
		case op := <-c.ops:
			op()
		case <-c.closing:
			c.dismantle()
			return
		}
	}
}

// do runs f in the owner goroutine and waits for it.
func (c *Call) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case c.ops <- func() { result <- f() }:
		return <-result
	case <-c.closing:
		return ErrEnded
	}
}

// remove takes a leg out of the room and forgets it. A leg that ends has itself
// removed before its media is closed.
func (c *Call) remove(l *Leg) {
	if l == c.customer {
		if c.present {
			c.present = false
			c.drop(l.ID())
			l.leave(c)
		}
		c.apply()
		return
	}
	if m := c.members[l.ID()]; m != nil && m.leg == l {
		delete(c.members, l.ID())
		c.drop(l.ID())
		l.leave(c)
		c.apply()
	}
}

// drop takes a party out of the room; its gains go with it.
func (c *Call) drop(id string) {
	c.room.Leave(id)
	maps.DeleteFunc(c.gains, func(p pair, _ media.Gain) bool { return p.from == id || p.to == id })
}

// fresh makes an id for a sound of ours.
func (c *Call) fresh(kind string) string {
	c.serial++
	return kind + "-" + strconv.Itoa(c.serial)
}

// add brings a leg into the room.
func (c *Call) add(l *Leg, role Supervision, muted bool) error {
	if m := c.members[l.ID()]; m != nil {
		if m.leg != l {
			return fmt.Errorf("%w: another leg %s is in the call", ErrState, l.ID())
		}
		if (m.role == Talk) != (role == Talk) && !c.hasRoom(role) {
			return ErrFull
		}
		m.role = role
		return nil
	}
	if l == c.customer {
		return fmt.Errorf("%w: the customer cannot be bridged to itself", ErrState)
	}
	if !c.hasRoom(role) {
		return ErrFull
	}
	if err := l.enter(c); err != nil {
		return err
	}
	if err := c.room.Join(l.link.party()); err != nil {
		l.leave(c)
		return fmt.Errorf("leg %s: %w", l.ID(), err)
	}
	c.members[l.ID()] = &member{leg: l, role: role, muted: muted}
	return nil
}

// Bridge lets the leg and the customer (and everybody bridged before) talk to
// one another; music, echo, tone and Comfort end.
func (c *Call) Bridge(leg *Leg) error {
	return c.do(func() error {
		if err := c.add(leg, Talk, false); err != nil {
			return err
		}
		if !c.held && !c.parted() {
			c.comfort = false // somebody is there
			c.background(nil)
		}
		c.apply()
		return nil
	})
}

// Unbridge takes a leg out of the call without ending it.
func (c *Call) Unbridge(legID string) {
	_ = c.do(func() error {
		if m := c.members[legID]; m != nil {
			c.remove(m.leg)
		}
		return nil
	})
}

// ReplaceAgent puts a new leg in the place of an old one, ended or not, keeping
// its mute, its seat and the recording without a gap, and ends Comfort. The old
// leg, if alive, is hung up with reason agent_lost.
func (c *Call) ReplaceAgent(oldID string, leg *Leg) error {
	return c.do(func() error {
		old := c.members[oldID]
		if old != nil && old.leg == leg {
			return fmt.Errorf("%w: leg %s cannot replace itself", ErrState, oldID)
		}
		role, muted := Talk, false
		if old != nil {
			role, muted = old.role, old.muted
			delete(c.members, oldID) // makes room; the gains change below
		}
		if err := c.add(leg, role, muted); err != nil {
			if old != nil {
				c.members[oldID] = old
			}
			return err
		}
		c.takeSeat(oldID, leg.ID())
		if c.comfort && !c.held { // a held customer goes on hearing the music
			c.background(nil)
		}
		c.comfort = false
		c.apply()
		if old != nil {
			c.drop(oldID)
			old.leg.leave(c)
			old.leg.Hangup(AgentLost)
		}
		return nil
	})
}

// Hold parts the customer from everybody else and plays music to them in a
// loop; without prompts they hear silence. Recording goes on.
func (c *Call) Hold(music ...Prompt) error {
	p, err := c.loop("hold", music)
	if err != nil {
		return err
	}
	return c.do(func() error {
		c.held, c.comfort = true, false
		c.background(p)
		c.apply()
		return nil
	})
}

// Resume ends Hold and Comfort.
func (c *Call) Resume() error {
	return c.do(func() error {
		if c.held || c.comfort {
			c.held, c.comfort = false, false
			c.background(nil)
			c.apply()
		}
		return nil
	})
}

// Held tells whether the customer is on hold.
func (c *Call) Held() bool {
	held := false
	_ = c.do(func() error { held = c.held; return nil })
	return held
}

// Comfort plays prompts to the customer in a loop while the agent's media is
// lost; bridged legs stay in the room. Resume, ReplaceAgent and Bridge end it. A
// customer on hold, or who waits while others consult, goes on hearing the music.
// Comfort that is played already goes on.
func (c *Call) Comfort(prompts ...Prompt) error {
	p, err := c.loop("comfort", prompts)
	if err != nil {
		return err
	}
	return c.do(func() error {
		if c.held || c.comfort || c.parted() && c.alone(c.customer.ID(), false) {
			return nil
		}
		c.comfort = true
		c.background(p)
		c.apply()
		return nil
	})
}

// Mute keeps what a leg (the customer's too) says from everybody else, or no
// longer. The recording does not hear it either.
func (c *Call) Mute(legID string, muted bool) error {
	return c.do(func() error {
		switch m := c.members[legID]; {
		case m != nil:
			m.muted = muted
		case legID == c.customer.ID() && c.present:
			c.muted = muted
		default:
			return fmt.Errorf("%w: %s", ErrUnknownLeg, legID)
		}
		c.apply()
		return nil
	})
}

// Close ends the recording, hangs up the legs that are still in the call with
// reason flow_disconnect, and closes the room. It waits; closing twice is fine.
func (c *Call) Close() {
	c.once.Do(func() {
		if c.isRecording() {
			c.room.Settle(settleTime)
		}
		close(c.closing)
		c.group.Wait()
		c.ctl.mu.Lock()
		delete(c.ctl.calls, c)
		c.ctl.mu.Unlock()
		close(c.closed)
	})
	<-c.closed
}

// dismantle is the owner's last operation.
func (c *Call) dismantle() {
	for _, p := range c.queue {
		p.stop()
	}
	if _, err := c.stopRecording(); err != nil {
		c.log.Error("recording not completed", "err", err)
	}
	c.room.Close()
	legs := []*Leg{c.customer}
	for _, m := range c.members {
		legs = append(legs, m.leg)
	}
	for _, l := range legs {
		l.leave(c)
		l.Hangup(FlowDisconnect)
	}
}

// loop makes a background player of prompts; none gives nil.
func (c *Call) loop(kind string, prompts []Prompt) (media.Party, error) {
	if len(prompts) == 0 {
		return nil, nil
	}
	clips, err := c.ctl.prompts.clips(prompts, c.rate())
	if err != nil {
		return nil, err
	}
	id := ""
	if err := c.do(func() error { id = c.fresh(kind); return nil }); err != nil {
		return nil, err
	}
	return media.NewPlaylist(id, clips, true), nil
}

// rate is the rate of sounds for the customer.
func (c *Call) rate() media.Rate {
	return min(max(c.customer.link.party().Rate(), media.Rate8k), media.Rate16k)
}

// background replaces the background sound; nil ends it.
func (c *Call) background(p media.Party) { c.place(&c.back, p) }

// place puts a sound of ours into the place of another one; nil ends that.
func (c *Call) place(at *media.Party, p media.Party) {
	if *at != nil {
		c.drop((*at).ID())
		*at = nil
	}
	if p == nil {
		return
	}
	if err := c.room.Join(p); err != nil {
		c.log.Error("sound not in the room", "err", err)
		return
	}
	*at = p
}

// apply brings the room's gain matrix to what the state wants, all at one frame
// boundary, and tells the recorder whom to hear.
func (c *Call) apply() {
	want := c.matrix()
	var changes []media.GainChange
	for p, g := range want {
		if c.gains[p] != g {
			changes = append(changes, media.GainChange{From: p.from, To: p.to, Gain: g})
		}
	}
	for p := range c.gains {
		if _, ok := want[p]; !ok {
			changes = append(changes, media.GainChange{From: p.from, To: p.to, Gain: media.Silent})
		}
	}
	c.gains = want
	if len(changes) > 0 {
		if err := c.room.SetGains(changes...); err != nil && !errors.Is(err, media.ErrClosed) {
			c.log.Error("gains not set", "err", err)
		}
	}
	c.listen()
}

// matrix says who hears whom, by the state alone.
func (c *Call) matrix() map[pair]media.Gain {
	want := make(map[pair]media.Gain)
	hear := func(to, from string) { want[pair{from, to}] = media.Unity }
	customer := c.customer.ID()
	for id, m := range c.members {
		for other, o := range c.members {
			if other != id && !o.muted && c.isAside(m) == c.isAside(o) && c.hears(m, o) {
				hear(id, other)
			}
		}
		if !c.present || c.isAside(m) {
			continue
		}
		if !c.held && !c.muted {
			hear(id, customer)
		}
		if !c.held && !m.muted && (m.role == Talk || m.role == Barge) {
			hear(customer, id)
		}
	}
	c.waiting(hear)
	if !c.present {
		return want
	}
	var sound string
	switch {
	case len(c.queue) > 0:
		sound = c.queue[0].player.ID()
	case c.back != nil && c.customerWaits():
		sound = c.back.ID()
	}
	if sound != "" {
		hear(customer, sound)
	}
	if _, ok := c.back.(*media.Echo); ok && !c.muted {
		hear(c.back.ID(), customer)
	}
	return want
}
