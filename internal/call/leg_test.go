package call_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/sdp"
	"github.com/openhotline/hotline/sip"
)

func TestEchoOfEarlyAndLateOffer(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			h, p := newPair(t, hubOptions{})
			k, leg, c := connect(t, h, p, talkOptions{late: late})
			if err := c.Echo(); err != nil {
				t.Fatal(err)
			}
			k.ear.hears(t, "caller", 440)
			info := leg.Info()
			if info.Dialled != "9000" || info.Caller != "13800000001" || info.CallerName != "Caller" || info.LineID != "ln_trunk" ||
				info.Codec != "PCMA" || info.Transport != "udp" || info.CallID == "" || leg.Dialog() == nil || info.AnsweredAt.IsZero() {
				t.Errorf("info %+v", info)
			}
			k.hangup()
			await(t, "leg ends", leg.Done())
			if e := leg.End(); e.Reason != call.CustomerDisconnect || e.Status != 200 || !e.ByRemote {
				t.Errorf("end %+v", e)
			}
			if s := leg.Stats(); s.PacketsReceived < 10 || s.PacketsSent < 10 || s.MOS < 4 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestWeHangUp(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	leg.Hangup(call.OverflowEnd)
	await(t, "phone hears of it", k.dialog.Done())
	if e := k.dialog.End(); !e.ByRemote || e.Cause != sip.CauseNormal {
		t.Errorf("phone's end %+v", e)
	}
	if e := leg.End(); e.Reason != call.OverflowEnd || e.Status != 200 || e.ByRemote {
		t.Errorf("end %+v", e)
	}
	if err := c.Play(t.Context(), call.Prompt{Samples: make([]int16, 800), Rate: 8000}); !errors.Is(err, call.ErrEnded) {
		t.Errorf("play to nobody: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	offer := func(codecs string) []byte {
		return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP " + codecs + "\r\n")
	}
	tests := []struct {
		name  string
		offer []byte
		want  int
	}{
		{"no common codec", offer("18"), 488},
		{"no audio", []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 40000 RTP/AVP 31\r\n"), 488},
		{"not a description", []byte("hello"), 400},
	}
	h, p := newPair(t, hubOptions{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := p.dialWith(t.Context(), h, talkOptions{}, tt.offer)
			await(t, "refusal", k.dialog.Done())
			if e := k.dialog.End(); e.Status != tt.want {
				t.Errorf("status %d, want %d", e.Status, tt.want)
			}
		})
	}
	if n := h.ctl.Legs(); n != 0 {
		t.Errorf("%d legs left", n)
	}
}

func TestAllPortsInUse(t *testing.T) {
	few := portRange()
	few.Last = few.First + 3
	h, p := newPair(t, hubOptions{ports: few})
	_, total := h.ports.Free()
	for range total {
		k := p.dial(h, talkOptions{})
		if err := h.next().Answer(t.Context()); err != nil {
			t.Fatal(err)
		}
		k.answered(talkOptions{})
	}
	k := p.dial(h, talkOptions{})
	await(t, "refusal", k.dialog.Done())
	if e := k.dialog.End(); e.Status != 503 {
		t.Errorf("status %d, want 503", e.Status)
	}
	if _, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_x", URI: p.uri()}); !errors.Is(err, call.ErrNoPort) {
		t.Errorf("dialling: %v, want ErrNoPort", err)
	}
}

func TestCallerGivesUpWhileRinging(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	k := p.dialWith(ctx, h, talkOptions{}, nil)
	leg := h.next()
	if err := leg.Ring(); err != nil {
		t.Fatal(err)
	}
	for p := range k.dialog.Progressed() {
		if p.Code == 180 {
			break
		}
	}
	cancel()
	await(t, "leg ends", leg.Done())
	if e := leg.End(); e.Reason != call.CustomerDisconnect || e.Status != 487 || !e.ByRemote {
		t.Errorf("end %+v", e)
	}
	if err := leg.Answer(t.Context()); !errors.Is(err, call.ErrEnded) {
		t.Errorf("answer after the end: %v", err)
	}
}

func TestRejectAndHangupBeforeAnswer(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	tests := []struct {
		name string
		end  func(*call.Leg) error
		want int
	}{
		{"reject", func(l *call.Leg) error { return l.Reject(404, "Not Found") }, 404},
		{"no agent", func(l *call.Leg) error { l.Hangup(call.NoAgent); return nil }, 480},
		{"system error", func(l *call.Leg) error { l.Hangup(call.SystemError); return nil }, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := p.dial(h, talkOptions{})
			leg := h.next()
			if err := tt.end(leg); err != nil {
				t.Fatal(err)
			}
			await(t, "refusal", k.dialog.Done())
			if e := k.dialog.End(); e.Status != tt.want {
				t.Errorf("phone got %d, want %d", e.Status, tt.want)
			}
			if e := leg.End(); e.Status != tt.want || e.ByRemote {
				t.Errorf("end %+v", e)
			}
		})
	}
}

