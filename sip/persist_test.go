package sip

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestOrphansGetTheirBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, first := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, to := p.call(in, "orphan", "Record-Route: <sip:10.0.0.2;lr>\n")
		saved := d.Persist()
		if len(saved) == 0 {
			t.Fatal("nothing persisted")
		}
		// Its process dies: another endpoint takes its address.
		second := n.restart(t, first)
		ended := make(chan error, 1)
		go func() { ended <- second.EndOrphan(within(t, time.Minute), saved) }()
		bye := p.expect(sipgo.BYE)
		if bye.CallID().Value() != "orphan" || ";tag="+tagOf(bye.From()) != to || tagOf(bye.To()) != p.tag || bye.Route() == nil {
			t.Errorf("%s", bye)
		}
		p.reply(bye, 200, "", "")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		go func() { ended <- second.EndOrphan(within(t, time.Minute), saved) }()
		p.reply(p.expect(sipgo.BYE), 481, "", "")
		if err := <-ended; err != nil {
			t.Errorf("gone already: %v", err)
		}
		go func() { ended <- second.EndOrphan(within(t, time.Minute), saved) }()
		if err := <-ended; !errors.Is(err, ErrTimeout) {
			t.Errorf("silent peer: %v", err)
		}
		synctest.Wait()
		if second.Calls() != 0 {
			t.Errorf("%d calls", second.Calls())
		}
	})
}

// A call of ours that still rings when its process dies is cancelled by the next
// one; where it is answered in this moment, or CANCEL comes too late, it gets its
// BYE.
func TestOrphanedInvitesAreCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls())
		p := n.peer(t, "10.0.0.2:5060")
		for _, heard := range []int{0, 100, 180, 200} {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			invite := p.expect(sipgo.INVITE)
			if heard == 100 || heard == 180 {
				p.reply(invite, heard, "far", "")
				progress(d)
			}
			saved := d.Persist()
			if strings.Contains(string(saved), "local_sdp") {
				t.Errorf("%d: %s", heard, saved)
			}
			e = n.restart(t, e)
			ended := make(chan error, 1)
			go func() { ended <- e.EndOrphan(within(t, time.Minute), saved) }()
			cancel := p.expect(sipgo.CANCEL)
			if cancel.Via().Value() != invite.Via().Value() || cancel.CSeq().SeqNo != invite.CSeq().SeqNo || cancel.From().Value() != invite.From().Value() ||
				!strings.Contains(headerValue(cancel, "Reason"), "cause=41") {
				t.Errorf("%d: %s", heard, cancel)
			}
			if heard == 200 {
				p.reply(invite, 200, "far", sdpLines+"a")
				if ack := p.expect(sipgo.ACK); tagOf(ack.To()) != "far" {
					t.Errorf("%s", ack)
				}
				bye := p.expect(sipgo.BYE)
				p.reply(cancel, 481, "", "")
				p.reply(bye, 200, "", "")
			} else {
				p.reply(cancel, 200, "", "")
				p.reply(invite, 487, "far", "")
				p.expect(sipgo.ACK)
			}
			if err := <-ended; err != nil {
				t.Errorf("%d: %v", heard, err)
			}
			synctest.Wait()
			if e.Calls() != 0 {
				t.Errorf("%d: %d calls", heard, e.Calls())
			}
		}
	})
}

// The INVITE of a call of ours is sent anew after a challenge: whoever wrote down
// what ends the call is told at once, not when the peer answers. A process that died
// in between cancels an INVITE the peer does not know, and that is not a success.
func TestAnInviteSentAnewIsPersistedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := []Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}, Server: "10.0.0.2", Username: "u", Password: "p"}}
		n, e := newBench(t, Config{}, newCalls(), func(e *Endpoint) {
			if err := e.SetLines(lines); err != nil {
				t.Fatal(err)
			}
		})
		p := n.peer(t, "10.0.0.2:5060")
		d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		first := p.expect(sipgo.INVITE)
		old := d.Persist()
		<-d.Progressed() // the first one went out
		p.reply(first, 407, "x", "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"n\",algorithm=MD5,qop=\"auth\"\n")
		p.expect(sipgo.ACK)
		second := p.expect(sipgo.INVITE)
		select {
		case g := <-d.Progressed():
			if g.Code != 0 {
				t.Errorf("progress %d", g.Code)
			}
		case <-time.After(time.Minute):
			t.Error("nobody was told of the second INVITE")
		}
		saved := d.Persist()
		e = n.restart(t, e)
		ended := make(chan error, 1)

		go func() { ended <- e.EndOrphan(within(t, time.Minute), saved) }()
		cancel := p.expect(sipgo.CANCEL)
		if cancel.Via().Value() != second.Via().Value() || cancel.CSeq().SeqNo != second.CSeq().SeqNo {
			t.Errorf("%s", cancel)
		}
		p.reply(cancel, 481, "", "") // the peer has answered it: its 200 comes again
		p.reply(second, 200, "far", sdpLines+"a")
		p.expect(sipgo.ACK)
		p.reply(p.expect(sipgo.BYE), 200, "", "")
		if err := <-ended; err != nil {
			t.Errorf("answered meanwhile: %v", err)
		}

		go func() { ended <- e.EndOrphan(within(t, time.Minute), old) }()
		cancel = p.expect(sipgo.CANCEL)
		if cancel.Via().Value() != first.Via().Value() {
			t.Errorf("%s", cancel)
		}
		p.reply(cancel, 481, "", "")
		var refused *StatusError
		if err := <-ended; !errors.As(err, &refused) || refused.Code != 481 {
			t.Errorf("an INVITE the peer does not know: %v", err)
		}
	})
}

