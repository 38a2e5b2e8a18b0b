package sip

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestRefreshCrossesHold has a session refresh (RFC 4028 §7.4) meet holds of
// both sides: what it offers is what we want, not our last answer, and an offer
// that waits for its end is written after it.
func TestRefreshCrossesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		const timer = "Session-Expires: 200;refresher=uac\nAllow: INVITE, BYE\n"
		d, invite := p.callOut(e, timer)
		d.OnReoffer(func([]byte) ([]byte, int) { return []byte("recvonly"), 0 })
		var told atomic.Value
		d.OnRemoteAnswer(func(a []byte) { told.Store(string(a)) })
		d.OnRefresh(func() []byte { return []byte("sendrecv") })

		step(t, "the peer holds", func(t *testing.T) {
			p.send("INVITE sip:us@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKhold\nMax-Forwards: 70\n" +
				"From: <sip:far@10.0.0.2>;tag=" + d.leg.remoteTag + "\nTo: <sip:us@10.0.0.1>;tag=" + tagOf(invite.From()) +
				"\nCall-ID: " + d.CallID() + "\nCSeq: 7 INVITE\nContact: <sip:far@10.0.0.2:5060>\nAllow: INVITE, BYE\n" + sdpLines + "sendonly")
			if res := p.response(200); string(res.Body()) != "recvonly" {
				t.Fatalf("%s", res)
			}
			p.send("ACK sip:us@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKack\nMax-Forwards: 70\n" +
				"From: <sip:far@10.0.0.2>;tag=" + d.leg.remoteTag + "\nTo: <sip:us@10.0.0.1>;tag=" + tagOf(invite.From()) +
				"\nCall-ID: " + d.CallID() + "\nCSeq: 7 ACK\n")
		})
		var refresh *sipgo.Request
		step(t, "the refresh offers what we want", func(t *testing.T) {
			refresh = p.expect(sipgo.INVITE)
			if string(refresh.Body()) != "sendrecv" {
				t.Errorf("body %q", refresh.Body())
			}
		})
		step(t, "our own offer is written when the refresh is answered", func(t *testing.T) {
			settled := make(chan error, 1)
			go func() {
				settled <- d.Reoffer(within(t, time.Minute), Offer{
					Describe: func() []byte {
						if told.Load() != "sendonly" {
							t.Errorf("written after the answer %v", told.Load())
						}
						return []byte("ours")
					},
					Settle: func(_ []byte, err error) error { return err },
				})
			}()
			synctest.Wait()
			p.reply(refresh, 200, "", timer+sdpLines+"sendonly")
			p.expect(sipgo.ACK)
			hold := p.expect(sipgo.INVITE)
			if string(hold.Body()) != "ours" {
				t.Errorf("body %q", hold.Body())
			}
			p.reply(hold, 200, "", timer+sdpLines+"recvonly")
			p.expect(sipgo.ACK)
			if err := <-settled; err != nil {
				t.Error(err)
			}
		})
		go d.Hangup(within(t, time.Minute), CauseNormal)
		p.reply(p.expect(sipgo.BYE), 200, "", "")
	})
}
