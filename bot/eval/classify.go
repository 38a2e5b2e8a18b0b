package eval

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/openhotline/hotline/bot/nlu"
)

// Judge says what a row means; ok is false when the row belongs to none of its
// models. group is the skill group the text would be sent to, "" for none.
type Judge interface {
	Judge(row Row) (result nlu.Result, ok bool)
	// Group returns the skill group of an intent of the row's pack, or "".
	Group(row Row, intent string) string
}

// Classification is what a classifier makes of labelled rows.
type Classification struct {
	Rows       int `json:"rows"`
	InScope    int `json:"in_scope_rows"`
	OutOfScope int `json:"out_of_scope_rows"`
	Skipped    int `json:"skipped_rows"` // of another pack or language

	// Accuracy is over in-scope rows, the best label taken without rejecting.
	Accuracy     float64 `json:"accuracy"`
	AccuracyRate Rate    `json:"accuracy_rate"`
	MacroF1      float64 `json:"macro_f1"`
	// Top3 is how often the right label is among the best three.
	Top3 Rate `json:"top3"`

	// With rejection at the model's lower threshold: an in-scope row is right
	// when it is not rejected and its label is right, an out-of-scope row when
	// it is rejected.
	WithRejection   Rate `json:"accuracy_with_rejection"`
	InScopeKept     Rate `json:"in_scope_accuracy_with_rejection"`
	InScopeRejected Rate `json:"in_scope_rejected"`
	ForeignRejected Rate `json:"out_of_scope_recall"`
	RejectedRight   Rate `json:"out_of_scope_precision"`
	// AUROC is how well Scope tells in-scope from out-of-scope rows.
	AUROC float64 `json:"out_of_scope_auroc"`

	// Answered rows are above the upper threshold; Chosen ones between the two.
	Answered      Rate `json:"answered"`
	AnsweredRight Rate `json:"answered_precision"`
	RightAnswers  Rate `json:"right_automatic_answers"` // of all in-scope rows
	Chosen        Rate `json:"choices_offered"`
	ChosenRight   Rate `json:"choices_hold_the_right_one"`

	// Groups is how often the skill group is right, over in-scope rows with one.
	Groups Rate `json:"skill_group"`

	Calibration Calibration  `json:"calibration"`
	Intents     []IntentRow  `json:"intents"`
	Confusions  []Confusion  `json:"confusions"`
	Curve       []CurvePoint `json:"curve"`
	Query       Durations    `json:"query"`
	Training    *Training    `json:"training,omitempty"`
	// Mistakes are the rows whose label is wrong, for reading.
	Mistakes []Mistake `json:"mistakes,omitempty"`
}

// Training is what making the models took.
type Training struct {
	Seconds     float64 `json:"seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	Examples    int     `json:"examples"`
	Labels      int     `json:"labels"`
	Models      int     `json:"models"`
	ModelBytes  int     `json:"model_bytes"`  // serialised
	MemoryBytes int     `json:"memory_bytes"` // heap that the models hold
}

// IntentRow is one intent of a report.
type IntentRow struct {
	Intent    string  `json:"intent"`
	Rows      int     `json:"rows"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Confusion counts how often one intent was taken for another.
type Confusion struct {
	Right string `json:"right"`
	Taken string `json:"taken"`
	Rows  int    `json:"rows"`
}

// Mistake is a row with a wrong label.
type Mistake struct {
	Text  string  `json:"text"`
	Right string  `json:"right"`
	Taken string  `json:"taken"`
	P     float64 `json:"p"`
}

// Calibration compares probabilities with what came true, over in-scope rows.
type Calibration struct {
	// Error is the expected calibration error over ten bins.
	Error   float64 `json:"expected_error"`
	LogLoss float64 `json:"log_loss"`
	Bins    []Bin   `json:"bins"`
}

// Bin holds the rows whose probability lies between From and To.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Rows  int     `json:"rows"`
	P     float64 `json:"mean_p"`
	Right float64 `json:"right"`
}

// CurvePoint is what a lower threshold on Scope would do.
type CurvePoint struct {
	Threshold       float64 `json:"threshold"`
	InScopeKept     float64 `json:"in_scope_accuracy"`
	InScopeRejected float64 `json:"in_scope_rejected"`
	ForeignRejected float64 `json:"out_of_scope_recall"`
	KeptRight       float64 `json:"kept_precision"` // of what is not rejected, out-of-scope rows included
}

// judged is one row with what was made of it.
type judged struct {
	row    Row
	result nlu.Result
	right  bool // label
}

// Classify runs a judge over rows.
func Classify(rows []Row, judge Judge, progress func(done float64)) Classification {
	var c Classification
	var all []judged
	took := make([]time.Duration, 0, len(rows))
	for i, row := range rows {
		start := time.Now()
		result, ok := judge.Judge(row)
		if !ok {
			c.Skipped++
			continue
		}
		took = append(took, time.Since(start))
		all = append(all, judged{row, result, !row.foreign() && result.Label == row.Intent})
		progress(float64(i+1) / float64(len(rows)))
	}
	c.Query = durations(took)
	c.count(all)
	c.groups(all, judge)
	c.Calibration = calibration(all)
	c.perIntent(all)
	c.curve(all)
	return c
}

