package flowtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"time"

	"github.com/openhotline/hotline/internal/calendar"
	"github.com/openhotline/hotline/ivr"
)

// Report is what became of a script. Its JSON is stable.
type Report struct {
	Flow     string        `json:"flow"`
	Script   string        `json:"script"`
	Problems []ivr.Problem `json:"problems"` // of the flow; errors mean that nothing ran
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	Tests    []Outcome     `json:"tests"`
}

// Outcome is what became of one dialogue.
type Outcome struct {
	Name       string   `json:"name"`
	OK         bool     `json:"ok"`
	Problem    string   `json:"problem,omitempty"`
	End        string   `json:"end"`
	Node       string   `json:"node"`
	Language   string   `json:"language"`
	Steps      int      `json:"steps"`
	Transcript []string `json:"transcript"`
}

// OK reports whether everything was as the script says.
func (r Report) OK() bool { return r.Failed == 0 && !ivr.Failed(r.Problems) && r.Passed > 0 }

// testTime bounds one dialogue: no time passes in it but that of the machine.
const testTime = 20 * time.Second

// RunFile runs a script file against its flow, or against flowFile when that is
// not empty. An error means that a file cannot be read.
func RunFile(ctx context.Context, scriptFile, flowFile string) (Report, error) {
	s, err := Read(scriptFile)
	if err != nil {
		return Report{}, err
	}
	flowFile = cmp.Or(flowFile, s.Flow)
	if flowFile == "" {
		return Report{}, errors.New("flow script: no flow is named")
	}
	text, err := os.ReadFile(flowFile)
	if err != nil {
		return Report{}, fmt.Errorf("flow script: %w", err)
	}
	r := Run(ctx, s, flowFile, text)
	r.Script = scriptFile
	return r, nil
}

// Run runs a script against the text of a flow; name is for messages.
func Run(ctx context.Context, s *Script, name string, text []byte) Report {
	flow, problems := ivr.ParseFile(name, text)
	r := Report{Flow: name, Problems: problems, Tests: []Outcome{}}
	if flow == nil {
		r.Failed = len(s.Tests)
		return r
	}
	flow.ID = cmp.Or(flow.ID, "flow")
	for _, t := range s.Tests {
		o := one(ctx, flow, t)
		if o.OK {
			r.Passed++
		} else {
			r.Failed++
		}
		r.Tests = append(r.Tests, o)
	}
	return r
}

// one runs one dialogue.
func one(ctx context.Context, flow *ivr.Flow, t Test) Outcome {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	ctx, hangup := context.WithCancelCause(ctx)
	defer hangup(nil)
	s := newSession(t, hangup)
	now := t.At
	if now.IsZero() {
		now = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	}
	runner := ivr.NewRunner(ivr.Config{
		Calendar: func(_ context.Context, name string) (*calendar.Calendar, error) {
			return hours(t.Hours[name] != "closed")
		},
		Transport: s, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	res, err := runner.Run(ctx, flow, s, t.Vars)
	s.mu.Lock()
	defer s.mu.Unlock()
	problem := s.judge(res, err)
	o := Outcome{Name: t.Name, OK: problem == nil, End: string(res.End), Node: res.Node, Language: s.language, Steps: res.Steps, Transcript: s.transcript}
	if problem != nil {
		o.Problem = problem.Error()
	}
	return o
}

// judge compares the end with the script.
func (s *session) judge(res ivr.Result, err error) error {
	if s.failure != nil {
		return s.failure
	}
	if e := s.expect(); e != nil {
		return e
	}
	want := s.test.End
	if s.next < len(s.test.Steps) {
		return fmt.Errorf("%w: the flow ended (%s at %s) before step %d", errScript, res.End, res.Node, s.next+1)
	}
	if err != nil && want.Outcome != string(res.End) {
		return err
	}
	switch {
	case want.Outcome != "" && want.Outcome != string(res.End):
		return fmt.Errorf("%w: the end is %s, want %s", errScript, res.End, want.Outcome)
	case want.Node != "" && want.Node != res.Node:
		return fmt.Errorf("%w: it ended at node %s, want %s", errScript, res.Node, want.Node)
	case want.Language != "" && want.Language != s.language:
		return fmt.Errorf("%w: the language is %s, want %s", errScript, s.language, want.Language)
	case want.Human != nil && *want.Human != res.Human:
		return fmt.Errorf("%w: asked for a human: %t, want %t", errScript, res.Human, *want.Human)
	}
	for name, v := range want.Vars {
		if got := res.Vars[name]; !reflect.DeepEqual(normal(got), normal(v)) {
			return fmt.Errorf("%w: variable %s is %v, want %v", errScript, name, got, v)
		}
	}
	return nil
}

// normal makes values of YAML and JSON comparable.
func normal(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	if json.Unmarshal(b, &out) != nil {
		return v
	}
	return out
}

// hours is a calendar that is always open, or never.
func hours(open bool) (*calendar.Calendar, error) {
	c := &calendar.Calendar{Week: map[string][]calendar.Span{}}
	if open {
		for _, d := range calendar.Weekdays {
			c.Week[d] = []calendar.Span{{From: "00:00", To: "24:00"}}
		}
	}
	return c, c.Prepare()
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format, args...)
		errs = append(errs, err)
	}
	for _, p := range r.Problems {
		line("%s\n", p)
	}
	for _, t := range r.Tests {
		if t.OK {
			line("ok    %s (%s at %s, %d nodes)\n", t.Name, t.End, t.Node, t.Steps)
			continue
		}
		line("FAIL  %s: %s\n", t.Name, t.Problem)
		for _, e := range t.Transcript {
			line("        %s\n", e)
		}
	}
	line("%d passed, %d failed\n", r.Passed, r.Failed)
	return errors.Join(errs...)
}

// WriteJSON writes the report for programs.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
