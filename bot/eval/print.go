package eval

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Print writes a report for reading. limit is how many intents, confusions and
// mistakes are listed.
func (c Classification) Print(w io.Writer, limit int) {
	p := printer{w}
	p.line("rows", "%d (%d in scope, %d out of scope, %d skipped)", c.Rows, c.InScope, c.OutOfScope, c.Skipped)
	if t := c.Training; t != nil {
		p.line("training", "%.1f s (%.1f s of processor time), %d examples, %d labels, %d models, %.1f MB in memory, %.1f MB in files", t.Seconds, t.CPUSeconds, t.Examples, t.Labels, t.Models, float64(t.MemoryBytes)/1e6, float64(t.ModelBytes)/1e6)
	}
	p.line("query", "mean %.0f µs, median %.0f µs, 99th percentile %.0f µs", c.Query.MeanMicros, c.Query.P50Micros, c.Query.P99Micros)
	p.rate("accuracy", c.AccuracyRate)
	p.line("macro F1", "%.3f", c.MacroF1)
	p.rate("right label in the best three", c.Top3)
	p.rate("skill group", c.Groups)
	p.head("with rejection at the lower threshold")
	p.rate("all rows", c.WithRejection)
	p.rate("in scope, right and kept", c.InScopeKept)
	p.rate("in scope, rejected", c.InScopeRejected)
	p.rate("out of scope, rejected", c.ForeignRejected)
	p.rate("rejected and out of scope", c.RejectedRight)
	if c.OutOfScope > 0 {
		p.line("area under the curve", "%.3f", c.AUROC)
	}
	p.head("with both thresholds")
	p.rate("answered", c.Answered)
	p.rate("answered, and right", c.AnsweredRight)
	p.rate("right automatic answers", c.RightAnswers)
	p.rate("choices offered", c.Chosen)
	p.rate("choices hold the right one", c.ChosenRight)
	c.printCalibration(p)
	c.printCurve(p)
	c.printIntents(p, limit)
}

func (c Classification) printCalibration(p printer) {
	p.head("calibration")
	p.line("expected error", "%.3f", c.Calibration.Error)
	p.line("log loss", "%.3f", c.Calibration.LogLoss)
	for _, b := range c.Calibration.Bins {
		if b.Rows > 0 {
			p.line(fmt.Sprintf("%.1f to %.1f", b.From, b.To), "%5d rows, said %.3f, right %.3f", b.Rows, b.P, b.Right)
		}
	}
}

func (c Classification) printCurve(p printer) {
	p.head("thresholds: in scope right and kept, in scope rejected, out of scope rejected, kept and right")
	for i, t := range c.Curve {
		if i%2 == 0 {
			p.line(fmt.Sprintf("%.2f", t.Threshold), "%.3f  %.3f  %.3f  %.3f", t.InScopeKept, t.InScopeRejected, t.ForeignRejected, t.KeptRight)
		}
	}
}

func (c Classification) printIntents(p printer, limit int) {
	p.head("intents, weakest first: precision, recall, F1, rows")
	for _, r := range first(c.Intents, limit) {
		p.line(r.Intent, "%.3f  %.3f  %.3f  %d", r.Precision, r.Recall, r.F1, r.Rows)
	}
	p.head("taken for another")
	for _, f := range first(c.Confusions, limit) {
		p.line(fmt.Sprint(f.Rows), "%s → %s", f.Right, f.Taken)
	}
	p.head("surest mistakes")
	for _, m := range first(c.Mistakes, limit) {
		p.line(fmt.Sprintf("%.2f", m.P), "%s → %s: %s", m.Right, m.Taken, m.Text)
	}
}

func first[T any](s []T, n int) []T { return s[:min(n, len(s))] }

// printer writes aligned lines; a failing writer ends the output.
type printer struct{ w io.Writer }

func (p printer) head(text string) { fmt.Fprintf(p.w, "\n%s\n", text) }

func (p printer) line(name, format string, args ...any) {
	fmt.Fprintf(p.w, "  %-30s %s\n", name, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

func (p printer) rate(name string, r Rate) {
	if r.Of > 0 {
		p.line(name, "%5.1f %%  (%.1f to %.1f, %d of %d)", 100*r.Share, 100*r.Low, 100*r.High, r.Right, r.Of)
	}
}

// Print writes the report on conversations for reading.
func (r Dialogues) Print(w io.Writer, limit int) {
	p := printer{w}
	p.line("dialogues", "%d with %d turns", r.Dialogues, r.Turns)
	p.rate("turns with the right intent", r.TurnsRight)
	p.rate("slots right", r.SlotsRight)
	p.rate("dialogues without a fault", r.WholeRight)
	p.line("asked again for what was said", "%d", r.AskedAgain)
	if r.Free != nil {
		p.line("open questions put in place", "%d", r.Guided)
		p.rate("without them: turns right", r.Free.TurnsRight)
		p.rate("without them: slots right", r.Free.SlotsRight)
		p.line("without them: asked again", "%d", r.Free.AskedAgain)
	}
	p.list(r.Faults, limit)
}

// Print writes the report on tickets for reading.
func (r Extractions) Print(w io.Writer, limit int) {
	p := printer{w}
	p.line("rows", "%d", r.Rows)
	p.rate("complete", r.Complete)
	for _, k := range slices.Sorted(maps.Keys(r.Slots)) {
		p.rate(k+", recall", r.Slots[k].Recall)
		p.rate(k+", precision", r.Slots[k].Precision)
	}
	p.list(r.Faults, limit)
}

// Print writes the report on articles for reading.
func (r Retrieval) Print(w io.Writer, limit int) {
	p := printer{w}
	p.line("rows", "%d for %d articles", r.Rows, r.Articles)
	p.line("query", "mean %.0f µs, 99th percentile %.0f µs", r.Query.MeanMicros, r.Query.P99Micros)
	p.rate("first article right", r.Top1)
	p.rate("right one in the first three", r.Top3)
	p.rate("answered", r.Answered)
	p.rate("answers that are right", r.Precision)
	p.list(r.Faults, limit)
}

func (p printer) list(faults []string, limit int) {
	for _, f := range faults[:min(limit, len(faults))] {
		fmt.Fprintln(p.w, "  "+f)
	}
}
