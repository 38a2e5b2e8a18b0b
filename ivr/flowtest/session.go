package flowtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openhotline/hotline/ivr"
)

// errScript means that the flow did something else than the script says.
var errScript = errors.New("flowtest: not as in the script")

// quick is how long scripted keys are waited for: they are there already.
const quick = time.Millisecond

// session is a customer who does what a script says.
type session struct {
	test   Test
	info   ivr.Info
	keypad *ivr.Keypad
	hangup context.CancelCauseFunc

	mu         sync.Mutex
	next       int      // step to come
	since      []string // what happened since the last input, not matched yet
	transcript []string
	language   string
	node       string
	answers    []Answer
	ended      chan ivr.Why // what a key says while something is under way
	failure    error
}

var _ ivr.Session = (*session)(nil)

func newSession(t Test, hangup context.CancelCauseFunc) *session {
	return &session{
		test: t, keypad: ivr.NewKeypad(), hangup: hangup, language: t.Call.Language, answers: t.HTTP, ended: make(chan ivr.Why, 1),
		info: ivr.Info{ConversationID: "cv_script", Channel: "voice", Caller: t.Call.Caller, Dialled: t.Call.Dialled,
			Language: t.Call.Language, CustomerID: t.Call.Customer, VIP: t.Call.VIP},
	}
}

// Info implements ivr.Session.
func (s *session) Info() ivr.Info { return s.info }

// Human implements ivr.Session.
func (s *session) Human() string { return "default" }

// SetLanguage implements ivr.Session.
func (s *session) SetLanguage(_ context.Context, language string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.language = language
	return nil
}

// happened notes something for the transcript and for expectations.
func (s *session) happened(what string) {
	s.transcript = append(s.transcript, what)
	s.since = append(s.since, what)
}

// fail notes the first difference; everything after it is a consequence.
func (s *session) fail(format string, args ...any) error {
	if s.failure == nil {
		s.failure = fmt.Errorf("%w: %s", errScript, fmt.Sprintf(format, args...))
		s.hangup(ivr.ErrHangup)
	}
	return s.failure
}

// expect checks the expectations up to the next thing that the customer does.
func (s *session) expect() error { return s.expectUpTo(len(s.test.Steps)) }

// expectUpTo is expect that stops before a step.
func (s *session) expectUpTo(end int) error {
	for ; s.next < end; s.next++ {
		step := s.test.Steps[s.next]
		switch {
		case step.NotHear != "":
			for _, e := range s.since {
				if strings.Contains(e, step.NotHear) {
					return s.fail("step %d: %q must not be heard, but %s", s.next+1, step.NotHear, e)
				}
			}
		case step.Hear != "":
			if !s.match("heard ", step.Hear) {
				return s.fail("step %d: %q was not heard; since the last input: %s", s.next+1, step.Hear, list(s.since))
			}
		case step.Node != "":
			if !s.match("node ", step.Node) {
				return s.fail("step %d: node %q was not entered; since the last input: %s", s.next+1, step.Node, list(s.since))
			}
		default:
			return nil
		}
	}
	return nil
}

// match looks for an event and forgets everything up to it.
func (s *session) match(kind, part string) bool {
	for i, e := range s.since {
		rest, ok := strings.CutPrefix(e, kind)
		if ok && (kind == "node " && rest == part || kind != "node " && strings.Contains(rest, part)) {
			s.since = s.since[i+1:]
			return true
		}
	}
	return false
}

func list(events []string) string {
	if len(events) == 0 {
		return "nothing"
	}
	return strings.Join(events, "; ")
}

// act returns what the customer does next; ok is false when the script is over.
func (s *session) act() (step Step, ok bool, err error) {
	if err := s.expect(); err != nil {
		return Step{}, false, err
	}
	if s.next == len(s.test.Steps) {
		return Step{}, false, nil
	}
	return s.test.Steps[s.next], true, nil
}

// Sensitive implements ivr.Session: nothing is kept here but the transcript,
// which has no keys.
func (s *session) Sensitive(context.Context, bool) error { return nil }

// Step implements ivr.Session.
func (s *session) Step(_ context.Context, st ivr.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.Choice != "" {
		s.transcript = append(s.transcript, fmt.Sprintf("choice %s at %s", st.Choice, st.Node))
		return
	}
	s.node = st.Node
	s.happened("node " + st.Node)
}

// Play implements ivr.Session.
func (s *session) Play(ctx context.Context, prompts []ivr.Prompt, opt ivr.PlayOptions) (ivr.Played, error) {
	return s.keypad.Play(ctx, opt, func(ctx context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range prompts {
			what := cmp.Or(p.Text, "sound: "+p.Sound)
			s.happened("heard " + what)
			if s.pressedDuring(what) {
				break
			}
		}
		return nil
	})
}

// pressedDuring presses the keys that the script wants during a prompt.
func (s *session) pressedDuring(what string) bool {
	for i := s.next; i < len(s.test.Steps); i++ {
		step := s.test.Steps[i]
		if step.Hear == "" && step.Node == "" && step.NotHear == "" {
			return false
		}
		if step.Hear != "" && step.Press != "" {
			if !strings.Contains(what, step.Hear) || s.expectUpTo(i+1) != nil {
				return false
			}
			s.press(step.Press)
			return true
		}
	}
	return false
}

func (s *session) press(keys string) {
	s.transcript = append(s.transcript, fmt.Sprintf("pressed %d keys", len(keys)))
	for i := range len(keys) {
		s.keypad.Press(keys[i])
	}
}

