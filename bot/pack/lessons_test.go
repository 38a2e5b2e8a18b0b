package pack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const taughtTexts = `
intents:
  order_status: {label: Order status, answer: 'Order {order_number}.', fallback: Later.}
ask: {order_number: Which?}
`

// lines makes a corrections file of short forms: each gets an id by its place.
func lines(short ...string) string {
	var b strings.Builder
	for i, s := range short {
		fmt.Fprintf(&b, `{"id":"co_%d","at":"2026-11-28T10:00:00Z","by":"ann",%s}`+"\n", i+1, s)
	}
	return b.String()
}

func taughtPack(t *testing.T, file string, n int) (*Pack, error) {
	t.Helper()
	files := map[string]string{
		"demo/pack.yaml": settings, "demo/en/texts.yaml": taughtTexts, "demo/en/" + LessonsFile: file,
		"demo/en/intents.yaml": "order_status: |\n  where is my parcel\nout_of_scope: |\n  tell me a joke\n",
		"demo/en/faq.yaml":     "articles:\n- {id: hours, question: When are you open?, variants: [opening times], answer: From 9.}\n",
	}
	if n == inUse {
		return Load("demo", "en", overlay(files))
	}
	return LoadAt("demo", "en", n, overlay(files))
}

func utterances(p *Pack, intent string) (out []string) {
	in, _ := p.Intent(intent)
	for _, u := range in.Utterances {
		out = append(out, u.Text)
	}
	return out
}

func TestCorrectionsCountAsFarAsTheVersionInUse(t *testing.T) {
	t.Parallel()
	file := lines(`"text":"any news of my box","intent":"order_status"`, `"text":"Tell me a JOKE","intent":"order_status"`, `"version":1,"lines":2`, `"text":"is it late today","article":"hours"`)
	p, err := taughtPack(t, file, inUse)
	if err != nil {
		t.Fatal(err)
	}
	got := utterances(p, "order_status")
	if !slices.Equal(got, []string{"where is my parcel", "any news of my box", "Tell me a JOKE"}) {
		t.Errorf("utterances are %q", got)
	}
	if slices.Contains(utterances(p, OutOfScope), "tell me a joke") {
		t.Error("a text that was corrected is still an utterance of what it was")
	}
	if in, _ := p.Intent("order_status"); in.Utterances[1].At != (Position{"demo/en/corrections.jsonl", 1}) {
		t.Errorf("it stands at %v", in.Utterances[1].At)
	}
	if v := p.Articles[0].Variants; slices.Contains(v, "is it late today") {
		t.Errorf("a correction counts before its version was accepted: %q", v)
	}
	if p, err = taughtPack(t, file, 4); err != nil || !slices.Contains(p.Articles[0].Variants, "is it late today") || len(p.Lessons) != 3 {
		t.Errorf("with all lines: %+v, %v", p, err)
	}
	if p, err = taughtPack(t, file, 0); err != nil || len(p.Lessons) != 0 || len(utterances(p, "order_status")) != 1 {
		t.Errorf("with no line: %v", err)
	}
}

func TestWhatStands(t *testing.T) {
	t.Parallel()
	a, b, c := `"text":"a","intent":"order_status"`, `"text":"b","intent":"order_status"`, `"text":"c","intent":"order_status"`
	tests := []struct {
		name   string
		lines  []string
		want   string // texts that stand, with what they mean where that is another one
		active int
	}{
		{"nothing", nil, "", 0},
		{"before a version", []string{a, b}, "a b", 0},
		{"withdrawn", []string{a, b, `"withdraws":"co_1"`}, "b", 0},
		{"corrected again", []string{a, b, `"text":"A","intent":"out_of_scope"`}, "b A", 0},
		{"withdrawn again", []string{a, `"withdraws":"co_1"`, a}, "a", 0},
		{"refused is not in use", []string{a, `"version":1,"lines":1`, b, `"refused":true,"lines":3`}, "a b", 1},
		{"back to the beginning", []string{a, `"version":1,"lines":1`, `"restores":0`}, "", 0},
		{"back, then on", []string{a, `"version":1,"lines":1`, b, `"version":2,"lines":3`, `"restores":1`, c}, "a c", 1},
		{"back and forth", []string{a, `"version":1,"lines":1`, b, `"version":2,"lines":3`, `"restores":0`, `"restores":2`}, "a b", 2},
		{"withdrawal of what was left behind", []string{a, `"version":1,"lines":1`, `"restores":0`, `"withdraws":"co_1"`, b}, "b", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, whole, problems := ParseLessons("x", []byte(lines(tt.lines...)))
			if len(problems) > 0 || whole != len(lines(tt.lines...)) {
				t.Fatal(problems, whole)
			}
			var texts []string
			for _, o := range l.Standing(len(l)) {
				texts = append(texts, o.Text)
			}
			if version, _ := l.Active(); strings.Join(texts, " ") != tt.want || version != tt.active {
				t.Errorf("%q stands and version %d is in use, want %q and %d", texts, version, tt.want, tt.active)
			}
		})
	}
}

