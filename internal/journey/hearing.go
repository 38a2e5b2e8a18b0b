package journey

import (
	"context"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// Who may listen to a call hangs on whose call it is now, and on what the
// supervisor is now: both change while they listen, so it is asked again.

// hands is whose a conversation is: an agent's, who took it from a queue or got
// it from a colleague (without a queue then), or a queue's, where it waits.
type hands struct{ agentID, queueID string }

func (v *conversation) inHands() hands {
	switch {
	case v.talking == nil:
		return hands{queueID: v.book.conv.QueueID}
	case v.talking.offer.AgentID == v.direct:
		return hands{agentID: v.direct}
	}
	return hands{v.talking.offer.AgentID, v.talking.offer.QueueID}
}

// rightsWithin bounds the question who may hear; without an answer nobody does.
const rightsWithin = 5 * time.Second

// mayHear refuses who may not listen: account.ErrForbidden.
func (c *Center) mayHear(ctx context.Context, by account.Actor, h hands) error {
	if c.cfg.MayHear == nil {
		return fmt.Errorf("%w: nobody listens here", account.ErrForbidden)
	}
	ctx, cancel := context.WithTimeout(ctx, rightsWithin)
	defer cancel()
	may, err := c.cfg.MayHear(ctx, by, h.agentID, h.queueID)
	if err == nil && !may {
		err = fmt.Errorf("%w: the call is in the hands of others", account.ErrForbidden)
	}
	return err
}

// askAllRights asks for every supervisor of this node whether they still may
// listen, and ends it for those who may not before it returns.
func (c *Center) askAllRights(ctx context.Context) {
	for userID, conversationID := range c.watchers.all() {
		if v := c.find(conversationID); v != nil {
			c.askRights(ctx, v, userID)
		}
	}
}

// handsChanged asks for every supervisor of the conversation.
func (v *conversation) handsChanged() {
	for userID := range v.supervisors {
		v.center.work.Go(func() { v.center.askRights(v.ctx, v, userID) })
	}
}

// askRights asks whether a supervisor still may listen to a conversation, and
// ends it otherwise, also when nobody knows.
func (c *Center) askRights(ctx context.Context, v *conversation, userID string) {
	var by account.Actor
	var asked hands
	here := false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*rightsWithin)
	defer cancel()
	_ = v.ask(ctx, func() error { // else the conversation is over, and supervision with it
		if o := v.supervisors[userID]; o != nil {
			by, asked, here = o.by, v.inHands(), true
		}
		return nil
	})
	if !here {
		return
	}
	err := c.mayHear(ctx, by, asked)
	if err == nil {
		return
	}
	c.log.Info("supervisor may not listen any more", "conversation", v.id, "user", userID, "err", err)
	_ = v.ask(ctx, func() error {
		if o := v.supervisors[userID]; o != nil && v.inHands() == asked { // else it is asked again already
			v.revoke(o)
		}
		return nil
	})
}

// revoke ends the part of a supervisor who may not listen any more. The audit has
// it in the same write.
func (v *conversation) revoke(o *supervisor) {
	v.book.audit = append(v.book.audit, account.Entry{
		ID: id.New(id.Audit), Time: v.center.now(), Action: "conversation.supervision_revoked", TargetID: v.id, Target: o.name,
		After: mustJSON(map[string]any{"user_id": o.userID, "mode": o.mode, "reason": monitorRights}),
	})
	v.dropSupervisor(o, omni.SystemError, monitorRights)
}
