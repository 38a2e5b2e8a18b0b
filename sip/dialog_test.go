package sip

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestWhoCallsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		const mime = "Content-Type: multipart/mixed;boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n--b\nContent-Type: application/sdp\n\nv=0\n--b--\n"
		text := p.request("INVITE", "who", "", 1,
			"P-Asserted-Identity: \"Ada \\\"L\\\"\" <sip:+4930123;phone-context=x@carrier.example>, <tel:+1>\nDiversion: <sip:1@b>\n"+mime)
		text = strings.Replace(text, "INVITE sip:9000@10.0.0.1:5060", "INVITE tel:+49-800-9000;phone-context=y", 1)
		p.send(text)
		d := next(t, in)
		if d.Caller() != "+4930123" || d.CallerName() != `Ada "L"` || d.Dialled() != "+49-800-9000" {
			t.Errorf("caller %q %q dialled %q", d.Caller(), d.CallerName(), d.Dialled())
		}
		if string(d.Offer()) != "v=0" || d.Header("diversion") != "<sip:1@b>" || d.Header("None") != "" {
			t.Errorf("offer %q, header %q", d.Offer(), d.Header("Diversion"))
		}
		if d.ID() != "who" || d.Outbound() || d.LineID() != "carrier" || d.Source() != p.conn.addr {
			t.Errorf("%s %v %s %s", d.ID(), d.Outbound(), d.LineID(), d.Source())
		}
		if err := d.Reject(200, ""); !errors.Is(err, ErrState) {
			t.Errorf("Reject with 200: %v", err)
		}
		go d.Reject(302, "Gone\r\nEvil: 1", Header{"Contact", "<sip:x@y>\r\nEvil: 2"})
		res := p.response(302)
		if res.Reason != "GoneEvil: 1" || res.GetHeader("Evil") != nil || res.Contact() == nil {
			t.Errorf("%s", res)
		}
		p.send(ackOf(text, res))
		wait(t, "done", d.Done())
		for name, err := range map[string]error{
			"Ring": d.Ring(), "Progress": d.Progress(t.Context(), nil), "Answer": d.Answer(t.Context(), nil), "Reject": d.Reject(486, ""),
		} {
			if !errors.Is(err, ErrEnded) {
				t.Errorf("%s after the end: %v", name, err)
			}
		}
		if _, err := reoffer(t.Context(), d, nil); !errors.Is(err, ErrEnded) {
			t.Errorf("Reoffer after the end: %v", err)
		}
	})
}

func TestHangupOfACallNotAnswered(t *testing.T) {
	for cause, code := range map[Cause]int{CauseNormal: 603, CauseShutdown: 503, CauseNoAnswer: 480, CauseFailed: 500} {
		synctest.Test(t, func(t *testing.T) {
			in := newCalls()
			n, _ := newBench(t, Config{}, in)
			p := n.peer(t, "10.0.0.2:5060")
			invite := p.request("INVITE", "h", "", 1, sdpLines+"o")
			p.send(invite)
			d := next(t, in)
			go d.Hangup(within(t, time.Minute), cause)
			p.send(ackOf(invite, p.response(code)))
			if wait(t, "done", d.Done()); d.End().Status != code {
				t.Errorf("end %+v", d.End())
			}
		})
	}
}

// reoffered offers a description within a dialog and returns what comes of it, later.
func reoffered(t *testing.T, d *Dialog) <-chan error {
	c := make(chan error, 1)
	go func() {
		_, err := reoffer(within(t, 2*time.Minute), d, []byte("o"))
		c <- err
	}()
	return c
}

func TestReofferRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, _ := p.call(in, "r", "")
		step(t, "488 leaves the call as it was", func(t *testing.T) {
			c := reoffered(t, d)
			p.reply(p.expect(sipgo.INVITE), 488, "", "")
			p.expect(sipgo.ACK)
			var status *StatusError
			if err := <-c; !errors.As(err, &status) || status.Code != 488 || !errors.Is(err, ErrRefused) {
				t.Errorf("Reoffer: %v", err)
			}
		})
		step(t, "500 with Retry-After is tried again", func(t *testing.T) {
			c := reoffered(t, d)
			p.reply(p.expect(sipgo.INVITE), 500, "", "Retry-After: 3\n")
			p.expect(sipgo.ACK)
			from := time.Now()
			p.reply(p.expect(sipgo.INVITE), 200, "", sdpLines+"a")
			if w := time.Since(from); w < 3*time.Second || w > 4*time.Second {
				t.Errorf("tried again after %s", w)
			}
			p.expect(sipgo.ACK)
			if err := <-c; err != nil {
				t.Error(err)
			}
		})
		step(t, "several offers wait for each other", func(t *testing.T) {
			first, second := reoffered(t, d), reoffered(t, d)
			for range 2 {
				p.reply(p.expect(sipgo.INVITE), 200, "", sdpLines+"a")
				p.expect(sipgo.ACK)
			}
			if err := errors.Join(<-first, <-second); err != nil {
				t.Error(err)
			}
		})
		step(t, "481 ends the call", func(t *testing.T) {
			c := reoffered(t, d)
			p.reply(p.expect(sipgo.INVITE), 481, "", "")
			p.expect(sipgo.ACK)
			if err := <-c; !errors.Is(err, ErrRefused) {
				t.Errorf("Reoffer: %v", err)
			}
			p.reply(p.expect(sipgo.BYE), 481, "", "")
			if wait(t, "done", d.Done()); d.End().Cause != CauseGone {
				t.Errorf("end %+v", d.End())
			}
		})
		step(t, "so does silence", func(t *testing.T) {
			d, _ := p.callOut(e, "")
			c := reoffered(t, d)
			if err := <-c; !errors.Is(err, ErrTimeout) {
				t.Errorf("Reoffer: %v", err)
			}
			wait(t, "done", d.Done())
			p.drain(40 * time.Second)
		})
	})
}

func TestTheirReofferRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "r", "")
		step(t, "without a handler", func(*testing.T) {
			p.refused(p.request("INVITE", "r", to, 2, sdpLines+"o"), 488)
		})
		step(t, "by the handler", func(*testing.T) {
			d.OnReoffer(func([]byte) ([]byte, int) { return nil, 415 })
			p.refused(p.request("INVITE", "r", to, 3, sdpLines+"o"), 415)
			d.OnReoffer(func([]byte) ([]byte, int) { return nil, 0 })
			p.refused(p.request("INVITE", "r", to, 4, sdpLines+"o"), 488)
		})
		step(t, "cancelled", func(t *testing.T) {
			hold := make(chan struct{})
			d.OnReoffer(func([]byte) ([]byte, int) { <-hold; return []byte("late"), 0 })
			invite := p.request("INVITE", "r", to, 5, sdpLines+"o")
			p.send(invite)
			synctest.Wait()
			p.send(p.request("UPDATE", "r", to, 6, sdpLines+"o")) // meanwhile: not yet
			if res := p.response(500); headerValue(res, "Retry-After") == "" {
				t.Errorf("%s", res)
			}
			p.send(cancelOf(invite))
			p.response(200)
			p.send(ackOf(invite, p.response(487)))
			close(hold)
			p.quiet(time.Second)
		})
	})
}

func TestByeBeforeTheAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		p.send(p.request("INVITE", "b", "", 1, sdpLines+"o"))
		d := next(t, in)
		answered := make(chan error, 1)
		go func() { answered <- d.Answer(within(t, time.Minute), []byte("a")) }()
		to := toTag(p.response(200))
		p.send(p.request("BYE", "b", to, 2, "Reason: Q.850;cause=16\n"))
		p.response(200)
		if err := <-answered; !errors.Is(err, ErrEnded) {
			t.Errorf("Answer: %v", err)
		}
		if wait(t, "done", d.Done()); !d.End().ByRemote || d.End().Reason != "Q.850;cause=16" {
			t.Errorf("end %+v", d.End())
		}
		p.quiet(40 * time.Second) // the 200 is not repeated any more

		invite := p.request("INVITE", "b2", "", 1, sdpLines+"o")
		p.send(invite)
		d = next(t, in)
		go d.Ring()
		to = toTag(p.response(180))
		p.send(p.request("BYE", "b2", to, 2, "")) // an early dialog may be ended so, too
		p.response(200)
		p.send(ackOf(invite, p.response(487)))
		if wait(t, "done", d.Done()); d.End().Cause != CauseCancelled {
			t.Errorf("end %+v", d.End())
		}
	})
}

