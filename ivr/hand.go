package ivr

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// hand runs a node that gives the conversation to somebody: no time limit, for
// people talk as long as they like.
func (x *run) hand(ctx context.Context, n *Node) (next string, err error) {
	x.forget()
	if n.Text != nil {
		// Whoever presses 0 here is on the way to a person already.
		if _, err := x.s.Play(ctx, x.wording(n.Text), PlayOptions{}); err != nil {
			return "", err
		}
	}
	if n.Kind == KindQueue {
		q := n.Queue
		next, err = x.queue(ctx, n, QueueRequest{Queue: q.Queue, Skills: q.Skills, Priority: q.Priority, Music: q.Music,
			Announce: q.Announce, MaxWait: q.MaxWait, Human: x.human})
	} else {
		next, err = x.transfer(ctx, n)
	}
	if err != nil && n.Failed != "" && !x.over(ctx, err) && !errors.Is(err, errHuman) {
		x.log.Error("hand over failed", "flow", x.flow.ID, "node", n.Name, "error", err)
		x.choose(ctx, "failed", "")
		return n.Failed, nil
	}
	return next, err
}

// queue waits for an agent.
func (x *run) queue(ctx context.Context, n *Node, req QueueRequest) (next string, err error) {
	res, err := x.s.Queue(ctx, req)
	if err != nil {
		return "", err
	}
	switch res.Outcome {
	case QueueReleased:
		x.choose(ctx, string(QueueReleased), "")
		return n.Next, nil
	case QueueOverflow:
		x.choose(ctx, string(QueueOverflow), "")
		if n.Queue != nil && n.Queue.Overflow != "" {
			return n.Queue.Overflow, nil
		}
		return x.overflow(ctx, res.Overflow)
	}
	x.result.End = EndHandled
	return "", errEnded
}

// overflow does what the queue wants when it gave a conversation up. For
// callback and ticket the queue has written it down already.
func (x *run) overflow(ctx context.Context, o Overflow) (next string, err error) {
	x.result.End, x.result.Reason = EndOverflow, o.Reason
	switch o.Kind {
	case "number":
		answered, err := x.call(ctx, TransferRequest{Kind: "number", Target: o.Target, Timeout: 30 * time.Second})
		if err != nil || answered {
			return "", err
		}
	case "flow":
		return x.jump(ctx, o.Target)
	case "voicemail":
		err := x.voicemail(ctx, nil, Voicemail{Mailbox: o.Target, Max: 2 * time.Minute, Silence: 5 * time.Second, Beep: true})
		if err != nil {
			return "", err
		}
	case "callback", "ticket":
		if err := x.system(ctx, "callback"); err != nil {
			return "", err
		}
	default:
		if err := x.system(ctx, "all_busy_end"); err != nil {
			return "", err
		}
	}
	if err := x.system(ctx, "goodbye"); err != nil {
		return "", err
	}
	return "", errEnded
}

// transfer hands the conversation over.
func (x *run) transfer(ctx context.Context, n *Node) (next string, err error) {
	t := n.Transfer
	target := expand(t.Target, x.vars, plain)
	switch t.Kind {
	case "queue":
		return x.queue(ctx, n, QueueRequest{Queue: target, Human: x.human})
	case "flow":
		return x.jump(ctx, target)
	}
	if n.Text == nil {
		if _, err := x.s.Play(ctx, []Prompt{System(x.language, "transfer", nil)}, PlayOptions{}); err != nil {
			return "", err
		}
	}
	answered, err := x.call(ctx, TransferRequest{Kind: t.Kind, Target: target, Timeout: t.Timeout})
	if err != nil {
		return "", err
	}
	if answered {
		return n.Next, nil
	}
	x.choose(ctx, "failed", "")
	if n.Failed != "" {
		return n.Failed, nil
	}
	if err := x.system(ctx, "transfer_failed"); err != nil {
		return "", err
	}
	if x.flow.Human == n.Name { // nobody else is left
		x.result.End, x.result.Reason = EndOverflow, "no_agent"
		return "", errEnded
	}
	return "", errHuman
}

// call makes a transfer. answered true: the other party is done and the
// customer stays; errEnded: the conversation is over.
func (x *run) call(ctx context.Context, req TransferRequest) (answered bool, err error) {
	res, err := x.s.Transfer(ctx, req)
	if err != nil {
		return false, err
	}
	if res.Answered && !res.Released {
		x.result.End, x.result.Reason = EndHandled, ""
		return true, errEnded
	}
	return res.Answered, nil
}

// jump goes on in another flow.
func (x *run) jump(ctx context.Context, id string) (next string, err error) {
	flow, err := x.cfg.Flow(ctx, id)
	if err != nil {
		return "", fmt.Errorf("transfer to flow %s: %w", id, err)
	}
	x.choose(ctx, "flow", flow.Name)
	x.enter(flow)
	if err := x.speak(ctx, flow.nearest(x.language)); err != nil {
		return "", err
	}
	return flow.Start, nil
}
