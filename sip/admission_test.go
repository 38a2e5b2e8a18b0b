package sip

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// When calls come faster than they are answered, further ones are refused at
// once, and taken again when the delay is over.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{RetryAfter: 3 * time.Second}, in)
		p := n.peer(t, "10.0.0.2:5060")
		invite := func(id string) { p.send(p.request("INVITE", id, "", 1, sdpLines+"o")) }
		var late []*Dialog
		for i := range lateSetUps {
			invite(fmt.Sprint("late", i))
			late = append(late, next(t, in))
		}
		invite("soon") // they have not waited for long
		soon := next(t, in)
		time.Sleep(e.cfg.SetUpDelay + time.Millisecond)
		invite("refused")
		if res := p.response(503); headerValue(res, "Retry-After") != "3" || res.CallID().Value() != "refused" {
			t.Errorf("%s", res)
		}
		if got := e.admission.refusals(); got[ErrOverload] != 1 {
			t.Errorf("refusals %v", got)
		}
		if err := late[0].Ring(); err != nil { // who rings does not wait for us
			t.Fatal(err)
		}
		p.response(180)
		if err := late[1].Reject(503, ""); err != nil {
			t.Fatal(err)
		}
		if res := p.response(503); headerValue(res, "Retry-After") != "3" {
			t.Errorf("%s", res)
		}
		p.send(p.request("ACK", "late1", "x", 1, ""))
		if err := soon.Reject(486, ""); err != nil {
			t.Fatal(err)
		}
		p.response(486)
		invite("taken")
		next(t, in)
		for _, d := range late[2:] {
			go d.Hangup(t.Context(), CauseNormal)
		}
		synctest.Wait()
		if e.admission.setups.Len() != 1 {
			t.Errorf("%d calls are being set up", e.admission.setups.Len())
		}
	})
}

// A caller who hears nothing else gets 100 in time, others none.
func TestTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		began := time.Now()
		p.send(p.request("INVITE", "slow", "", 1, sdpLines+"o"))
		d := next(t, in)
		m, at := p.read()
		if res, ok := m.(*sipgo.Response); !ok || res.StatusCode != 100 || at.Sub(began) > 200*time.Millisecond {
			t.Errorf("after %s: %s", at.Sub(began), m)
		}
		if err := d.Reject(486, ""); err != nil {
			t.Fatal(err)
		}
		p.response(486)
		p.send(p.request("ACK", "slow", "x", 1, ""))
		p.send(p.request("INVITE", "quick", "", 1, sdpLines+"o"))
		if err := next(t, in).Reject(486, ""); err != nil {
			t.Fatal(err)
		}
		if m, _ := p.read(); m.(*sipgo.Response).StatusCode != 486 {
			t.Errorf("%s", m)
		}
		p.send(p.request("ACK", "quick", "x", 1, ""))
		p.quiet(400 * time.Millisecond) // 486 is repeated after T1
	})
}
