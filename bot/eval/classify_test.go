package eval

import (
	"math"
	"strings"
	"testing"

	"github.com/openhotline/hotline/bot/nlu"
)

// judge answers from a table.
type judge map[string]nlu.Result

func (j judge) Judge(r Row) (nlu.Result, bool) {
	result, ok := j[r.Text]
	return result, ok
}

func (j judge) Group(_ Row, intent string) string {
	return map[string]string{"order_status": "order", "order_cancel": "order", "refund": "aftersale"}[intent]
}

func said(d nlu.Decision, p float64, labels ...string) nlu.Result {
	r := nlu.Result{Label: labels[0], P: p, Scope: p, Decision: d}
	for i, l := range labels {
		r.Top[i] = nlu.Ranked{Label: l, P: p / float64(i+1)}
	}
	return r
}

func TestClassifyCounts(t *testing.T) {
	t.Parallel()
	rows := []Row{
		{Text: "where is it", Intent: "order_status"},
		{Text: "any news", Intent: "order_status"},
		{Text: "stop it", Intent: "order_cancel"},
		{Text: "money back", Intent: "refund"},
		{Text: "weather", Intent: "oos"},
		{Text: "a joke", Intent: "out_of_scope"},
		{Text: "elsewhere", Intent: "refund"},
	}
	c := Classify(rows, judge{
		"where is it": said(nlu.Accept, .9, "order_status", "refund"),
		"any news":    said(nlu.Reject, .2, "order_status", "refund"),
		"stop it":     said(nlu.Choose, .5, "order_status", "order_cancel"),
		"money back":  said(nlu.Accept, .8, "order_status", "order_cancel"),
		"weather":     said(nlu.Reject, .1, "refund", "order_cancel"),
		"a joke":      said(nlu.Accept, .85, "refund", "order_cancel"),
	}, func(float64) {})
	check := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	check("skipped", float64(c.Skipped), 1)
	check("accuracy", c.Accuracy, 2.0/4)
	check("top 3", c.Top3.Share, 3.0/4)
	check("kept", c.InScopeKept.Share, 1.0/4)
	check("rejected", c.InScopeRejected.Share, 1.0/4)
	check("out-of-scope recall", c.ForeignRejected.Share, 1.0/2)
	check("out-of-scope precision", c.RejectedRight.Share, 1.0/2)
	check("all rows", c.WithRejection.Share, 2.0/6)
	check("answered", c.Answered.Share, 3.0/6)
	check("answered right", c.AnsweredRight.Share, 1.0/3)
	check("right answers", c.RightAnswers.Share, 1.0/4)
	check("choices", c.ChosenRight.Share, 1)
	check("groups", c.Groups.Share, 3.0/4)
	check("AUROC", c.AUROC, (4+1)/8.0)
	if len(c.Confusions) != 2 || len(c.Mistakes) != 2 || c.Mistakes[0].Text != "money back" {
		t.Errorf("confusions %+v, mistakes %+v", c.Confusions, c.Mistakes)
	}
	var out strings.Builder
	c.Print(&out, 5)
	if !strings.Contains(out.String(), "50.0 %") {
		t.Errorf("report is %s", out.String())
	}
}

func TestRateInterval(t *testing.T) {
	t.Parallel()
	// 81 of 263 is the worked example of Newcombe (1998): .2553 to .3662.
	if r := rate(81, 263); math.Abs(r.Low-.2553) > 5e-5 || math.Abs(r.High-.3662) > 5e-5 {
		t.Errorf("interval is %v to %v", r.Low, r.High)
	}
	if r := rate(0, 0); r.Low != 0 || r.High != 1 {
		t.Errorf("nothing gives %+v", r)
	}
}

func TestReadRowsNamesTheLine(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"no JSON", "{\"text\":\"a\",\"intent\":\"b\"}\n\nnonsense\n", "line 3"},
		{"wrong type", `{"text":5,"intent":"b"}`, "field Row.text"},
		{"no intent", `{"text":"a"}`, `row 1: "intent" is missing`},
		{"nothing", "\n", "no rows"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := ReadRows(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTrainedOnRows(t *testing.T) {
	t.Parallel()
	var rows []Row
	for _, s := range []string{"where is my parcel", "where is the parcel now", "track my parcel please", "parcel tracking", "is my parcel here"} {
		rows = append(rows, Row{Text: s, Intent: "tracking"})
	}
	for _, s := range []string{"give me my money back", "refund my money", "i want my money", "money refund please", "the money is not back"} {
		rows = append(rows, Row{Text: s, Intent: "refund"})
	}
	model, training, err := Train(t.Context(), rows, func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	c := Classify(rows, model, func(float64) {})
	if c.Accuracy != 1 || training.Examples != 10 || training.Labels != 2 {
		t.Errorf("accuracy %v, training %+v", c.Accuracy, training)
	}
	if _, _, err := Train(t.Context(), rows[:5], func(float64) {}); err == nil {
		t.Error("one label was enough to train")
	}
}
