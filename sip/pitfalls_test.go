package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// The names below are those of the project's list of telephony pitfalls.

func TestPitfall02RouteSet(t *testing.T) {
	const routes = "Record-Route: <sip:10.0.0.2;lr>, <sip:10.0.0.3;lr>\nRecord-Route: <sip:10.0.0.4;lr>\n"
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		want := func(req *sipgo.Request, order ...string) {
			t.Helper()
			var got []string
			for _, h := range req.GetHeaders("Route") {
				got = append(got, h.(*sipgo.RouteHeader).Address.Host)
			}
			if fmt.Sprint(got) != fmt.Sprint(order) {
				t.Errorf("route set of %s: %v, want %v", req.Method, got, order)
			}
			if req.Recipient.Host != "10.0.0.2" || req.Recipient.User != "peer" {
				t.Errorf("Request-URI %s is not the remote target", req.Recipient.String())
			}
		}
		step(t, "server keeps the order", func(t *testing.T) {
			d, _ := p.call(in, "uas", routes)
			go d.Hangup(within(t, time.Minute), CauseNormal)
			bye := p.expect(sipgo.BYE)
			want(bye, "10.0.0.2", "10.0.0.3", "10.0.0.4")
			p.reply(bye, 200, "", "")
		})
		step(t, "client reverses it", func(t *testing.T) {
			// The last Record-Route comes first, and is where requests go.
			const reversed = "Record-Route: <sip:10.0.0.4;lr>, <sip:10.0.0.3;lr>\nRecord-Route: <sip:10.0.0.2;lr>\n"
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			invite := p.expect(sipgo.INVITE)
			p.reply(invite, 200, "far", reversed+sdpLines+"a")
			want(p.expect(sipgo.ACK), "10.0.0.2", "10.0.0.3", "10.0.0.4")
			go d.Hangup(within(t, time.Minute), CauseNormal)
			bye := p.expect(sipgo.BYE)
			want(bye, "10.0.0.2", "10.0.0.3", "10.0.0.4")
			p.reply(bye, 200, "", "")
		})
	})
}

func TestPitfall03AckGoesToTheTargetAndIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p, media := n.peer(t, "10.0.0.2:5060"), n.peer(t, "10.0.0.9:5070")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.expect(sipgo.INVITE)
		for range 3 {
			p.reply(invite, 200, "far", "Contact: <sip:x@10.0.0.9:5070>\n"+sdpLines+"a")
			ack := media.expect(sipgo.ACK)
			if ack.Recipient.Host != "10.0.0.9" || ack.CSeq().SeqNo != invite.CSeq().SeqNo || tagOf(ack.To()) != "far" {
				t.Fatalf("ACK %s", ack)
			}
		}
		time.Sleep(40 * time.Second) // the INVITE's transaction is over now
		p.reply(invite, 200, "far", "Contact: <sip:x@10.0.0.9:5070>\n"+sdpLines+"a")
		media.expect(sipgo.ACK)
		p.quiet(0)
		if e := d.End(); e != (End{}) {
			t.Fatalf("ended: %+v", e)
		}
	})
}

func TestPitfall04AckRightBehindTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		for i := range 200 {
			d, to := p.call(in, fmt.Sprintf("early-ack-%d", i), "")
			wait(t, "answered", d.Answered())
			p.send(p.request("BYE", d.CallID(), to, 2, ""))
			p.response(200)
			wait(t, "done", d.Done())
		}
		p.quiet(40 * time.Second)
	})
}

func TestPitfall05MoreThanTenProvisionals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.expect(sipgo.INVITE)
		for range 40 {
			p.reply(invite, 180, "far", "")
			time.Sleep(time.Second)
		}
		p.reply(invite, 200, "far", sdpLines+"a")
		p.expect(sipgo.ACK)
		wait(t, "answered", d.Answered())
	})
}