func TestPeerHoldsAndResumes(t *testing.T) {
	h, p := newPair(t, hubOptions{cfg: call.Config{RTPTimeout: 1500 * time.Millisecond}})
	k, leg, c := connect(t, h, p, talkOptions{})
	changes := make(chan struct{}, 8)
	leg.OnChange(func() { changes <- struct{}{} })
	if err := c.Echo(); err != nil {
		t.Fatal(err)
	}
	k.ear.hears(t, "caller", 440)
	answer := string(k.reoffer(sdp.SendOnly))
	if !strings.Contains(answer, "a=recvonly") {
		t.Errorf("sendonly is not answered recvonly:\n%s", answer)
	}
	<-changes
	if !leg.Info().PeerHolds {
		t.Error("hold not seen")
	}
	answer = string(k.reoffer(sdp.Inactive))
	if !strings.Contains(answer, "a=inactive") {
		t.Errorf("inactive is not answered inactive:\n%s", answer)
	}
	// Nothing comes for much longer than the RTP timeout.
	k.speak(false)
	select {
	case <-leg.Done():
		t.Fatalf("a held leg was taken for dead: %+v", leg.End())
	case <-time.After(3 * time.Second):
	}
	k.speak(true)
	k.reoffer(sdp.SendRecv)
	k.ear.forget()
	k.ear.hears(t, "caller", 440)
	if leg.Info().PeerHolds {
		t.Error("resume not seen")
	}
}

func TestOldStyleHold(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, _ := connect(t, h, p, talkOptions{})
	offer := strings.Replace(string(k.session.Offer(sdp.SendRecv)), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)
	if _, err := reoffer(t.Context(), k.dialog, []byte(offer)); err != nil {
		t.Fatal(err)
	}
	if !leg.Info().PeerHolds {
		t.Error("c=0.0.0.0 is not taken for hold")
	}
}

func TestPeerChangesCodec(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	if err := c.Echo(); err != nil {
		t.Fatal(err)
	}
	k.ear.hears(t, "caller", 440)
	for _, kind := range []codec.Kind{codec.PCMU, codec.G722, codec.PCMA} {
		k.session = sdp.NewSession(sdp.Local{Addr: loopback, Port: k.leg.LocalPort(), Codecs: []codec.Kind{kind}})
		k.reoffer(sdp.SendRecv)
		k.ear.forget()
		k.ear.hears(t, "caller", 440)
		if got := leg.Info().Codec; got != kind.String() {
			t.Errorf("codec %s, want %v", got, kind)
		}
	}
	if _, err := reoffer(t.Context(), k.dialog, []byte("v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\n")); err == nil {
		t.Error("re-INVITE without a common codec was accepted")
	}
	k.ear.forget()
	k.ear.hears(t, "caller after the refused re-INVITE", 440)
}