// Whoever asks for the persisted form gets one, whatever the dialog is doing.
func TestPersistDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		d, _ := p.call(in, "busy", "")
		before := d.Persist()
		free := make(chan struct{})
		d.post(func() { <-free })
		asked := time.Now()
		got := make(chan []byte, 1)
		go func() { got <- d.Persist() }()
		select {
		case form := <-got:
			if len(form) == 0 || string(form) != string(before) || time.Since(asked) != persistWithin {
				t.Errorf("after %v: %s", time.Since(asked), form)
			}
		case <-time.After(time.Minute):
			t.Error("Persist still waits after a minute")
		}
		close(free)
	})
}

// restart ends an endpoint as if its process had died, and starts another.
func (n *fakeNet) restart(t testing.TB, old *Endpoint) *Endpoint {
	_ = old.net.udp.Close()
	return start(t, Config{UDP: endpointAddr, listenPacket: n.listen}, newCalls(), func(e *Endpoint) {
		if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}, Server: "10.0.0.2"}}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPersistedFormIsChecked(t *testing.T) {
	good := persisted{
		Version: 1, CallID: "c", LocalTag: "l", RemoteTag: "r", LocalURI: "sip:a@b", RemoteURI: "sip:c@d",
		Target: "sip:x@10.0.0.1", Network: "UDP", Address: "10.0.0.1:5060", LocalSeq: 1,
	}
	check := func(name string, change func(*persisted), ok bool) {
		p := good
		change(&p)
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := parsePersisted(b); (err == nil) != ok || (err != nil && !errors.Is(err, ErrPersisted)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("good", func(*persisted) {}, true)
	check("version", func(p *persisted) { p.Version = 2 }, false)
	check("no tag", func(p *persisted) { p.RemoteTag = "" }, false)
	check("target", func(p *persisted) { p.Target = "tel:1" }, false)
	check("route", func(p *persisted) { p.Routes = []string{"nonsense"} }, false)
	check("network", func(p *persisted) { p.Network = "SCTP" }, false)
	check("address", func(p *persisted) { p.Address = "x" }, false)
	check("ringing with the tag of an answer", func(p *persisted) { p.Invite = []byte("INVITE") }, false)
	check("sequence", func(p *persisted) { p.LocalSeq = 1 << 31 }, false)
	check("line end in the name", func(p *persisted) { p.LocalName = "a\r\nEvil: 1" }, false)
	if _, _, err := parsePersisted([]byte("{")); !errors.Is(err, ErrPersisted) {
		t.Error(err)
	}
}

func TestShutdown(t *testing.T) {
	for _, bye := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			in := newCalls()
			n := newFakeNet()
			e, err := New(Config{UDP: endpointAddr, listenPacket: n.listen, ByeOnShutdown: bye}, in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}}}); err != nil {
				t.Fatal(err)
			}
			ctx := within(t, 30*time.Second)
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx) }()
			<-e.Ready()
			p := n.peer(t, "10.0.0.2:5060")
			d, _ := p.call(in, "shutdown", "")
			<-ctx.Done()
			if bye {
				req := p.expect(sipgo.BYE)
				if !strings.Contains(headerValue(req, "Reason"), "cause=41") {
					t.Errorf("%s", req)
				}
				p.reply(req, 200, "", "")
			} else {
				p.quiet(time.Minute)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			wait(t, "done", d.Done())
			if d.End().Cause != CauseShutdown {
				t.Errorf("end %+v", d.End())
			}
			if _, err := e.Dial(t.Context(), DialRequest{URI: "sip:1@10.0.0.2"}); !errors.Is(err, ErrClosed) {
				t.Errorf("Dial: %v", err)
			}
			if err := d.Hangup(t.Context(), CauseNormal); err != nil && !errors.Is(err, ErrEnded) {
				t.Errorf("Hangup: %v", err)
			}
		})
	}
}
