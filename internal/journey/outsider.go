package journey

import (
	"bytes"
	"errors"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// outsider is an outside number that is, or is about to be, in the call beside
// an agent.
type outsider struct {
	leg    *call.Leg
	row    omni.Leg
	number string
	early  bool // is in the call beside the agent, before the answer
	joined bool // talks with the customer
}

// follow takes an outside leg in and watches it.
func (v *conversation) follow(leg *call.Leg, number string) *outsider {
	info := leg.Info()
	x := &outsider{leg: leg, number: number, row: omni.Leg{ID: info.ID, ConversationID: v.id, Party: omni.PartyExternal,
		LineID: info.LineID, Transport: info.Transport, SIPCallID: info.CallID, StartedAt: v.center.now()}}
	v.outsiders[info.ID] = x
	leg.OnChange(v.later(func() { v.outsiderChanged(x) }))
	x.row.Dialog = leg.Dialog()
	v.book.leg(x.row)
	v.center.work.Go(func() { v.watchOutsider(x) })
	return x
}

// watchOutsider tells the conversation how an outside leg fares until it ends.
func (v *conversation) watchOutsider(x *outsider) {
	rings, answered := x.leg.Ringing(), x.leg.Answered()
	for {
		select {
		case <-rings:
			rings = nil
			v.post(v.rearrange)
		case <-answered:
			rings, answered = nil, nil
			v.post(func() { v.outsiderCame(x) })
		case <-x.leg.Done():
			v.post(func() { v.outsiderGone(x) })
			return
		}
	}
}

// rings tells whether it rings at an outside number and the agent does not hear
// the network say so.
func (x *outsider) rings() bool {
	select {
	case <-x.leg.Answered():
		return false
	default:
	}
	select {
	case <-x.leg.Ringing():
		return !x.early || !x.leg.Sounds()
	default:
		return false
	}
}

// hearOutsider brings an outside number whose network says something before the
// answer to the agent, who hears it then; the customer does not. True: it has come.
func (v *conversation) hearOutsider() bool {
	c := v.consult
	if c == nil || c.out == nil || c.out.early || c.answered() || !c.apart() || !c.out.leg.Sounds() {
		return false
	}
	if err := v.call.JoinAside(c.out.leg); err != nil {
		v.log.Warn("early media not in the call", "err", err) // it is tried with the next change
		return false
	}
	c.out.early = true
	return true
}

// outsiderCame lets an outside number that answered talk.
func (v *conversation) outsiderCame(x *outsider) {
	c := v.consult
	if c == nil || c.out != x || v.gone {
		return
	}
	join := v.call.JoinAside
	if c.joins {
		join = v.call.Bridge
	}
	if err := join(x.leg); err != nil {
		if !errors.Is(err, call.ErrEnded) {
			v.log.Error("outside number not in the call", "err", err)
		}
		v.endConsult(consultFailed, omni.SystemError)
		return
	}
	x.row.AnsweredAt, x.row.Codec, x.row.Dialog = v.center.now(), x.leg.Info().Codec, x.leg.Dialog()
	v.book.leg(x.row)
	v.consultAnswered(c, "", c.by.offer.QueueID, "")
}

// outsiderChanged keeps what a restarted process needs to end the dialog, and has
// the agent hear what is to be heard before the answer.
func (v *conversation) outsiderChanged(x *outsider) {
	if v.outsiders[x.row.ID] != x {
		return
	}
	if dialog, codec := x.leg.Dialog(), x.leg.Info().Codec; codec != x.row.Codec || !bytes.Equal(dialog, x.row.Dialog) {
		x.row.Dialog, x.row.Codec = dialog, codec
		v.book.leg(x.row)
	}
	if c := v.consult; c != nil && c.out == x && !c.answered() {
		v.rearrange()
	}
}

// outsiderGone follows the end of an outside leg.
func (v *conversation) outsiderGone(x *outsider) {
	if v.outsiders[x.row.ID] != x {
		return
	}
	if c := v.consult; c != nil && c.out == x {
		reason := consultLeft
		if !c.answered() {
			reason = dialFailure(x.leg.End())
		}
		v.endConsult(reason, omni.ThirdPartyDisconnect)
		return
	}
	v.dropOutsider(x, omni.ThirdPartyDisconnect)
	v.book.event(omni.ConversationPartyLeft, map[string]any{"party": omni.PartyExternal, "leg_id": x.row.ID}, of("", v.book.conv.QueueID))
	if v.talking == nil && len(v.others(nil)) == 0 {
		v.hangUp(omni.ThirdPartyDisconnect)
		return
	}
	v.rearrange()
}

// dialFailure says in the words of consultations why a number was not reached.
func dialFailure(e call.End) string {
	switch e.Status {
	case 486, 600:
		return agent.ConsultBusy
	case 408, 480, 487:
		return agent.OverflowNoAnswer
	case 404, 410, 484, 604:
		return consultUnknown
	case 403, 603:
		return agent.ConsultRejected
	}
	return consultFailed
}

// dropOutsider takes an outside number out, its row with it.
func (v *conversation) dropOutsider(x *outsider, why omni.EndReason) {
	delete(v.outsiders, x.row.ID)
	if v.call != nil {
		v.call.Unbridge(x.row.ID)
	}
	x.leg.Hangup(call.Reason(why))
	v.endLegRow(&x.row, x.leg)
}