func TestSilentPeerEndsTheLeg(t *testing.T) {
	h, p := newPair(t, hubOptions{cfg: call.Config{RTPTimeout: 500 * time.Millisecond}})
	k, leg, _ := connect(t, h, p, talkOptions{})
	_ = k.leg.Close() // the phone's media dies, its signalling does not
	await(t, "leg ends", leg.Done())
	if e := leg.End(); e.Reason != call.TelecomProblem || e.ByRemote {
		t.Errorf("end %+v", e)
	}
	await(t, "phone gets BYE", k.dialog.Done())
}

func TestDigitsOfBothWaysComeOnce(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	if err := k.leg.SendDigits("12#0"); err != nil {
		t.Fatal(err)
	}
	got := ""
	for len(got) < 4 {
		select {
		case d := <-leg.Digits():
			got += string(d.Key)
		case <-time.After(patience):
			t.Fatalf("got %q, want 12#0", got)
		}
	}
	if got != "12#0" {
		t.Errorf("got %q, want 12#0", got)
	}
	if err := leg.SendDigits("5*"); err != nil {
		t.Fatal(err)
	}
	if err := c.Tone(1004); err != nil {
		t.Fatal(err)
	}
	for _, want := range []byte("5*") {
		select {
		case d := <-k.digits:
			if d != want {
				t.Errorf("phone got %q, want %q", d, want)
			}
		case <-time.After(patience):
			t.Fatalf("phone did not get %q", want)
		}
	}
	k.ear.hears(t, "caller", 1004)
}

func TestDialAnsweredByPhone(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			h, p := newPair(t, hubOptions{})
			leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_out", URI: p.uri(), From: "9000", LateOffer: late})
			if err != nil {
				t.Fatal(err)
			}
			d := <-p.calls
			if err := d.Ring(); err != nil {
				t.Fatal(err)
			}
			await(t, "ringing", leg.Ringing())
			if late {
				k := p.open(talkOptions{})
				if err := d.Answer(t.Context(), k.session.Offer(sdp.SendRecv)); err != nil {
					t.Fatal(err)
				}
				k.configure(k.session.Accept(d.RemoteAnswer()))
				k.dialog = d
				dialled(t, h, leg, k)
				return
			}
			dialled(t, h, leg, p.pickUp(d, talkOptions{}))
		})
	}
}

// dialled checks a leg that we dialled from its answer to its end.
func dialled(t *testing.T, h *hub, leg *call.Leg, k *talk) {
	t.Helper()
	await(t, "answer", leg.Answered())
	c, err := h.ctl.NewCall("cv_out", leg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Echo(); err != nil {
		t.Fatal(err)
	}
	k.ear.hears(t, "called", 440)
	k.hangup()
	await(t, "end", leg.Done())
	if e := leg.End(); e.Reason != call.ThirdPartyDisconnect || e.Status != 200 {
		t.Errorf("end %+v", e)
	}
}

func TestDialNotAnswered(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	tests := []struct {
		name   string
		code   int
		reason call.Reason
	}{
		{"busy", 486, call.AgentRejected},
		{"declined", 603, call.AgentRejected},
		{"nobody there", 480, call.AgentTimeout},
		{"broken", 503, call.TelecomProblem},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_" + tt.name, Party: call.Agent, URI: p.uri()})
			if err != nil {
				t.Fatal(err)
			}
			if err := (<-p.calls).Reject(tt.code, ""); err != nil {
				t.Fatal(err)
			}
			await(t, "end", leg.Done())
			if e := leg.End(); e.Reason != tt.reason || e.Status != tt.code {
				t.Errorf("end %+v, want %s %d", e, tt.reason, tt.code)
			}
		})
	}
	t.Run("we stop ringing", func(t *testing.T) {
		leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_stop", Party: call.Agent, URI: p.uri()})
		if err != nil {
			t.Fatal(err)
		}
		d := <-p.calls
		if err := d.Ring(); err != nil {
			t.Fatal(err)
		}
		await(t, "ringing", leg.Ringing())
		leg.Hangup(call.AgentTimeout)
		await(t, "phone stops ringing", d.Done())
		if e := leg.End(); e.Reason != call.AgentTimeout || e.Status != 487 {
			t.Errorf("end %+v", e)
		}
	})
}