// Collect implements ivr.Session.
func (s *session) Collect(ctx context.Context, spec ivr.KeySpec) (ivr.Keys, error) {
	if spec.Max == 0 || spec.FirstTimeout == 0 {
		select {
		case why := <-s.ended:
			return ivr.Keys{Why: why}, nil
		case <-ctx.Done():
			return ivr.Keys{}, context.Cause(ctx)
		}
	}
	if s.keypad.Waiting() == 0 { // nothing was typed ahead
		if err := s.input(); err != nil {
			return ivr.Keys{}, err
		}
	}
	spec.FirstTimeout, spec.KeyTimeout = quick, quick
	return s.keypad.Collect(ctx, spec)
}

// input does what the script says where keys are wanted.
func (s *session) input() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, ok, err := s.act()
	if err != nil {
		return err
	}
	switch {
	case !ok: // the script is over: nothing is pressed any more
	case step.Press != "":
		s.press(step.Press)
		s.next++
	case step.Wait:
		s.transcript = append(s.transcript, "waited")
		s.next++
	case step.HangUp:
		return s.leave()
	}
	s.since = nil
	return nil
}

func (s *session) leave() error {
	s.next++
	s.transcript = append(s.transcript, "hung up")
	s.hangup(ivr.ErrHangup)
	return ivr.ErrHangup
}

// during is a time in which the customer may press a key or leave.
func (s *session) during(ctx context.Context, what, ends string) error {
	s.mu.Lock()
	s.happened(what)
	step, ok, err := s.act()
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.since = nil
	switch {
	case ok && step.HangUp:
		err := s.leave()
		s.mu.Unlock()
		return err
	case ok && step.Press != "":
		s.next++
		s.transcript = append(s.transcript, fmt.Sprintf("pressed %d keys", len(step.Press)))
		s.mu.Unlock()
		switch {
		case strings.Contains(step.Press, "0"):
			s.ended <- ivr.Escaped
		case ends != "" && strings.Contains(step.Press, ends):
			s.ended <- ivr.Complete
		default:
			return nil // the time runs out
		}
		<-ctx.Done()
		return context.Cause(ctx)
	case ok && step.Wait:
		s.next++
	}
	s.mu.Unlock()
	return nil
}

// Echo implements ivr.Session.
func (s *session) Echo(ctx context.Context) error { return s.during(ctx, "echo", "") }

// Tone implements ivr.Session.
func (s *session) Tone(ctx context.Context, hz, _ float64) error {
	return s.during(ctx, fmt.Sprintf("tone %g", hz), "")
}

// Voicemail implements ivr.Session.
func (s *session) Voicemail(ctx context.Context, req ivr.VoicemailRequest) (ivr.VoicemailResult, error) {
	s.mu.Lock()
	left := ivr.VoicemailResult{}
	if step, ok, err := s.act(); err != nil {
		s.mu.Unlock()
		return left, err
	} else if ok && step.Voicemail {
		s.next++
		left = ivr.VoicemailResult{RecordingID: "rc_script", Duration: 5 * time.Second}
	}
	s.mu.Unlock()
	return left, s.during(ctx, strings.TrimSpace("voicemail "+req.Mailbox), "#")
}

// Queue implements ivr.Session.
func (s *session) Queue(_ context.Context, req ivr.QueueRequest) (ivr.QueueResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened("queue " + req.Queue)
	step, ok, err := s.act()
	if err != nil {
		return ivr.QueueResult{}, err
	}
	s.since = nil
	if ok && step.HangUp {
		return ivr.QueueResult{}, s.leave()
	}
	if !ok {
		return ivr.QueueResult{Outcome: ivr.QueueDone}, nil
	}
	if step.Queue != req.Queue {
		return ivr.QueueResult{}, s.fail("step %d: queue %q was entered; the script says %+v", s.next+1, req.Queue, step)
	}
	s.next++
	switch step.Then {
	case "released":
		return ivr.QueueResult{Outcome: ivr.QueueReleased}, nil
	case "overflow":
		return ivr.QueueResult{Outcome: ivr.QueueOverflow, Overflow: ivr.Overflow{Kind: cmp.Or(step.Overflow, "end"), Target: step.Target, Reason: cmp.Or(step.Reason, "max_wait")}}, nil
	}
	return ivr.QueueResult{Outcome: ivr.QueueDone}, nil
}

// Transfer implements ivr.Session.
func (s *session) Transfer(_ context.Context, req ivr.TransferRequest) (ivr.TransferResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened("transfer " + req.Target)
	step, ok, err := s.act()
	if err != nil {
		return ivr.TransferResult{}, err
	}
	s.since = nil
	if ok && step.HangUp {
		return ivr.TransferResult{}, s.leave()
	}
	if !ok {
		return ivr.TransferResult{Answered: true}, nil
	}
	if step.Transfer != req.Target {
		return ivr.TransferResult{}, s.fail("step %d: %q was called; the script says %+v", s.next+1, req.Target, step)
	}
	s.next++
	switch step.Then {
	case "busy", "no_answer":
		return ivr.TransferResult{Reason: step.Then}, nil
	case "released":
		return ivr.TransferResult{Answered: true, Released: true}, nil
	}
	return ivr.TransferResult{Answered: true}, nil
}

// RoundTrip answers http nodes from the script.
func (s *session) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transcript = append(s.transcript, "http "+req.Method+" "+req.URL.Host)
	if req.Body != nil {
		_ = req.Body.Close() // nothing was opened
	}
	if len(s.answers) == 0 || s.answers[0].Node != "" && s.answers[0].Node != s.node {
		return nil, fmt.Errorf("the script has no answer for node %s", s.node)
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	if a.Status < 0 {
		return nil, errors.New("unreachable, says the script")
	}
	body, err := json.Marshal(a.Body)
	if err != nil {
		return nil, fmt.Errorf("body of the script: %w", err)
	}
	return &http.Response{
		StatusCode: cmp.Or(a.Status, http.StatusOK), ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}