func TestPitfall09LateOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "server", func(t *testing.T) {
			p.send(p.request("INVITE", "late", "", 1, ""))
			d := next(t, in)
			if d.Offer() != nil {
				t.Fatalf("offer %q", d.Offer())
			}
			done := make(chan error, 1)
			go func() { done <- d.Answer(within(t, time.Minute), []byte("our offer")) }()
			res := p.response(200)
			if string(res.Body()) != "our offer" {
				t.Errorf("body %q", res.Body())
			}
			p.send(p.request("ACK", "late", toTag(res), 1, sdpLines+"their answer"))
			if err := <-done; err != nil || string(d.RemoteAnswer()) != "their answer" {
				t.Fatalf("%v, answer %q", err, d.RemoteAnswer())
			}
		})
		step(t, "server, no answer in the ACK", func(t *testing.T) {
			p.send(p.request("INVITE", "late2", "", 1, ""))
			d := next(t, in)
			go func() { _ = d.Answer(within(t, time.Minute), []byte("our offer")) }()
			p.send(p.request("ACK", "late2", toTag(p.response(200)), 1, ""))
			bye := p.expect(sipgo.BYE)
			p.reply(bye, 200, "", "")
			if wait(t, "done", d.Done()); d.End().Cause != CauseFailed {
				t.Errorf("end %+v", d.End())
			}
		})
		step(t, "client", func(t *testing.T) {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", AnswerOffer: func(o []byte) ([]byte, int) {
				return append([]byte("answer to "), o...), 200
			}})
			if err != nil {
				t.Fatal(err)
			}
			invite := p.expect(sipgo.INVITE)
			if len(invite.Body()) != 0 {
				t.Fatalf("body %q", invite.Body())
			}
			p.reply(invite, 200, "far", sdpLines+"theirs")
			if ack := p.expect(sipgo.ACK); string(ack.Body()) != "answer to theirs" {
				t.Errorf("ACK body %q", ack.Body())
			}
			wait(t, "answered", d.Answered())
		})
	})
}

func TestPitfall10EarlyMediaThenAnotherAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		for _, final := range []string{"final", ""} {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			invite := p.expect(sipgo.INVITE)
			p.reply(invite, 183, "far", sdpLines+"early")
			if g := progress(d); g.Code != 183 || string(g.SDP) != "early" || string(d.RemoteAnswer()) != "early" {
				t.Fatalf("progress %+v", g)
			}
			extra, want := "", "early"
			if final != "" {
				extra, want = sdpLines+final, final
			}
			p.reply(invite, 200, "far", extra)
			p.expect(sipgo.ACK)
			wait(t, "answered", d.Answered())
			if string(d.RemoteAnswer()) != want {
				t.Errorf("answer %q, want %q", d.RemoteAnswer(), want)
			}
		}
	})
}

func TestPitfall11ReinviteWithoutOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "reinvite", "")
		answers := make(chan string, 1)
		d.OnReoffer(func(offer []byte) ([]byte, int) {
			if offer != nil {
				t.Errorf("offer %q", offer)
			}
			return []byte("our new offer"), 0
		})
		d.OnRemoteAnswer(func(a []byte) { answers <- string(a) })
		p.send(p.request("INVITE", "reinvite", to, 2, ""))
		if res := p.response(200); string(res.Body()) != "our new offer" {
			t.Errorf("body %q", res.Body())
		}
		p.send(p.request("ACK", "reinvite", to, 2, sdpLines+"their answer"))
		if a := <-answers; a != "their answer" {
			t.Errorf("answer %q", a)
		}
	})
}