func (c *Classification) count(all []judged) {
	var right, top3, kept, rejected, caught, answered, answeredRight, chosen, chosenRight int
	var in, out []float64
	for _, j := range all {
		c.Rows++
		reject := j.result.Decision == nlu.Reject
		if j.row.foreign() {
			c.OutOfScope++
			out = append(out, j.result.Scope)
			if reject {
				caught++
			}
		} else {
			c.InScope++
			in = append(in, j.result.Scope)
			among := slices.ContainsFunc(j.result.Top[:3], func(r nlu.Ranked) bool { return r.Label == j.row.Intent })
			right, top3 = right+one(j.right), top3+one(among)
			kept, rejected = kept+one(j.right && !reject), rejected+one(reject)
			if j.result.Decision == nlu.Choose {
				chosen, chosenRight = chosen+1, chosenRight+one(among)
			}
		}
		if j.result.Decision == nlu.Accept {
			answered, answeredRight = answered+1, answeredRight+one(j.right)
		}
	}
	c.AccuracyRate = rate(right, c.InScope)
	c.Accuracy = c.AccuracyRate.Share
	c.Top3 = rate(top3, c.InScope)
	c.WithRejection = rate(kept+caught, c.Rows)
	c.InScopeKept = rate(kept, c.InScope)
	c.InScopeRejected = rate(rejected, c.InScope)
	c.ForeignRejected = rate(caught, c.OutOfScope)
	c.RejectedRight = rate(caught, caught+rejected)
	c.AUROC = areaUnderCurve(in, out)
	c.Answered = rate(answered, c.Rows)
	c.AnsweredRight = rate(answeredRight, answered)
	c.RightAnswers = rate(answeredRight, c.InScope)
	c.Chosen = rate(chosen, c.InScope)
	c.ChosenRight = rate(chosenRight, chosen)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Classification) groups(all []judged, judge Judge) {
	right, of := 0, 0
	for _, j := range all {
		want := cmp.Or(j.row.Group, judge.Group(j.row, j.row.Intent))
		if want == "" || j.row.foreign() {
			continue
		}
		of++
		right += one(judge.Group(j.row, j.result.Label) == want)
	}
	c.Groups = rate(right, of)
}

func calibration(all []judged) Calibration {
	const bins = 10
	c := Calibration{Bins: make([]Bin, bins)}
	right, n := make([]int, bins), 0
	for _, j := range all {
		if j.row.foreign() {
			continue
		}
		n++
		b := min(int(j.result.P*bins), bins-1)
		c.Bins[b].Rows++
		c.Bins[b].P += j.result.P
		right[b] += one(j.right)
		p := 1e-4 // of the right label when it is not among the best
		for _, t := range j.result.Top {
			if t.Label == j.row.Intent {
				p = max(t.P, p)
			}
		}
		c.LogLoss -= math.Log(p)
	}
	for b := range c.Bins {
		bin := &c.Bins[b]
		bin.From, bin.To = float64(b)/bins, float64(b+1)/bins
		if bin.Rows > 0 {
			bin.P /= float64(bin.Rows)
			bin.Right = float64(right[b]) / float64(bin.Rows)
			c.Error += math.Abs(bin.P-bin.Right) * float64(bin.Rows) / float64(n)
		}
	}
	if n > 0 {
		c.LogLoss /= float64(n)
	}
	return c
}

// perIntent fills the table of intents, the confusions and the mistakes.
func (c *Classification) perIntent(all []judged) {
	gold, taken, right := map[string]int{}, map[string]int{}, map[string]int{}
	confused := map[[2]string]int{}
	for _, j := range all {
		if j.row.foreign() {
			continue
		}
		gold[j.row.Intent]++
		taken[j.result.Label]++
		if j.right {
			right[j.row.Intent]++
			continue
		}
		confused[[2]string{j.row.Intent, j.result.Label}]++
		c.Mistakes = append(c.Mistakes, Mistake{j.row.Text, j.row.Intent, j.result.Label, j.result.P})
	}
	for intent, n := range gold {
		r := IntentRow{Intent: intent, Rows: n, Recall: float64(right[intent]) / float64(n)}
		if taken[intent] > 0 {
			r.Precision = float64(right[intent]) / float64(taken[intent])
		}
		if r.Precision+r.Recall > 0 {
			r.F1 = 2 * r.Precision * r.Recall / (r.Precision + r.Recall)
		}
		c.MacroF1 += r.F1 / float64(len(gold))
		c.Intents = append(c.Intents, r)
	}
	slices.SortFunc(c.Intents, func(a, b IntentRow) int {
		return cmp.Or(cmp.Compare(a.F1, b.F1), cmp.Compare(a.Intent, b.Intent))
	})
	for pair, n := range confused {
		c.Confusions = append(c.Confusions, Confusion{pair[0], pair[1], n})
	}
	slices.SortFunc(c.Confusions, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Right, b.Right), cmp.Compare(a.Taken, b.Taken))
	})
	slices.SortStableFunc(c.Mistakes, func(a, b Mistake) int { return cmp.Compare(b.P, a.P) })
}

func (c *Classification) curve(all []judged) {
	for step := range 20 {
		t := float64(step) * 0.05
		var kept, rejected, caught, over int
		for _, j := range all {
			below := j.result.Scope < t
			switch {
			case j.row.foreign():
				caught += one(below)
			default:
				kept, rejected = kept+one(j.right && !below), rejected+one(below)
			}
			over += one(!below)
		}
		c.Curve = append(c.Curve, CurvePoint{t, share(kept, c.InScope), share(rejected, c.InScope), share(caught, c.OutOfScope), share(kept, over)})
	}
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
