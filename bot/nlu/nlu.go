// Package nlu understands one short text: which of a closed list of intents
// its writer has, how sure that is, and when it is none of them. It is trained
// in the process from examples, in seconds, and deterministic: the same
// examples and configuration give the same model, byte for byte.
//
// It knows texts and labels. It does not know packs, slots, articles or
// dialogues.
package nlu

import (
	"cmp"
	"errors"
	"runtime"
)

// ErrTooFew is returned by Train when the examples do not hold two labels.
var ErrTooFew = errors.New("nlu: too few examples")

// Example is one labelled text.
type Example struct {
	Text, Label string
	// Origin says where the example was written (a file and line, a
	// conversation), for reports only. It does not influence the model.
	Origin string
	// Times is how many rows it counts as, 0 for one.
	Times int
}

// Config is how a model is trained. The zero value is what the shipped packs use.
type Config struct {
	// OutOfScope is the label of examples that no intent wants. They teach what
	// to reject and are never an answer. Defaults to "out_of_scope".
	OutOfScope string
	// Concepts are words that mean about the same; nil for none.
	Concepts *Concepts
	// Cost is C of the linear model; larger follows the examples more closely.
	// Defaults to 1.
	Cost float64
	// FalseReject is the share of in-scope texts that may be rejected when the
	// lower threshold is chosen. Defaults to 0.03.
	FalseReject float64
	// WrongAnswer is the share of wrong ones among the texts that are answered
	// without asking back when the upper threshold is chosen. Defaults to 0.04.
	WrongAnswer float64
	// Unjudged leaves out the cross-validation from which P, Scope and the
	// thresholds come: several times faster, for who only wants Scores.
	Unjudged bool
	// Networks is how many networks are averaged with the linear model: fewer
	// take less memory. Defaults to 2.
	Networks int
	// Workers is how many goroutines train. Defaults to the number of CPUs; the
	// model does not depend on it.
	Workers int
	// Progress, when set, is called with the share of the work done, 0 to 1.
	Progress func(done float64)
}

func (c Config) withDefaults() Config {
	c.OutOfScope = cmp.Or(c.OutOfScope, "out_of_scope")
	c.Cost = cmp.Or(c.Cost, 1)
	c.FalseReject = cmp.Or(c.FalseReject, 0.03)
	c.WrongAnswer = cmp.Or(c.WrongAnswer, 0.04)
	c.Networks = cmp.Or(c.Networks, seeds)
	c.Workers = cmp.Or(c.Workers, runtime.GOMAXPROCS(0))
	if c.Progress == nil {
		c.Progress = func(float64) {}
	}
	return c
}

// Decision is what the two thresholds of a model say about a text.
type Decision uint8

// With Scope below the lower threshold a text is rejected; with P from the upper
// one on its best label is taken; between the two its best labels are choices to
// offer.
const (
	Reject Decision = iota
	Choose
	Accept
)

// String returns the decision's name, as reports print it.
func (d Decision) String() string {
	return [...]string{"reject", "choose", "accept"}[d]
}

// TopN is how many labels a Result ranks.
const TopN = 5

// Ranked is a label with its calibrated probability.
type Ranked struct {
	Label string
	P     float64
}

// Result is what a model makes of a text.
type Result struct {
	// Label is the best in-scope label, whatever the decision.
	Label string
	// P is the calibrated probability that the text is in scope and Label right.
	P float64
	// Scope is the calibrated probability that the text is in scope.
	Scope    float64
	Decision Decision
	// Top holds the best labels, best first; unused places have an empty label.
	Top [TopN]Ranked
}