func TestPitfall11Glare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "theirs meets ours", func(t *testing.T) {
			d, to := p.call(in, "glare", "")
			go reoffer(within(t, time.Minute), d, []byte("ours"))
			ours := p.expect(sipgo.INVITE)
			p.refused(p.request("INVITE", "glare", to, 2, sdpLines+"theirs"), 491)
			p.reply(ours, 200, "", sdpLines+"a")
			p.expect(sipgo.ACK)
		})
		for _, c := range []struct {
			name     string
			outbound bool
			from, to time.Duration
		}{
			{"ours refused, they own the Call-ID", false, 0, 2 * time.Second},
			{"ours refused, we own the Call-ID", true, 2100 * time.Millisecond, 4 * time.Second},
		} {
			step(t, c.name, func(t *testing.T) {
				var d *Dialog
				if c.outbound {
					d, _ = p.callOut(e, "")
				} else {
					d, _ = p.call(in, "glare2", "")
				}
				result := make(chan error, 1)
				go func() {
					answer, err := reoffer(within(t, time.Minute), d, []byte("ours"))
					if string(answer) != "yes" {
						err = errors.Join(err, fmt.Errorf("answer %q", answer))
					}
					result <- err
				}()
				first := p.expect(sipgo.INVITE)
				p.reply(first, 491, "", "")
				p.expect(sipgo.ACK)
				refused := time.Now()
				m, at := p.read()
				second := m.(*sipgo.Request)
				if w := at.Sub(refused); w < c.from || w > c.to+time.Millisecond {
					t.Errorf("tried again after %s, want %s to %s", w, c.from, c.to)
				}
				if second.CSeq().SeqNo <= first.CSeq().SeqNo || string(second.Body()) != "ours" {
					t.Errorf("second attempt: %s", second)
				}
				p.reply(second, 200, "", sdpLines+"yes")
				p.expect(sipgo.ACK)
				if err := <-result; err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestPitfall12MinSE(t *testing.T) {
	const short = "Supported: timer\nSession-Expires: 60\n"
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "INVITE", func(t *testing.T) {
			if res := p.refused(p.request("INVITE", "short", "", 1, short+sdpLines+"o"), 422); headerValue(res, "Min-SE") != "90" {
				t.Errorf("%s", res)
			}
		})
		step(t, "re-INVITE", func(t *testing.T) {
			d, to := p.call(in, "short2", "Supported: timer\nSession-Expires: 1800\n")
			if res := p.refused(p.request("INVITE", "short2", to, 2, short+sdpLines+"o"), 422); headerValue(res, "Min-SE") != "90" {
				t.Errorf("%s", res)
			}
			select {
			case <-d.Done():
				t.Error("the call ended")
			default:
			}
		})
		step(t, "UPDATE", func(*testing.T) {
			_, to := p.call(in, "short3", "")
			p.send(p.request("UPDATE", "short3", to, 2, short))
			p.response(422)
		})
		step(t, "of somebody who does not support timers", func(t *testing.T) {
			p.send(p.request("INVITE", "short4", "", 1, "Session-Expires: 60\n"+sdpLines+"o"))
			d := next(t, in)
			go d.Answer(within(t, time.Minute), []byte("a"))
			res := p.response(200)
			if v := headerValue(res, "Session-Expires"); v != "90;refresher=uas" {
				t.Errorf("Session-Expires %q", v)
			}
			p.send(p.request("ACK", "short4", toTag(res), 1, ""))
		})
		step(t, "ours", func(t *testing.T) {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			first := p.expect(sipgo.INVITE)
			p.reply(first, 422, "x", "Min-SE: 3600\n")
			p.expect(sipgo.ACK)
			second := p.expect(sipgo.INVITE)
			if headerValue(second, "Session-Expires") != "3600" || headerValue(second, "Min-SE") != "3600" ||
				second.CallID().Value() != first.CallID().Value() || second.CSeq().SeqNo != first.CSeq().SeqNo+1 {
				t.Errorf("second attempt: %s", second)
			}
			p.reply(second, 200, "far", "Require: timer\nSession-Expires: 3600;refresher=uas\n"+sdpLines+"a")
			p.expect(sipgo.ACK)
			wait(t, "answered", d.Answered())
		})
	})
}

func TestPitfall13PrackWithForking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.expect(sipgo.INVITE)
		if !hasOption(invite, "Supported", "100rel") {
			t.Fatal("100rel is not offered")
		}
		ring := func(tag string, rseq int) {
			p.reply(invite, 183, tag, fmt.Sprintf("Require: 100rel\nRSeq: %d\n", rseq)+sdpLines+"early "+tag)
		}
		prack := func(tag string, rseq, seq int) {
			t.Helper()
			req := p.expect(sipgo.PRACK)
			want := fmt.Sprintf("%d %d INVITE", rseq, invite.CSeq().SeqNo)
			if tagOf(req.To()) != tag || headerValue(req, "RAck") != want || int(req.CSeq().SeqNo) != seq {
				t.Fatalf("PRACK: want tag %s, RAck %s, CSeq %d, got %s", tag, want, seq, req)
			}
			p.reply(req, 200, "", "")
		}
		base := int(invite.CSeq().SeqNo)
		ring("one", 100)
		prack("one", 100, base+1)
		ring("two", 7)
		prack("two", 7, base+1) // each branch counts for itself
		ring("one", 100)        // a repetition
		p.quiet(time.Second)
		ring("one", 103) // out of order
		p.quiet(time.Second)
		ring("one", 101)
		prack("one", 101, base+2)
		p.reply(invite, 200, "two", "")
		if ack := p.expect(sipgo.ACK); tagOf(ack.To()) != "two" {
			t.Errorf("%s", ack)
		}
		wait(t, "answered", d.Answered())
		if string(d.RemoteAnswer()) != "early two" {
			t.Errorf("answer %q", d.RemoteAnswer())
		}
		go d.Hangup(within(t, time.Minute), CauseNormal)
		bye := p.expect(sipgo.BYE)
		if int(bye.CSeq().SeqNo) != base+2 || tagOf(bye.To()) != "two" {
			t.Errorf("%s", bye)
		}
		p.reply(bye, 200, "", "")
	})
}

