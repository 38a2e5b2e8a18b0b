package flowtest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOrderDialogues(t *testing.T) {
	var out strings.Builder
	if err := Command(t.Context(), []string{"test", "testdata/order.test.yaml"}, &out); err != nil || !strings.HasSuffix(out.String(), "10 passed, 0 failed\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestJSON(t *testing.T) {
	var out strings.Builder
	if err := Command(t.Context(), []string{"test", "--json", "testdata/order.test.yaml"}, &out); err != nil {
		t.Fatal(err)
	}
	var reports []Report
	if err := json.Unmarshal([]byte(out.String()), &reports); err != nil || len(reports) != 1 || reports[0].Passed != 10 || len(reports[0].Tests[0].Transcript) == 0 {
		t.Errorf("%v: %+v", err, reports)
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

func TestCheck(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("flow: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Command(t.Context(), []string{"check", "testdata/order.yaml"}, &out); err != nil || !strings.Contains(out.String(), "can be published") {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	if err := Command(t.Context(), []string{"check", bad, "--json"}, &out); !errors.Is(err, ErrFailed) || !strings.Contains(out.String(), `"line": 1`) {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, args := range [][]string{nil, {"test"}, {"paint", "x"}, {"check", "--colour", "x"}} {
		if err := Command(t.Context(), args, &out); !errors.Is(err, ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
