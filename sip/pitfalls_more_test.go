package sip

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestPitfall20UnparsableFromAndContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		base := p.request("INVITE", "bad", "", 1, sdpLines+"o")
		for name, broken := range map[string]string{
			"From, quote not closed":   strings.Replace(base, `"Peer"`, `"Peer`, 1),
			"From, bracket not closed": strings.Replace(base, "10.0.0.2>;tag", "10.0.0.2;tag", 1),
			"From, unquoted comma":     strings.Replace(base, `"Peer"`, `Doe, Jane`, 1),
			"From, empty":              strings.Replace(base, `"Peer" <sip:1001@10.0.0.2>;tag=`+p.tag, "", 1),
			"Contact, bracket":         strings.Replace(base, "Contact: <", "Contact: ", 1),
			"Contact, no URI":          strings.Replace(base, "Contact: <sip:peer@10.0.0.2:5060>", "Contact: <>", 1),
			"Contact, star":            strings.Replace(base, "<sip:peer@10.0.0.2:5060>", "*", 1),
			"Contact, other scheme":    strings.Replace(base, "<sip:peer@10.0.0.2:5060>", "<:>", 1),
			"Contact missing":          strings.Replace(base, "Contact: <sip:peer@10.0.0.2:5060>\n", "", 1),
		} {
			step(t, name, func(t *testing.T) {
				if broken == base {
					t.Fatal("nothing was broken")
				}
				p.send(broken)
				if s := p.status(); s != "SIP/2.0 400" {
					t.Errorf("%s", s)
				}
			})
		}
		// The endpoint still works.
		p.call(in, "good", "")
	})
}

func TestPitfall21ByeAndReinviteCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "re-INVITE behind our BYE", func(t *testing.T) {
			d, to := p.call(in, "x1", "")
			go d.Hangup(within(t, time.Minute), CauseNormal)
			bye := p.expect(sipgo.BYE)
			p.refused(p.request("INVITE", "x1", to, 2, sdpLines+"o"), 481)
			p.reply(bye, 200, "", "")
			wait(t, "done", d.Done())
		})
		step(t, "BYE behind our re-INVITE", func(t *testing.T) {
			d, to := p.call(in, "x2", "")
			result := reoffered(t, d)
			p.expect(sipgo.INVITE)
			p.send(p.request("BYE", "x2", to, 2, ""))
			p.response(200)
			if err := <-result; !errors.Is(err, ErrEnded) {
				t.Errorf("Reoffer: %v", err)
			}
			p.drain(40 * time.Second)
		})
		step(t, "BYE behind their own re-INVITE", func(t *testing.T) {
			d, to := p.call(in, "x3", "")
			hold, told := make(chan struct{}), make(chan bool, 1)
			d.OnReofferSettled(func([]byte) ([]byte, int, func(bool)) {
				<-hold
				return []byte("a"), 0, func(sent bool) { told <- sent }
			})
			invite := p.request("INVITE", "x3", to, 2, sdpLines+"o")
			p.send(invite)
			synctest.Wait()
			p.send(p.request("BYE", "x3", to, 3, ""))
			if res := p.response(200); res.CSeq().MethodName != sipgo.BYE {
				t.Errorf("%s", res)
			}
			p.send(ackOf(invite, p.response(487)))
			close(hold)
			wait(t, "done", d.Done())
			p.drain(40 * time.Second)
		})
		step(t, "both hang up", func(t *testing.T) {
			d, to := p.call(in, "x4", "")
			hung := make(chan error, 1)
			go func() { hung <- d.Hangup(within(t, time.Minute), CauseNormal) }()
			bye := p.expect(sipgo.BYE)
			p.send(p.request("BYE", "x4", to, 2, ""))
			p.response(200)
			p.reply(bye, 481, "", "")
			if err := <-hung; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestPitfall21CancelledReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "x5", "")
		hold, told := make(chan struct{}), make(chan bool, 1)
		d.OnReofferSettled(func([]byte) ([]byte, int, func(bool)) {
			<-hold
			return []byte("a"), 0, func(sent bool) { told <- sent }
		})
		invite := p.request("INVITE", "x5", to, 2, sdpLines+"o")
		p.send(invite)
		synctest.Wait()
		p.send(cancelOf(invite))
		p.response(200)
		p.send(ackOf(invite, p.response(487)))
		close(hold)
		if <-told {
			t.Error("the session was changed by a cancelled re-INVITE")
		}
		p.send(p.request("INVITE", "x5", to, 3, sdpLines+"o"))
		if res := p.response(200); string(res.Body()) != "a" || !<-told {
			t.Errorf("%s", res)
		}
		p.send(p.request("ACK", "x5", to, 3, ""))
		p.send(p.request("BYE", "x5", to, 4, ""))
		p.response(200)
		wait(t, "done", d.Done())
	})
}

func TestPitfall21UnknownDialogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		for _, m := range []string{"BYE", "INVITE", "UPDATE", "INFO", "PRACK"} {
			p.send(p.request(m, "never", ";tag=heard", 5, ""))
			p.response(481)
		}
		p.send(p.request("ACK", "never", ";tag=heard", 5, ""))
		p.quiet(time.Minute)
	})
}
