package learn

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// Trial is how a new model did beside the one in use.
type Trial struct {
	Accepted bool `json:"accepted"`
	Version  int  `json:"version,omitempty"` // that it became
	// Reason of a refusal: dev_worse or regression_lost.
	Reason string `json:"reason,omitempty"`
	// Corrections is how many count, Learned how many of them the new model
	// understands as they say, NotLearned the others' texts, the first ones.
	Corrections int      `json:"corrections"`
	Learned     int      `json:"learned"`
	NotLearned  []string `json:"not_learned,omitempty"`
	// Dev are rows of the pack that models for the purpose were not trained with,
	// Regression the texts whose intent must not change.
	Dev        Share `json:"dev"`
	Regression Share `json:"regression"`
	// Lost are rows that were right before, the first ones: regression texts
	// before dev rows.
	Lost []Loss `json:"lost,omitempty"`
}

// Share counts right rows before and after.
type Share struct {
	Rows   int `json:"rows"`
	Before int `json:"before"`
	After  int `json:"after"`
	Lost   int `json:"lost"` // right before and not after
	// Pack is how many were right without any correction; of dev rows alone.
	Pack int `json:"pack,omitempty"`
}

// Loss is a row that was right before.
type Loss struct {
	List string `json:"list"` // dev or regression
	Text string `json:"text"`
	Want string `json:"want"`
	Got  string `json:"got"`
	At   string `json:"at,omitempty"` // where the row stands
}

// mostListed bounds the lists of a trial.
const mostListed = 20

// count notes one row.
func (s *Share) count(before, after bool) (lost bool) {
	s.Rows++
	if before {
		s.Before++
	}
	if after {
		s.After++
	}
	if before && !after {
		s.Lost++
	}
	return before && !after
}

// slack is by how many rows the held-out ones may always fall.
const slack = 2

// decide says whether the bounds are held.
func (t *Trial) decide(b Bounds) {
	fall, may := max(t.Dev.Before, t.Dev.Pack)-t.Dev.After, max(slack, int(math.Ceil(b.Dev*float64(t.Dev.Rows))))
	switch {
	case t.Regression.Lost > b.Lost:
		t.Reason = "regression_lost"
	case fall > may:
		t.Reason = "dev_worse"
	default:
		t.Accepted = true
	}
}

// heldOut tells that a row is one of the fifth that the dev models are not
// trained with: always the same rows, whatever else is in the pack.
func heldOut(text string) bool {
	h := fnv.New64a()
	io.WriteString(h, nlu.Normalize(text))
	return h.Sum64()%5 == 0
}

// exam is one trial being held: the pack without corrections, with those in use,
// and with those that are to be.
type exam struct {
	school               *School
	language             string
	plain, before, after *pack.Pack
	corrected            map[string]bool // normalised texts that corrections speak of
	trial                Trial
	lostDev, lostRe      []Loss
}

func (s *School) exam(language string, linesBefore, linesAfter int) (*exam, error) {
	x := &exam{school: s, language: language, corrected: map[string]bool{}}
	packs := make([]*pack.Pack, 3)
	for i, lines := range []int{0, linesBefore, linesAfter} {
		var err error
		if packs[i], err = pack.LoadAt(s.cfg.Pack, language, lines, s.overlays()...); err != nil {
			return nil, err
		}
	}
	x.plain, x.before, x.after = packs[0], packs[1], packs[2]
	for _, l := range slices.Concat(x.before.Lessons, x.after.Lessons) {
		x.corrected[nlu.Normalize(l.Text)] = true
	}
	return x, nil
}

