package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestRetransmissionOf2xx holds the schedule of RFC 3261 §13.3.1.4.
func TestRetransmissionOf2xx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		p.send(p.request("INVITE", "noack", "", 1, sdpLines+"o"))
		d := next(t, in)
		result := make(chan error, 1)
		go func() { result <- d.Answer(within(t, time.Minute), []byte("a")) }()
		p.response(200)
		start := time.Now()
		var got []time.Duration
		var bye *sipgo.Request
		for bye == nil {
			m, at := p.read()
			switch m := m.(type) {
			case *sipgo.Response:
				got = append(got, at.Sub(start))
			case *sipgo.Request:
				bye = m
				if at.Sub(start) != 32*time.Second || m.Method != sipgo.BYE {
					t.Errorf("%s after %s", m.Method, at.Sub(start))
				}
			}
		}
		want := []time.Duration{500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(got, want) {
			t.Errorf("repeated at %v, want %v", got, want)
		}
		if err := <-result; !errors.Is(err, ErrTimeout) {
			t.Errorf("Answer: %v", err)
		}
		p.reply(bye, 200, "", "")
		wait(t, "done", d.Done())
		if end := d.End(); end.Cause != CauseTimeout {
			t.Errorf("end %+v", end)
		}
		synctest.Wait()
		if e.Calls() != 0 || e.dialog(d.callID, d.localTag) != nil {
			t.Error("the dialog is kept")
		}
	})
}

func TestHangupBeforeTheAckWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		p.send(p.request("INVITE", "quick", "", 1, sdpLines+"o"))
		d := next(t, in)
		go d.Answer(within(t, time.Minute), []byte("a"))
		res := p.response(200)
		hung := make(chan error, 1)
		go func() { hung <- d.Hangup(within(t, time.Minute), CauseNormal) }()
		wait(t, "done", d.Done())
		p.send(p.request("ACK", "quick", toTag(res), 1, ""))
		bye := p.expect(sipgo.BYE)
		p.reply(bye, 200, "", "")
		if err := <-hung; err != nil {
			t.Error(err)
		}
	})
}

func TestTransactionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "one", "")
		p.send(p.request("BYE", "one", to, 2, ""))
		p.response(200)
		wait(t, "done", d.Done())
		out, _ := p.callOut(e, "")
		go out.Hangup(within(t, time.Minute), CauseNormal)
		p.reply(p.expect(sipgo.BYE), 200, "", "")
		p.refused(p.request("INVITE", "two", "", 1, "Require: teleport\n"), 420)
		time.Sleep(40 * time.Second)
		if s, c := e.txs.counts(); s != 0 || c != 0 {
			t.Errorf("%d server and %d client transactions left", s, c)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.dialogs) != 0 || len(e.merged) != 0 || e.Calls() != 0 {
			t.Errorf("%d dialogs, %d merged, %d calls left", len(e.dialogs), len(e.merged), e.Calls())
		}
	})
}

func TestSessionTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "the caller refreshes, then stops", func(t *testing.T) {
			d, to := p.call(in, "t1", "Supported: timer\nSession-Expires: 120;refresher=uac\n")
			for seq := 2; seq < 5; seq++ {
				time.Sleep(60 * time.Second)
				p.send(p.request("UPDATE", "t1", to, seq, "Supported: timer\nSession-Expires: 120;refresher=uac\n"))
				if res := p.response(200); headerValue(res, "Session-Expires") != "120;refresher=uac" || !hasOption(res, "Require", "timer") {
					t.Fatalf("%s", res)
				}
			}
			from := time.Now()
			bye := p.expect(sipgo.BYE)
			if w := time.Since(from); w != 88*time.Second { // 120 - min(32, 120/3)
				t.Errorf("BYE after %s", w)
			}
			p.reply(bye, 200, "", "")
			if wait(t, "done", d.Done()); d.End().Cause != CauseExpired {
				t.Errorf("end %+v", d.End())
			}
		})
		step(t, "we refresh by UPDATE", func(t *testing.T) {
			d, _ := p.call(in, "t2", "Supported: timer\nAllow: INVITE, UPDATE\nSession-Expires: 120;refresher=uas\n")
			for range 3 {
				from := time.Now()
				req := p.expect(sipgo.UPDATE)
				if w := time.Since(from); w != 60*time.Second || headerValue(req, "Session-Expires") != "120;refresher=uac" || len(req.Body()) != 0 {
					t.Fatalf("after %s: %s", w, req)
				}
				p.reply(req, 200, "", "Require: timer\nSession-Expires: 120;refresher=uac\n")
			}
			p.reply(p.expect(sipgo.UPDATE), 481, "", "")
			p.reply(p.expect(sipgo.BYE), 481, "", "")
			if wait(t, "done", d.Done()); d.End().Cause != CauseExpired {
				t.Errorf("end %+v", d.End())
			}
		})
		step(t, "we refresh by re-INVITE a peer without UPDATE", func(t *testing.T) {
			d, _ := p.callOut(e, "Session-Expires: 200;refresher=uac\nAllow: INVITE, BYE\n")
			moved := make(chan string, 1)
			d.OnRemoteAnswer(func(a []byte) { moved <- string(a) })
			req := p.expect(sipgo.INVITE)
			if string(req.Body()) != "offer" {
				t.Errorf("body %q", req.Body())
			}
			p.reply(req, 200, "", "Session-Expires: 200;refresher=uac\n"+sdpLines+"elsewhere")
			p.expect(sipgo.ACK)
			synctest.Wait()
			select {
			case a := <-moved:
				if a != "elsewhere" {
					t.Errorf("told %q", a)
				}
			default:
				t.Error("not told the peer's answer")
			}
			go d.Hangup(within(t, time.Minute), CauseNormal)
			p.reply(p.expect(sipgo.BYE), 200, "", "")
		})
		step(t, "a silent peer does not keep the call", func(t *testing.T) {
			d, _ := p.callOut(e, "Session-Expires: 200;refresher=uac\nAllow: INVITE, BYE\n")
			for {
				m, _ := p.read()
				if m.(*sipgo.Request).Method == sipgo.BYE {
					p.reply(m.(*sipgo.Request), 200, "", "")
					break
				}
			}
			if wait(t, "done", d.Done()); d.End().Cause != CauseExpired {
				t.Errorf("end %+v", d.End())
			}
		})
	})
}

func TestPrackOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "183 is repeated until PRACK, 200 waits for it", func(t *testing.T) {
			p.send(p.request("INVITE", "p1", "", 1, "Supported: 100rel\n"+sdpLines+"o"))
			d := next(t, in)
			progressed, answered := make(chan error, 1), make(chan error, 1)
			go func() { progressed <- d.Progress(within(t, time.Minute), []byte("early")) }()
			res := p.response(183)
			go func() { answered <- d.Answer(within(t, time.Minute), []byte("early")) }()
			from := time.Now()
			for _, at := range []time.Duration{500, 1500, 3500} {
				again, when := p.read()
				if again.String() != res.String() || when.Sub(from) != at*time.Millisecond {
					t.Fatalf("after %s: %s", when.Sub(from), again)
				}
			}
			rseq := headerValue(res, "RSeq")
			p.send(p.request("PRACK", "p1", toTag(res), 2, "RAck: 1 1 INVITE\n"))
			p.response(481)
			p.send(p.request("PRACK", "p1", toTag(res), 3, "RAck: "+rseq+" 1 INVITE\n"))
			if res := p.response(200); res.CSeq().MethodName != sipgo.PRACK {
				t.Fatalf("%s", res)
			}
			if err := <-progressed; err != nil {
				t.Error(err)
			}
			if res := p.response(200); res.CSeq().MethodName != sipgo.INVITE {
				t.Fatalf("%s", res)
			}
			p.send(p.request("ACK", "p1", toTag(res), 1, ""))
			if err := <-answered; err != nil {
				t.Error(err)
			}
			p.send(p.request("BYE", "p1", toTag(res), 4, ""))
			p.response(200)
		})
		step(t, "no PRACK ever", func(t *testing.T) {
			invite := p.request("INVITE", "p2", "", 1, "Require: 100rel\n"+sdpLines+"o")
			p.send(invite)
			d := next(t, in)
			if err := d.Ring(); err != nil { // reliable, since the caller requires it
				t.Fatal(err)
			}
			for {
				m, _ := p.read()
				if res := m.(*sipgo.Response); res.StatusCode >= 200 {
					if res.StatusCode != 504 {
						t.Errorf("%s", res)
					}
					p.send(ackOf(invite, res))
					break
				}
			}
			wait(t, "done", d.Done())
		})
		step(t, "a late offer is made in 183 and answered in PRACK", func(t *testing.T) {
			p.send(p.request("INVITE", "p3", "", 1, "Supported: 100rel\n"))
			d := next(t, in)
			progressed := make(chan error, 1)
			go func() { progressed <- d.Progress(within(t, time.Minute), []byte("our offer")) }()
			res := p.response(183)
			p.send(p.request("PRACK", "p3", toTag(res), 2, "RAck: "+headerValue(res, "RSeq")+" 1 INVITE\n"+sdpLines+"their answer"))
			p.response(200)
			if err := <-progressed; err != nil || string(d.RemoteAnswer()) != "their answer" {
				t.Errorf("%v %q", err, d.RemoteAnswer())
			}
			step(t, "then UPDATE changes it before the answer", func(t *testing.T) {
				d.OnReoffer(func(o []byte) ([]byte, int) { return append([]byte("re "), o...), 0 })
				p.send(p.request("UPDATE", "p3", toTag(res), 3, sdpLines+"hold"))
				if res := p.response(200); string(res.Body()) != "re hold" {
					t.Errorf("%s", res)
				}
			})
			_ = d.Reject(486, "")
		})
	})
}

func TestForkedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p, other := n.peer(t, "10.0.0.2:5060"), n.peer(t, "10.0.0.7:5060")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.expect(sipgo.INVITE)
		p.reply(invite, 200, "first", sdpLines+"a")
		p.expect(sipgo.ACK)
		late := "Contact: <sip:other@10.0.0.7>\n" + sdpLines + "b"
		p.reply(invite, 200, "second", late)
		if ack := other.expect(sipgo.ACK); tagOf(ack.To()) != "second" {
			t.Errorf("%s", ack)
		}
		bye := other.expect(sipgo.BYE)
		p.reply(invite, 200, "second", late) // repeated: acknowledged, not ended twice
		other.expect(sipgo.ACK)
		other.reply(bye, 200, "", "")
		p.quiet(time.Second)
		if string(d.RemoteAnswer()) != "a" {
			t.Errorf("answer %q", d.RemoteAnswer())
		}
		select {
		case <-d.Done():
			t.Error("the call ended")
		default:
		}
	})
}

func TestDialFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		dial := func(r DialRequest) *Dialog {
			t.Helper()
			r.LineID, r.To, r.Offer = "carrier", "1", []byte("o")
			d, err := e.Dial(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		step(t, "busy", func(t *testing.T) {
			d := dial(DialRequest{})
			p.reply(p.expect(sipgo.INVITE), 486, "x", "Reason: Q.850;cause=17\n")
			p.expect(sipgo.ACK)
			wait(t, "done", d.Done())
			if end := d.End(); end != (End{Cause: CauseRejected, Status: 486, Reason: "Q.850;cause=17", ByRemote: true}) {
				t.Errorf("end %+v", end)
			}
		})
		step(t, "no response at all", func(t *testing.T) {
			from := time.Now()
			d := dial(DialRequest{})
			<-d.Done()
			if w := time.Since(from); w != 32*time.Second || d.End().Cause != CauseTimeout {
				t.Errorf("after %s: %+v", w, d.End())
			}
			for range 7 { // 0, .5, 1.5, 3.5, 7.5, 15.5, 31.5 s
				p.expect(sipgo.INVITE)
			}
			p.quiet(time.Second)
		})
		step(t, "rings too long", func(t *testing.T) {
			d := dial(DialRequest{RingTimeout: 20 * time.Second})
			invite := p.expect(sipgo.INVITE)
			p.reply(invite, 180, "x", "")
			cancel := p.expect(sipgo.CANCEL)
			if h := headerValue(cancel, "Reason"); !strings.Contains(h, "cause=19") {
				t.Errorf("Reason %q", h)
			}
			p.reply(cancel, 200, "", "")
			p.reply(invite, 487, "x", "")
			p.expect(sipgo.ACK)
			wait(t, "done", d.Done())
			if d.End().Cause != CauseNoAnswer {
				t.Errorf("end %+v", d.End())
			}
		})
		step(t, "unknown places", func(t *testing.T) {
			for r, want := range map[*DialRequest]error{
				{LineID: "nowhere"}:                 ErrUnknownLine,
				{DeviceID: "nobody"}:                ErrUnknownDevice,
				{URI: "http://example.com"}:         ErrAddress,
				{URI: ""}:                           ErrAddress,
				{URI: "sip:x@10.0.0.2:99999999999"}: ErrAddress,
			} {
				if _, err := e.Dial(t.Context(), *r); !errors.Is(err, want) {
					t.Errorf("%+v: %v, want %v", r, err, want)
				}
			}
		})
		if e.Calls() != 0 {
			t.Errorf("%d calls left", e.Calls())
		}
	})
}

func TestRequestsAreTakenInOrder(t *testing.T) {
	m := newMailbox()
	var got []string
	add := func(seq uint32, name string) { m.put(seq, func() { got = append(got, name) }) }
	add(0, "timer")
	add(7, "third")
	add(5, "first")
	add(0, "response")
	add(6, "second")
	for f, ok := m.take(); ok; f, ok = m.take() {
		f()
	}
	order := fmt.Sprint(got)
	if strings.Index(order, "first") > strings.Index(order, "second") || strings.Index(order, "second") > strings.Index(order, "third") {
		t.Errorf("order %s", order)
	}
	if strings.Index(order, "timer") > strings.Index(order, "response") {
		t.Errorf("order %s", order)
	}
	for i := range 2 * maxRequests {
		if ok := m.put(uint32(i+1), func() {}); ok != (i < maxRequests) {
			t.Fatalf("request %d accepted: %v", i, ok)
		}
	}
}

func TestOldSequenceNumbersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		_, to := p.call(in, "order", "")
		p.send(p.request("INFO", "order", to, 9, ""))
		p.response(200)
		p.send(p.request("INFO", "order", to, 8, ""))
		p.response(500)
	})
}

func TestInfoDigits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "info", "")
		got := make(chan string, 8)
		d.OnInfoDigit(func(digit byte, dur time.Duration) { got <- fmt.Sprintf("%c %s", digit, dur) })
		for i, c := range []struct{ kind, body, want string }{
			{"application/dtmf-relay", "Signal=5\nDuration=250\n", "5 250ms"},
			{"application/dtmf-relay", "Signal= *\n", "* 160ms"},
			{"application/dtmf", "11", "# 160ms"},
			{"application/dtmf", "d", "D 160ms"},
		} {
			p.send(p.request("INFO", "info", to, 2+i, "Content-Type: "+c.kind+"\n\n"+c.body))
			p.response(200)
			if s := <-got; s != c.want {
				t.Errorf("%q: %s, want %s", c.body, s, c.want)
			}
		}
		p.send(p.request("INFO", "info", to, 20, "Content-Type: text/plain\n\nhi"))
		p.response(415)
		p.send(p.request("INFO", "info", to, 21, "Content-Type: application/dtmf-relay\n\nSignal=99\n"))
		p.response(400)
	})
}
