package ivr

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
)

// keyer is a session that types one input and keeps what it is told.
type keyer struct {
	dumb
	types   string
	told    []bool
	asked   int
	refuses error
}

func (s *keyer) Sensitive(_ context.Context, on bool) error {
	s.told = append(s.told, on)
	return s.refuses
}

func (s *keyer) Collect(context.Context, KeySpec) (Keys, error) {
	s.asked++
	return Keys{Digits: s.types, Why: Complete}, nil
}

// What is sensitive serves the flow and does not leave it.
func TestSensitiveKeys(t *testing.T) {
	t.Parallel()
	flow, problems := Parse([]byte(`flow: f
languages: [en]
start: card
human: person
nodes:
  card: {type: ask, text: {en: Card}, digits: 4, sensitive: true, save: card, next: known}
  known: {type: branch, cases: [{if: card == "4929", next: yes}], otherwise: no}
  yes: {type: set, set: {right: "true"}, next: no}
  no: {type: end}
  person: {type: queue, queue: q}
`))
	if flow == nil {
		t.Fatal(problems)
	}
	s := &keyer{types: "4929"}
	res, err := Run(t.Context(), flow, s, nil)
	if err != nil || res.Vars["right"] != true {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, kept := res.Vars["card"]; kept {
		t.Error("the number outlives the flow")
	}
	if !slices.Equal(s.told, []bool{true, false}) || s.asked != 1 {
		t.Errorf("told %v, asked %d times", s.told, s.asked)
	}

	// Where the sound cannot be kept out of the recording nothing is asked.
	s = &keyer{types: "4929", refuses: errors.New("no")}
	res, err = NewRunner(Config{Log: slog.New(slog.DiscardHandler)}).Run(t.Context(), flow, s, nil)
	if err != nil || s.asked != 0 || !slices.Equal(s.queued, []string{"q"}) {
		t.Errorf("%+v, %v, asked %d times, queued %v", res, err, s.asked, s.queued)
	}
}