func TestPitfall16OurCancelRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		dial := func() (*Dialog, *sipgo.Request) {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			return d, p.expect(sipgo.INVITE)
		}
		step(t, "200 crosses our CANCEL", func(t *testing.T) {
			d, invite := dial()
			p.reply(invite, 180, "far", "")
			progress(d)
			hung := make(chan error, 1)
			go func() { hung <- d.Hangup(within(t, time.Minute), CauseNormal) }()
			cancel := p.expect(sipgo.CANCEL)
			p.reply(invite, 200, "far", sdpLines+"a")
			p.expect(sipgo.ACK)
			bye := p.expect(sipgo.BYE)
			p.reply(cancel, 200, "", "")
			p.reply(bye, 200, "", "")
			if err := <-hung; err != nil {
				t.Error(err)
			}
			if end := d.End(); end.Cause != CauseCancelled || end.ByRemote {
				t.Errorf("end %+v", end)
			}
		})
		step(t, "CANCEL waits for a provisional response", func(t *testing.T) {
			d, invite := dial()
			go d.Hangup(within(t, time.Minute), CauseNormal)
			for { // the INVITE is repeated, no CANCEL comes
				m, _ := p.poll(3 * time.Second)
				if m == nil {
					break
				}
				if m.(*sipgo.Request).Method != sipgo.INVITE {
					t.Fatalf("unexpected %s", m)
				}
			}
			p.reply(invite, 180, "far", "")
			cancel := p.expect(sipgo.CANCEL)
			if cancel.Via().Value() != invite.Via().Value() || cancel.CSeq().SeqNo != invite.CSeq().SeqNo {
				t.Errorf("%s", cancel)
			}
			p.reply(cancel, 200, "", "")
			p.reply(invite, 487, "far", "")
			p.expect(sipgo.ACK)
			wait(t, "done", d.Done())
		})
		step(t, "nobody ever answers the CANCEL", func(t *testing.T) {
			d, invite := dial()
			p.reply(invite, 180, "far", "")
			progress(d)
			if err := d.Hangup(within(t, 2*time.Minute), CauseNormal); err != nil {
				t.Error(err)
			}
			p.drain(time.Second)
		})
	})
}

func TestPitfall16TheirCancelRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "CANCEL", func(t *testing.T) {
			invite := p.request("INVITE", "c1", "", 1, sdpLines+"o")
			p.send(invite)
			d := next(t, in)
			p.send(cancelOf(invite))
			cancelled := p.response(200)
			if cancelled.CSeq().MethodName != sipgo.CANCEL {
				t.Errorf("%s", cancelled)
			}
			res := p.response(487)
			if toTag(cancelled) != toTag(res) { // RFC 3261 §9.2
				t.Errorf("To tags %s of 200 and %s of 487", toTag(cancelled), toTag(res))
			}
			p.send(ackOf(invite, res))
			wait(t, "done", d.Done())
			if end := d.End(); end.Cause != CauseCancelled || !end.ByRemote {
				t.Errorf("end %+v", end)
			}
			if err := d.Answer(within(t, time.Minute), []byte("a")); !errors.Is(err, ErrEnded) {
				t.Errorf("Answer: %v", err)
			}
		})
		step(t, "CANCEL crosses our 200", func(t *testing.T) {
			invite := p.request("INVITE", "c2", "", 1, sdpLines+"o")
			p.send(invite)
			d := next(t, in)
			go d.Answer(within(t, time.Minute), []byte("a"))
			ok := p.response(200)
			p.send(cancelOf(invite))
			if res := p.response(200); res.CSeq().MethodName != sipgo.CANCEL {
				t.Errorf("%s", res)
			}
			p.send(p.request("ACK", "c2", toTag(ok), 1, ""))
			wait(t, "answered", d.Answered())
			p.send(p.request("BYE", "c2", toTag(ok), 2, ""))
			p.response(200)
			wait(t, "done", d.Done())
		})
		step(t, "CANCEL of nothing", func(*testing.T) {
			p.send(cancelOf(p.request("INVITE", "c3", "", 1, "")))
			p.response(481)
		})
	})
}

// refused sends an INVITE, checks its refusal and acknowledges it.
func (p *peer) refused(invite string, code int) *sipgo.Response {
	p.t.Helper()
	p.send(invite)
	res := p.response(code)
	p.send(ackOf(invite, res))
	return res
}

// cancelOf is the CANCEL of an INVITE, with its Via.
func cancelOf(invite string) string {
	head, _, _ := strings.Cut(invite, "\nMax-Forwards")
	return strings.ReplaceAll(head, "INVITE", "CANCEL") + "\nMax-Forwards: 70"
}

// ackOf is the ACK of a refused INVITE.
func ackOf(invite string, res *sipgo.Response) string {
	head, _, _ := strings.Cut(invite, "\nMax-Forwards")
	if to := "To: <sip:9000@10.0.0.1>"; !strings.Contains(head, to+";tag") {
		head = strings.Replace(head, to, to+toTag(res), 1)
	}
	return strings.ReplaceAll(head, "INVITE", "ACK") + "\nMax-Forwards: 70"
}
