package call_test

import (
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/sip"
)

func TestDeskPhoneAsAgent(t *testing.T) {
	elsewhere := newPhone(t)
	h, p := newPair(t, hubOptions{})
	if err := h.endpoint.SetDevices([]sip.Device{{ID: "dv_1", Username: "101", Password: "a long secret"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ctl.DialDevice(t.Context(), call.DialRequest{ID: "lg_off", DeviceID: "dv_1"}); !errors.Is(err, sip.ErrNotRegistered) {
		t.Fatalf("unregistered device: %v", err)
	}
	if err := p.endpoint.SetLines([]sip.Line{{ID: "ln_reg", Mode: sip.ModeRegister, Server: h.addr(), Hosts: []string{"127.0.0.1"}, Domain: "hotline.local", Username: "101", Password: "a long secret"}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.online:
	case <-time.After(patience):
		state, _ := p.endpoint.LineState("ln_reg")
		t.Fatalf("not registered: %+v", state)
	}
	if !h.ctl.Registered("dv_1") {
		t.Error("registered device is not known")
	}
	leg, err := h.ctl.DialDevice(t.Context(), call.DialRequest{ID: "lg_desk", DeviceID: "dv_1", From: "13800000001", DisplayName: "Caller"})
	if err != nil {
		t.Fatal(err)
	}
	k := p.pickUp(<-p.calls, talkOptions{tone: 950})
	await(t, "agent answers", leg.Answered())
	if i := leg.Info(); i.DeviceID != "dv_1" || i.Party != call.Agent || !i.Outbound {
		t.Errorf("info %+v", i)
	}
	caller, _, c := connect(t, h, elsewhere, talkOptions{tone: 440})
	if err := c.Bridge(leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	k.ear.hears(t, "agent", 440)
	if err := leg.HoldPeer(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	k.ear.forget()
	caller.ear.forget()
	caller.ear.hears(t, "caller of a held agent")
	if err := leg.HoldPeer(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	caller.ear.forget()
	caller.ear.hears(t, "caller", 950)
}

func TestNothingIsLeftBehind(t *testing.T) {
	const calls, atATime = 200, 8
	h, p := newPair(t, hubOptions{})
	_, total := h.ports.Free()
	handled := make(chan struct{})
	h.ctl.OnInbound(func(leg *call.Leg) {
		defer func() { handled <- struct{}{} }()
		if err := leg.Answer(t.Context()); err != nil {
			t.Errorf("answer: %v", err)
			return
		}
		c, err := h.ctl.NewCall(leg.ID(), leg)
		if err != nil {
			t.Errorf("call: %v", err)
			return
		}
		if err := c.Play(t.Context(), prompt(950, 60*time.Millisecond)); err != nil {
			t.Errorf("play: %v", err)
		}
		c.Close()
		await(t, "leg ends", leg.Done())
	})
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	gate := make(chan struct{}, atATime)
	for range calls {
		gate <- struct{}{}
		k := p.dial(h, talkOptions{})
		group.Go(func() {
			defer func() { <-gate }()
			<-handled
			select {
			case <-k.dialog.Done():
			case <-time.After(patience):
				t.Error("the phone got no BYE")
			}
			k.close()
		})
	}
	group.Wait()
	eventually(t, "legs are gone", func() bool { return h.ctl.Legs() == 0 && h.ctl.Calls() == 0 })
	eventually(t, "ports are back", func() bool { free, _ := h.ports.Free(); return free == total })
	// Server transactions stay for timer J and the like; they are not goroutines
	// of ours, but they may have some.
	eventually(t, "goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+20 })
}

func TestCloseEndsEverything(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	playing := make(chan error, 1)
	go func() { playing <- c.Play(t.Context(), prompt(950, time.Minute)) }()
	k.ear.hears(t, "caller", 950)
	ringing := p.dial(h, talkOptions{})
	waiting := h.next()
	h.ctl.Close()
	await(t, "call ends", k.dialog.Done())
	await(t, "waiting call ends", ringing.dialog.Done())
	if err := <-playing; !errors.Is(err, call.ErrEnded) {
		t.Errorf("Play: %v", err)
	}
	await(t, "leg ends", leg.Done())
	await(t, "waiting leg ends", waiting.Done())
	late := p.dial(h, talkOptions{})
	await(t, "late call ends", late.dialog.Done())
	if e := late.dialog.End(); e.Status != 503 {
		t.Errorf("late call got %d, want 503", e.Status)
	}
	if _, err := h.ctl.NewCall("cv_x", leg); !errors.Is(err, call.ErrEnded) {
		t.Errorf("new call: %v", err)
	}
	h.ctl.Close()
}

func TestControlWithoutParts(t *testing.T) {
	ctl := call.New(call.Config{}, nil, nil, nil, slog.New(slog.DiscardHandler))
	if _, err := ctl.DialNumber(t.Context(), call.DialRequest{ID: "a", URI: "sip:a@b"}); !errors.Is(err, call.ErrNoSIP) {
		t.Errorf("dial: %v", err)
	}
	if _, err := ctl.DialNumber(t.Context(), call.DialRequest{ID: "a"}); !errors.Is(err, call.ErrState) {
		t.Errorf("dial nobody: %v", err)
	}
	if _, err := ctl.DialDevice(t.Context(), call.DialRequest{ID: "a"}); !errors.Is(err, call.ErrState) {
		t.Errorf("dial no device: %v", err)
	}
	if _, _, err := ctl.NewBrowserLeg(t.Context(), call.BrowserRequest{}); !errors.Is(err, call.ErrNoBrowser) {
		t.Errorf("browser: %v", err)
	}
	if err := ctl.EndOrphan(t.Context(), nil); !errors.Is(err, call.ErrNoSIP) {
		t.Errorf("orphan: %v", err)
	}
	ctl.Close()
}