func TestRequestsWithinADialogAreAuthenticated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls(), func(e *Endpoint) {
			if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.2"}, Username: "u", Password: "p"}}); err != nil {
				t.Fatal(err)
			}
		})
		p := n.peer(t, "10.0.0.2:5060")
		d, _ := p.callOut(e, "")
		const challenge = "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",algorithm=MD5,qop=\"auth\"\n"
		hung := make(chan error, 1)
		go func() { hung <- d.Hangup(within(t, time.Minute), CauseNormal) }()
		first := p.expect(sipgo.BYE)
		p.reply(first, 401, "", challenge)
		second := p.expect(sipgo.BYE)
		if headerValue(second, "Authorization") == "" || second.CSeq().SeqNo != first.CSeq().SeqNo+1 {
			t.Errorf("%s", second)
		}
		p.reply(second, 200, "", "")
		if err := <-hung; err != nil {
			t.Error(err)
		}
	})
}

func TestWhereRequestsWithinADialogGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{hosts: map[string][]string{"edge.example": {"10.0.0.6"}, "pair.example": {"10.0.0.66", "10.0.0.6"}}}
		in := newCalls()
		n, _ := newBench(t, Config{resolver: z}, in, func(e *Endpoint) {
			if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24", "198.51.100.7"}}}); err != nil {
				t.Fatal(err)
			}
		})
		hangup := func(p *peer, id, extra string) *Dialog {
			d, _ := p.call(in, id, extra)
			go d.Hangup(within(t, time.Minute), CauseNormal)
			return d
		}
		p, edge := n.peer(t, "10.0.0.2:5060"), n.peer(t, "10.0.0.6:5060")
		step(t, "by name", func(*testing.T) {
			hangup(p, "name", "Contact: <sip:x@edge.example>\n")
			edge.reply(edge.expect(sipgo.BYE), 200, "", "")
		})
		step(t, "by name, the first address of which is dead", func(t *testing.T) {
			d := hangup(p, "pair", "Contact: <sip:x@pair.example>\n")
			edge.reply(edge.expect(sipgo.BYE), 200, "", "")
			wait(t, "done", d.Done())
		})
		step(t, "to a strict router", func(t *testing.T) {
			hangup(p, "strict", "Record-Route: <sip:10.0.0.6>\n")
			bye := edge.expect(sipgo.BYE)
			if bye.Recipient.Host != "10.0.0.6" || bye.Route() == nil || bye.Route().Address.Host != "10.0.0.2" {
				t.Errorf("%s", bye)
			}
			edge.reply(bye, 200, "", "")
		})
		step(t, "behind NAT", func(t *testing.T) {
			nat := n.peer(t, "198.51.100.7:33333")
			hangup(nat, "nat", "Contact: <sip:x@192.168.1.20>\n")
			bye := nat.expect(sipgo.BYE)
			if bye.Recipient.Host != "192.168.1.20" {
				t.Errorf("%s", bye)
			}
			nat.reply(bye, 200, "", "")
		})
		step(t, "a name that does not exist", func(t *testing.T) {
			d, _ := p.call(in, "lost", "Contact: <sip:x@nowhere.example>\n")
			if err := d.Hangup(within(t, time.Minute), CauseNormal); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestRequestsOfABranchBeforeTheAnswer: UPDATE of a branch of a fork.
func TestRequestsOfABranchBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", From: "8", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		d.OnReoffer(func(o []byte) ([]byte, int) { return append([]byte("re "), o...), 0 })
		invite := p.expect(sipgo.INVITE)
		p.reply(invite, 183, p.tag, "Require: 100rel\nRSeq: 1\n"+sdpLines+"early")
		p.reply(p.expect(sipgo.PRACK), 200, "", "")
		request := func(method, tag string, seq int) {
			text := p.request(method, invite.CallID().Value(), ";tag="+tagOf(invite.From()), seq, sdpLines+"new")
			p.send(strings.Replace(text, "tag="+p.tag, "tag="+tag, 1))
		}
		request("UPDATE", p.tag, 1)
		if res := p.response(200); string(res.Body()) != "re new" {
			t.Errorf("%s", res)
		}
		request("UPDATE", "stranger", 1)
		p.response(481)
		request("PRACK", p.tag, 2)
		p.response(481)
		request("BYE", p.tag, 3) // this branch has gone; the call goes on
		p.response(200)
		p.reply(invite, 200, "other", sdpLines+"a")
		p.expect(sipgo.ACK)
		wait(t, "answered", d.Answered())
	})
}
