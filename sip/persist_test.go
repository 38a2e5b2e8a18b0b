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
				<-d.Progressed()
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