// Returning many times must not take time that doubles with each.
func TestManyReturns(t *testing.T) {
	t.Parallel()
	short := []string{`"text":"a","intent":"x"`, `"version":1,"lines":1`}
	for v := 2; v < 500; v++ {
		short = append(short, fmt.Sprintf(`"restores":%d`, v-1), fmt.Sprintf(`"version":%d,"lines":%d`, v, len(short)+1))
	}
	l, _, problems := ParseLessons("x", []byte(lines(short...)))
	if len(problems) > 0 || len(l.Standing(len(l))) != 1 {
		t.Error(problems)
	}
}

func TestCorrectionsWithFaults(t *testing.T) {
	t.Parallel()
	good := `"text":"a","intent":"order_status"`
	for name, c := range map[string]struct{ file, want string }{
		"no JSON":            {lines(good) + "{\n", "corrections.jsonl:2: this is no line of corrections"},
		"unknown key":        {lines(good + `,"intend":"x"`), `corrections.jsonl:1: this is no line of corrections: json: unknown field "intend" (allowed: id, at, by,`},
		"two kinds":          {lines(good + `,"withdraws":"co_1"`), "a line is one of"},
		"no kind":            {lines(`"lines":0`), "a line is one of"},
		"neither nor":        {lines(`"text":"a"`), "needs intent or article"},
		"both":               {lines(good + `,"article":"hours"`), "needs intent or article"},
		"no id":              {`{"at":"2026-11-28T10:00:00Z","by":"x","text":"a","intent":"b"}` + "\n", "needs id and at"},
		"long":               {lines(`"text":"` + strings.Repeat("a", longestLesson+1) + `","intent":"b"`), "more than 600 bytes"},
		"version of later":   {lines(good, `"version":1,"lines":2`), "do not fit"},
		"no such version":    {lines(good, `"restores":3`), "do not fit"},
		"version comes back": {lines(good, `"version":1,"lines":1`, `"version":1,"lines":1`), "corrections.jsonl:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := taughtPack(t, c.file, inUse); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	// What was cut short was never acknowledged, and does not keep the bot down.
	if p, err := taughtPack(t, lines(good)+`{"id":"co_2","at":"20`, 9); err != nil || len(p.Lessons) != 1 {
		t.Error(err)
	}
	// What names an intent that is gone is left out.
	if p, err := taughtPack(t, lines(`"text":"a","intent":"gone"`), 9); err != nil || len(p.Strange) != 1 {
		t.Error(err)
	}
}

func FuzzLessons(f *testing.F) {
	f.Add([]byte(lines(`"text":"a","intent":"b"`, `"version":1,"lines":1`, `"restores":0`, `"withdraws":"co_1"`)))
	f.Add([]byte(`{"id":"x"`))
	f.Add([]byte("{}\n\n[]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, whole, problems := ParseLessons("file", text)
		if whole > len(text) || whole > 0 && text[whole-1] != '\n' {
			t.Fatalf("%d of %q is whole", whole, text)
		}
		for _, p := range problems {
			if p.At.Line < 1 || p.At.Line > len(l) {
				t.Fatalf("%q: %v", text, p)
			}
		}
		if len(problems) > 0 {
			return
		}
		seen := map[string]bool{}
		for _, o := range l.Standing(len(l)) {
			if !o.Correction() {
				t.Fatalf("%q stands in %q", o.ID, text)
			}
			seen[o.ID] = true
		}
		if n := len(slices.Collect(maps.Keys(seen))); n > len(l) {
			t.Fatal(n)
		}
	})
}

func TestDraftsCountOnceAnswered(t *testing.T) {
	t.Parallel()
	files := map[string]string{"demo/pack.yaml": settings, "demo/en/texts.yaml": taughtTexts,
		"demo/en/drafts.yaml": "articles:\n- {id: bitcoin, question: Do you take bitcoin?}\n- {id: dogs, question: Are dogs allowed?, answer: On a lead.}\n"}
	p, err := Load("demo", "en", overlay(files))
	if err != nil || len(p.Articles) != 1 || p.Articles[0].ID != "dogs" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestRegressionRows(t *testing.T) {
	t.Parallel()
	own := overlay(map[string]string{"demo/pack.yaml": settings, "demo/en/regression.yaml": "order_status: |\n  has my box left\n"})
	rows, err := Regression("demo", "en", own)
	if err != nil || len(rows) == 0 || rows[len(rows)-1].Text != "has my box left" || rows[len(rows)-1].Origin != "demo/en/regression.yaml:2" {
		t.Errorf("%+v, %v", rows, err)
	}
	own["demo/en/regression.yaml"].Data = []byte("order_state: |\n  x\n")
	if _, err := Regression("demo", "en", own); err == nil || !strings.Contains(err.Error(), `demo/en/regression.yaml:1: intent "order_state" is not declared`) {
		t.Error(err)
	}
}