// dev compares models that were trained without the held-out rows, on these
// rows. All but the last are usually in the cache.
func (x *exam) dev(ctx context.Context, progress func(float64)) error {
	var models [3]*nlu.Model
	for i, p := range []*pack.Pack{x.plain, x.before, x.after} {
		var err error
		models[i], err = x.devModel(ctx, p, func(done float64) { progress((float64(i) + done) / 3) })
		if err != nil || models[i] == nil {
			return err // nil: too few rows for a model without a fifth of them
		}
	}
	plain, before, after := models[0], models[1], models[2]
	for _, e := range x.plain.Examples() {
		if e.Label == pack.OutOfScope || x.corrected[nlu.Normalize(e.Text)] || !heldOut(e.Text) {
			continue
		}
		if plain.Classify(e.Text).Label == e.Label {
			x.trial.Dev.Pack++
		}
		was, is := before.Classify(e.Text).Label, after.Classify(e.Text).Label
		if x.trial.Dev.count(was == e.Label, is == e.Label) && len(x.lostDev) < mostListed {
			x.lostDev = append(x.lostDev, Loss{"dev", e.Text, e.Label, is, e.Origin})
		}
	}
	return nil
}

func (x *exam) devModel(ctx context.Context, p *pack.Pack, progress func(float64)) (*nlu.Model, error) {
	var rest []nlu.Example
	for _, e := range p.Examples() {
		if x.corrected[nlu.Normalize(e.Text)] || !heldOut(e.Text) {
			rest = append(rest, e)
		}
	}
	cfg := p.Training()
	cfg.Unjudged, cfg.Workers, cfg.Progress = true, x.school.cfg.Workers, progress
	m, err := x.school.cfg.Models.Train(ctx, rest, cfg)
	if errors.Is(err, nlu.ErrTooFew) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return m, nil
}

// regression compares the bot as it is with the candidate on the texts whose
// intent must not change, unless a correction says otherwise.
func (x *exam) regression(ctx context.Context, c *bot.Candidate) error {
	rows, err := pack.Regression(x.school.cfg.Pack, x.language, x.school.overlays()...)
	if err != nil {
		return err
	}
	for _, e := range rows {
		if x.corrected[nlu.Normalize(e.Text)] {
			continue
		}
		was, err := x.school.cfg.Engine.Read(ctx, x.language, e.Text)
		if err != nil {
			return fmt.Errorf("learn: %w", err)
		}
		is := c.Read(e.Text)
		if x.trial.Regression.count(was.Intent == e.Label, is.Intent == e.Label) && len(x.lostRe) < mostListed {
			x.lostRe = append(x.lostRe, Loss{"regression", e.Text, e.Label, is.Intent, e.Origin})
		}
	}
	return nil
}

// learned counts corrections that the candidate understands as they say.
func (x *exam) learned(lessons pack.Lessons, c *bot.Candidate) {
	for _, l := range lessons {
		x.trial.Corrections++
		r := c.Read(l.Text)
		if l.Intent != "" && r.Intent == l.Intent || l.Article != "" && r.Article == l.Article {
			x.trial.Learned++
		} else if len(x.trial.NotLearned) < mostListed {
			x.trial.NotLearned = append(x.trial.NotLearned, l.Text)
		}
	}
}

// hold makes the candidate and tries it.
func (x *exam) hold(ctx context.Context, progress func(float64)) (*bot.Candidate, error) {
	if err := x.dev(ctx, func(done float64) { progress(0.5 * done) }); err != nil {
		return nil, err
	}
	lessons := x.after.Lessons
	cfg := x.after.Training()
	cfg.Workers, cfg.Progress = x.school.cfg.Workers, func(done float64) { progress(0.5 + 0.4*done) }
	c, err := x.school.cfg.Engine.Prepare(ctx, x.after, cfg)
	if err != nil {
		return nil, err
	}
	if err := x.regression(ctx, c); err != nil {
		return nil, err
	}
	x.learned(lessons, c)
	lost := slices.Concat(x.lostRe, x.lostDev)
	x.trial.Lost = lost[:min(len(lost), mostListed)]
	x.trial.decide(x.school.cfg.Bounds)
	progress(1)
	return c, nil
}
