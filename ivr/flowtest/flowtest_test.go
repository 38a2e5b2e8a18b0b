package flowtest

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestOrderDialogues(t *testing.T) {
	r, err := RunFile(t.Context(), "testdata/order.test.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	var text, js strings.Builder
	if err := r.WriteText(&text); err != nil || !r.OK() || !strings.HasSuffix(text.String(), "10 passed, 0 failed\n") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if err := r.WriteJSON(&js); err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal([]byte(js.String()), &again); err != nil || again.Passed != 10 || len(again.Tests[0].Transcript) == 0 {
		t.Errorf("%v: %+v", err, again)
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	for _, c := range [][2]string{{"testdata/none.yaml", ""}, {"testdata/order.test.yaml", "testdata/none.yaml"}} {
		if _, err := RunFile(t.Context(), c[0], c[1]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// What a script says wrongly is told with the step and what happened instead.
func TestDifferences(t *testing.T) {
	flow, err := os.ReadFile("testdata/order.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ steps, end, want string }{
		"not heard":      {"[{hear: Good morning}, {press: '1234#'}]", "{}", `step 1: "Good morning" was not heard`},
		"heard":          {"[{not_hear: hash key}, {wait: true}]", "{}", `"hash key" must not be heard`},
		"node":           {"[{node: bye}]", "{}", `node "bye" was not entered`},
		"queue":          {"[{press: '*0'}, {queue: qu_other}]", "{}", `queue "qu_orders" was entered`},
		"ended before":   {"[{press: '*0'}, {queue: qu_orders}, {hear: x}]", "{}", "step 3"},
		"outcome":        {"[{press: '*0'}]", "{outcome: flow}", "the end is handled, want flow"},
		"end node":       {"[{press: '*0'}]", "{node: bye}", "ended at node person"},
		"variable":       {"[{press: '*0'}]", "{vars: {tries: 3}}", "variable tries is 0"},
		"language":       {"[{press: '*0'}]", "{language: zh-CN}", "the language is en"},
		"not by the key": {"[{press: '*0'}]", "{human: false}", "asked for a human"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte("tests: [{name: x, steps: " + c.steps + ", end: " + c.end + "}]"))
			if err != nil {
				t.Fatal(err)
			}
			r := Run(t.Context(), s, "order.yaml", flow)
			if r.OK() || r.Failed != 1 || !strings.Contains(r.Tests[0].Problem, c.want) {
				t.Errorf("got %+v, want %s", r.Tests, c.want)
			}
		})
	}
}

func TestScriptsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"tests: []":                     "there is none",
		"tests: [{name: a, stepz: []}]": "stepz",
		"tests: [{name: a, steps: [{hear: a, wait: true}]}]":   "exactly one",
		"tests: [{name: a, steps: [{press: 12x}]}]":            "no key",
		"tests: [{name: a, steps: [{queue: a, then: later}]}]": "later",
		"tests: [{name: a, hours: {c: maybe}}]":                "neither open nor closed",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
