package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/simulate"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// Nobody makes their call count as simulated by what callers can set: a display
// name, a header of their own making. Only what the installation gave out does.
func TestOnlyTheInstallationMakesCallsSimulated(t *testing.T) {
	t.Parallel()
	s := start(t)
	var token struct{ Header, Token string }
	if status, body := s.try(http.MethodPost, "/simulations", s.login("supervisor@demo"), map[string]int{"seconds": 60}, nil); status != http.StatusForbidden {
		t.Errorf("a supervisor gets %d %s", status, body)
	}
	s.call(http.MethodPost, "/simulations", s.token, map[string]int{"seconds": 60}, &token)
	phone := newTelephone(t)
	for _, c := range []struct {
		caller, name, value string
		want                bool
	}{
		{"+8613911110201", "Hotline Simulator", "", false},
		{"+8613911110202", "Hotline Simulator", token.Token[:len(token.Token)-4] + "AAAA", false},
		{"+8613911110203", "Somebody", token.Token, true},
	} {
		r := call.DialRequest{ID: id.New(id.Leg), URI: "sip:9001@" + s.sip, To: "9001", From: c.caller, DisplayName: c.name, RingTimeout: 20 * time.Second}
		if c.value != "" {
			r.Headers = []sip.Header{{Name: token.Header, Value: c.value}}
		}
		leg, err := phone.calls.DialNumber(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		conv := s.one("%2B"+c.caller[1:], omni.InFlow)
		if conv.Simulated != c.want || (conv.InitiationMethod == omni.BySimulated) != c.want {
			t.Errorf("a call of %q with token %q is simulated %v (%s), want %v", c.name, c.value, conv.Simulated, conv.InitiationMethod, c.want)
		}
		leg.Hangup(call.CustomerDisconnect)
		ended(t, leg, 20*time.Second, "hang-up")
	}
}

// The simulator reads every recording itself and says how much of each talk is
// missing by the file's own header.
func TestSimulatorReadsTheRecordings(t *testing.T) {
	s := start(t)
	r := s.simulated(t.Context(), simulate.Config{
		WebAgents: 1, SIPAgents: 1, Rate: 1, Duration: 6 * time.Second, Talk: 2 * time.Second, Patience: 30 * time.Second,
		PickUp: 300 * time.Millisecond, WrapUp: 200 * time.Millisecond, Seed: 5,
	})
	if !r.OK() || r.Talks < 2 || r.Complete != r.Talks || r.Recordings < r.Talks {
		t.Errorf("%d talks, %d of them complete in %d recordings: %v", r.Talks, r.Complete, r.Recordings, r.Incomplete)
	}
	if r.MissingMS.Max > 200 {
		t.Errorf("up to %.0f ms are missing", r.MissingMS.Max)
	}
}
