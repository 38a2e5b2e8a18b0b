// Package flowtest runs scripted dialogues against a flow: what the customer
// does, and what must be heard, which nodes must be passed, and how it must end.
//
//	flow: main.yaml
//	tests:
//	  - name: sales in English
//	    call: {caller: "+8613800138000", dialled: "9000", language: en}
//	    hours: {ca_demo: open}
//	    steps:
//	      - hear: welcome to the Hotline shop
//	      - press: 1
//	      - queue: qu_sales
//	    end: {outcome: handled, node: sales, language: en}
package flowtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Script is a file of dialogues.
type Script struct {
	// Flow is the file of the flow, relative to the script. A flow given by the
	// caller wins.
	Flow  string `yaml:"flow"`
	Tests []Test `yaml:"tests"`
}

// Test is one dialogue.
type Test struct {
	Name  string            `yaml:"name"`
	Call  Call              `yaml:"call"`
	Vars  map[string]any    `yaml:"vars"`
	At    time.Time         `yaml:"at"`    // the clock; zero: 2026-01-05T10:00:00Z
	Hours map[string]string `yaml:"hours"` // calendar: open or closed; others are open
	HTTP  []Answer          `yaml:"http"`  // what servers answer, in order
	Steps []Step            `yaml:"steps"`
	End   End               `yaml:"end"`
}

// Call is what is known about the conversation.
type Call struct {
	Caller   string `yaml:"caller"`
	Dialled  string `yaml:"dialled"`
	Language string `yaml:"language"`
	Customer string `yaml:"customer"`
	VIP      bool   `yaml:"vip"`
}

// Answer is what a server answers to an http node.
type Answer struct {
	Node   string `yaml:"node"`   // empty: whichever asks next
	Status int    `yaml:"status"` // 0: 200; -1: it cannot be reached
	Body   any    `yaml:"body"`   // sent as JSON
}

// Step is one thing that is expected or done. Exactly one of Hear (with Press
// for keys during that prompt), Node, Press, Wait, HangUp, Queue, Transfer,
// Voicemail is set.
type Step struct {
	Hear      string `yaml:"hear"`      // part of a prompt, or `sound: NAME`
	NotHear   string `yaml:"not_hear"`  // no prompt since the last input has this
	Node      string `yaml:"node"`      // a node that is entered
	Press     string `yaml:"press"`     // keys
	Wait      bool   `yaml:"wait"`      // nothing is pressed until the time is over
	HangUp    bool   `yaml:"hang_up"`   // the customer leaves
	Queue     string `yaml:"queue"`     // the queue that is entered
	Transfer  string `yaml:"transfer"`  // the target that is called
	Voicemail bool   `yaml:"voicemail"` // a message is left
	// Then is how a queue or transfer ends: done (default), released, overflow;
	// answered, released, busy, no_answer.
	Then     string `yaml:"then"`
	Overflow string `yaml:"overflow"` // voicemail, number, callback, end …
	Target   string `yaml:"target"`   // of the overflow
	Reason   string `yaml:"reason"`   // max_wait, full, no_agent
}

// End is what must be true in the end; empty fields are not looked at.
type End struct {
	Outcome  string         `yaml:"outcome"` // flow, hangup, handled, overflow, limit, error
	Node     string         `yaml:"node"`
	Language string         `yaml:"language"`
	Human    *bool          `yaml:"human"`
	Vars     map[string]any `yaml:"vars"`
}

// maxScript bounds the text of a script in bytes.
const maxScript = 4 << 20

// Read reads a script and checks it. The flow's path becomes absolute or
// relative to the working folder.
func Read(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("flow script: %w", err)
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.Flow != "" && !filepath.IsAbs(s.Flow) {
		s.Flow = filepath.Join(filepath.Dir(path), s.Flow)
	}
	return s, nil
}

// Parse is Read for a text in memory.
func Parse(text []byte) (*Script, error) {
	if len(text) > maxScript {
		return nil, fmt.Errorf("the script has more than %d bytes", maxScript)
	}
	var s Script
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if len(s.Tests) == 0 {
		return nil, fmt.Errorf("tests: there is none")
	}
	for i, t := range s.Tests {
		for j, step := range t.Steps {
			if err := step.check(); err != nil {
				return nil, fmt.Errorf("tests[%d] %s: steps[%d]: %w", i, t.Name, j, err)
			}
		}
		for name, state := range t.Hours {
			if state != "open" && state != "closed" {
				return nil, fmt.Errorf("tests[%d] %s: hours.%s: %q is neither open nor closed", i, t.Name, name, state)
			}
		}
	}
	return &s, nil
}

func (s Step) check() error {
	set := 0
	for _, yes := range []bool{s.Hear != "", s.NotHear != "", s.Node != "", s.Press != "" && s.Hear == "", s.Wait, s.HangUp, s.Queue != "", s.Transfer != "", s.Voicemail} {
		if yes {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("a step has exactly one of hear, not_hear, node, press, wait, hang_up, queue, transfer, voicemail; this has %d", set)
	}
	for _, r := range s.Press {
		if !strings.ContainsRune("0123456789*#ABCD", r) {
			return fmt.Errorf("press: %q is no key", r)
		}
	}
	allowed := map[string]bool{"": true, "done": true, "released": true, "overflow": true, "answered": true, "busy": true, "no_answer": true}
	if !allowed[s.Then] {
		return fmt.Errorf("then: %q is none of done, released, overflow, answered, busy, no_answer", s.Then)
	}
	return nil
}
