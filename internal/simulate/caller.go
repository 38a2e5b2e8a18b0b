package simulate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/sip"
)

// callerName is what people see of simulated callers.
const callerName = "Hotline Simulator"

// longestCall is what a call may take after the last one has begun.
const longestCall = time.Hour

// permit asks the installation for the token by which it knows our calls from
// those of customers.
func (s *simulation) permit(ctx context.Context) error {
	var token struct{ Header, Token string }
	wanted := map[string]int{"seconds": int((s.cfg.Duration + longestCall) / time.Second)}
	if err := s.api.call(ctx, http.MethodPost, "/simulations", wanted, &token); err != nil {
		return err
	}
	s.headers = []sip.Header{{Name: token.Header, Value: token.Token}}
	return nil
}

// caller is one call from ring to end.
func (s *simulation) caller(ctx context.Context, n int, m Mix) {
	number := fmt.Sprintf("sim%d-%d", s.cfg.Seed%1_000_000, n)
	talking := s.expect(number)
	defer s.forget(number)
	s.report.begun()
	began := time.Now()
	uri := "sip:" + m.Number + "@" + s.cfg.SIP
	if s.chance() < s.cfg.TCP {
		uri += ";transport=tcp"
	}
	leg, err := s.calls.DialNumber(ctx, call.DialRequest{
		ID: id.New(id.Leg), URI: uri, To: m.Number, From: number, DisplayName: callerName, RingTimeout: 30 * time.Second,
		Headers: s.headers,
	})
	if err != nil {
		s.log.Warn("call not begun", "err", err)
		s.report.with(func(r *Report) { r.Refused++ })
		s.report.over(call.Stats{}, 0)
		return
	}
	select {
	case <-leg.Answered():
		s.report.setUp(time.Since(began))
	case <-leg.Done():
		s.log.Warn("call refused", "status", leg.End().Status)
		s.report.with(func(r *Report) { r.Refused++ })
		s.report.over(leg.Stats(), 0)
		return
	}
	answered := s.converse(ctx, leg, m, talking)
	end := leg.End()
	s.report.with(func(r *Report) {
		switch {
		case answered:
			r.Answered++
		case end.ByRemote:
			r.Dropped++
		default:
			r.Abandoned++
		}
	})
	s.report.over(leg.Stats(), time.Since(began).Seconds())
}

// converse speaks until somebody hangs up, and tells whether an agent came.
func (s *simulation) converse(ctx context.Context, leg *call.Leg, m Mix, talking <-chan struct{}) (answered bool) {
	c, err := s.calls.NewCall(leg.ID(), leg)
	if err != nil {
		leg.Hangup(call.SystemError)
		<-leg.Done()
		return false
	}
	defer c.Close()
	if err := c.Music(call.Prompt{Samples: toneSamples(callerTone), Rate: media.Rate8k}); err != nil {
		s.log.Warn("caller is silent", "err", err)
	}
	if m.Keys != "" && pause(ctx, 1500*time.Millisecond) {
		_ = leg.SendDigits(m.Keys) // a caller whose keys are lost waits in the menu
	}
	patience := time.NewTimer(s.around(s.cfg.Patience))
	defer patience.Stop()
	limit := patience.C
	for {
		select {
		case <-leg.Done():
			return answered
		case <-talking:
			answered, talking = true, nil
			limit = nil
			if s.chance() < 0.5 { // half of the callers hang up themselves
				t := time.NewTimer(s.around(s.cfg.Talk))
				defer t.Stop()
				limit = t.C
			}
			continue
		case <-limit:
		case <-ctx.Done():
		}
		leg.Hangup(call.CustomerDisconnect)
		<-leg.Done()
		return answered
	}
}
