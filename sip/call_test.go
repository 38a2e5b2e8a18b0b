package sip

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestCallBothWays(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			in := newCalls()
			b := start(t, Config{}, in, onLoopback)
			a := start(t, Config{}, nil, onLoopback)
			uri := udpURI(b, "9000")
			if network == "tcp" {
				uri = "sip:9000@" + b.Addrs().TCP.String() + ";transport=tcp"
			}
			out, err := a.Dial(t.Context(), DialRequest{ID: "leg_1", URI: uri, From: "1001", DisplayName: `Zoë "Z"`, Offer: []byte("offer 1")})
			if err != nil {
				t.Fatal(err)
			}
			d := next(t, in)
			if d.LineID() != "loop" || d.Dialled() != "9000" || d.Caller() != "1001" || d.CallerName() != `Zoë "Z"` || string(d.Offer()) != "offer 1" {
				t.Fatalf("line %q dialled %q caller %q %q offer %q", d.LineID(), d.Dialled(), d.Caller(), d.CallerName(), d.Offer())
			}
			if d.Transport() != network {
				t.Errorf("transport %q", d.Transport())
			}
			if err := d.Ring(); err != nil {
				t.Fatal(err)
			}
			p := progress(out)
			if p.Code == 100 {
				p = progress(out)
			}
			if p.Code != 180 {
				t.Errorf("progress %d", p.Code)
			}
			ctx := within(t, 10*time.Second)
			if err := d.Answer(ctx, []byte("answer 1")); err != nil {
				t.Fatal(err)
			}
			wait(t, "answered", out.Answered())
			if string(out.RemoteAnswer()) != "answer 1" {
				t.Errorf("answer %q", out.RemoteAnswer())
			}
			reofferBothWays(ctx, t, out, d)
			if err := d.Hangup(ctx, CauseNormal); err != nil {
				t.Fatal(err)
			}
			wait(t, "done", out.Done())
			if e := out.End(); e.Cause != CauseNormal || !e.ByRemote || !strings.Contains(e.Reason, "cause=16") {
				t.Errorf("end %+v", e)
			}
			if e := d.End(); e.Cause != CauseNormal || e.ByRemote || e.Status != 200 {
				t.Errorf("end %+v", e)
			}
		})
	}
}

func reofferBothWays(ctx context.Context, t *testing.T, a, b *Dialog) {
	t.Helper()
	for _, pair := range [][2]*Dialog{{a, b}, {b, a}} {
		pair[1].OnReoffer(func(offer []byte) ([]byte, int) { return append([]byte("re "), offer...), 0 })
		answer, err := reoffer(ctx, pair[0], []byte("hold"))
		if err != nil || string(answer) != "re hold" {
			t.Fatalf("reoffer: %q %v", answer, err)
		}
	}
}

func TestRegisteredLineCallsBothWays(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) { registeredLine(t, transport) })
	}
}

func registeredLine(t *testing.T, transport string) {
	online := make(chan bool, 8)
	in := newCalls()
	exchange := start(t, Config{}, in, func(e *Endpoint) {
		e.OnRegistration(func(_ string, on bool) { online <- on })
		if err := e.SetDevices([]Device{{ID: "dv_1", Username: "bob", Password: "secret", DisplayName: "Bob"}}); err != nil {
			t.Fatal(err)
		}
	})
	phoneCalls := newCalls()
	phone := start(t, Config{LineRetry: 100 * time.Millisecond}, phoneCalls)
	server := exchange.Addrs().UDP.String()
	if transport == "tcp" {
		server = exchange.Addrs().TCP.String()
	}
	if err := phone.SetLines([]Line{{
		ID: "home", Mode: ModeRegister, Server: server, Transport: transport,
		Username: "bob", Password: "secret", Domain: "hotline.local",
	}}); err != nil {
		t.Fatal(err)
	}
	if on := <-online; !on || !exchange.Registered("dv_1") {
		t.Fatal("not registered")
	}
	ctx := within(t, 10*time.Second)

	out, err := exchange.Dial(ctx, DialRequest{DeviceID: "dv_1", From: "8001", Offer: []byte("o")})
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, phoneCalls)
	if d.LineID() != "home" || d.Transport() != transport {
		t.Errorf("line %q by %s", d.LineID(), d.Transport())
	}
	if err := d.Answer(ctx, []byte("a")); err != nil {
		t.Fatal(err)
	}
	wait(t, "answered", out.Answered())
	if err := out.Hangup(ctx, CauseNormal); err != nil {
		t.Fatal(err)
	}
	wait(t, "done", d.Done())

	back, err := phone.Dial(ctx, DialRequest{LineID: "home", From: "bob", To: "9000", Offer: []byte("o")})
	if err != nil {
		t.Fatal(err)
	}
	d = next(t, in)
	if d.DeviceID() != "dv_1" || d.LineID() != "" || d.CallerName() != "Bob" {
		t.Errorf("device %q line %q name %q", d.DeviceID(), d.LineID(), d.CallerName())
	}
	if err := d.Reject(486, ""); err != nil {
		t.Fatal(err)
	}
	wait(t, "done", back.Done())
	if e := back.End(); e.Cause != CauseRejected || e.Status != 486 {
		t.Errorf("end %+v", e)
	}
	if transport == "tcp" { // the connection breaks: offline at once, and back soon
		for _, s := range exchange.net.open() {
			s.close(ErrTransport)
		}
		if on := <-online; on {
			t.Fatal("still registered without a connection")
		}
		if on := <-online; !on {
			t.Fatal("not registered again")
		}
	}
	if err := phone.SetLines(nil); err != nil {
		t.Fatal(err)
	}
	if on := <-online; on {
		t.Fatal("still registered")
	}
}
