package nlu

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// desk is a small set of examples in three languages.
func desk() []Example {
	rows := map[string]string{
		"refund":       "give me my money back\nI want a refund\nrefund my order please\nwhere is my refund\nmy money is not back yet\n退款什么时候到\n我要退钱\n钱还没退给我\n返金してください\n返金はいつですか",
		"tracking":     "where is my parcel\ntrack my package\nmy parcel is late\nhas it been shipped\nwhen does the parcel arrive\n快递到哪了\n我的包裹在哪\n物流不动了\n荷物はどこですか\n荷物がまだ届きません",
		"human":        "let me talk to an agent\nI want a human\nreal person please\nconnect me to someone\nagent now\n转人工\n我要人工客服\n找真人\nオペレーターにつないで\n人と話したい",
		"out_of_scope": "what is the weather\ntell me a joke\nwho won the match\n今天天气怎么样\n讲个笑话\n明日の天気は",
	}
	var out []Example
	for label, texts := range rows {
		for _, t := range strings.Split(texts, "\n") {
			out = append(out, Example{Text: t, Label: label})
		}
	}
	return out
}

// deskModel is trained once for all tests that only read it.
var deskModel = sync.OnceValues(func() (*Model, error) {
	return Train(context.Background(), desk(), Config{Concepts: deskConcepts()})
})

func deskConcepts() *Concepts {
	return NewConcepts(map[string][]string{"parcel": {"parcel*", "包裹", "荷物"}})
}

func desktop(t testing.TB) *Model {
	t.Helper()
	m, err := deskModel()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func trained(t testing.TB, examples []Example, cfg Config) *Model {
	t.Helper()
	m, err := Train(t.Context(), examples, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrainedModelKnowsItsExamples(t *testing.T) {
	t.Parallel()
	m := desktop(t)
	for _, e := range desk() {
		r := m.Classify(e.Text)
		if e.Label != "out_of_scope" && r.Label != e.Label {
			t.Errorf("%q is %s, want %s", e.Text, r.Label, e.Label)
		}
		if r.Top[0].Label != r.Label || r.Top[0].P != r.P || r.Top[0].P < r.Top[1].P || r.P <= 0 || r.P > 1 || r.Scope < 0 || r.Scope > 1 {
			t.Errorf("%q gives %+v", e.Text, r)
		}
	}
	sum := 0.0
	for _, p := range m.Scores("where is my parcel", nil) {
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("scores add up to %v", sum)
	}
}

func TestTrainRefusesTooLittle(t *testing.T) {
	t.Parallel()
	for _, examples := range [][]Example{nil, {{Text: "a", Label: "x"}}, {{Text: "a", Label: "x"}, {Text: " ", Label: "y"}}, {{Text: "a", Label: "x"}, {Text: "b", Label: "out_of_scope"}}} {
		if _, err := Train(t.Context(), examples, Config{}); !errors.Is(err, ErrTooFew) {
			t.Errorf("%v: error is %v", examples, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Train(ctx, desk(), Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped training gives %v", err)
	}
}

func TestOddTextsAreDecided(t *testing.T) {
	t.Parallel()
	m := desktop(t)
	for name, text := range map[string]string{
		"nothing": "", "spaces": " \t\n", "emoji": "😀😀", "control": "\x00\x01\x02", "signs": "!!! --- ...",
	} {
		if r := m.Classify(text); r.Decision != Reject {
			t.Errorf("%s: %+v is not rejected", name, r)
		}
	}
	for name, text := range map[string]string{
		"long": strings.Repeat("where is my parcel ", 6000), "invalid": "parcel \xff\xfe where", "HTML": "<b>where</b> is my parcel<script>",
		"SQL": "'; DROP TABLE parcels; --", "digits": "4711 0815 42", "mixed": "我的 parcel はどこ",
	} {
		if r := m.Classify(text); r.Label == "" || math.IsNaN(r.P) {
			t.Errorf("%s gives %+v", name, r)
		}
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	m := desktop(t)
	for _, text := range []string{"where on earth is my parcel, please tell me", "我的包裹到底在哪里", "荷物はどこですか"} {
		q := m.query()
		m.classify(q, text)
		if n := testing.AllocsPerRun(200, func() { m.classify(q, text) }); n != 0 {
			t.Errorf("%q allocates %v times, want 0", text, n)
		}
	}
}

func TestConceptsCarryOverToUnknownWords(t *testing.T) {
	t.Parallel()
	c := NewConcepts(map[string][]string{
		"parcel": {"parcel", "package", "consignment", "快递", "包裹", "货物"},
		"money":  {"money", "cash", "refund*"},
	})
	m := trained(t, desk(), Config{Concepts: c})
	if r := m.Classify("whereabouts of consignment"); r.Label != "tracking" {
		t.Errorf("an unknown word of a known concept is %+v", r)
	}
}

func TestConceptsFindTerms(t *testing.T) {
	t.Parallel()
	c := NewConcepts(map[string][]string{
		"refund": {"refund*", "money back", "退款", "e-mail"},
		"back":   {"back"},
		"card":   {"卡", "银行卡"},
	})
	names := map[hash]string{hashString("refund"): "refund", hashString("back"): "back", hashString("card"): "card"}
	tests := []struct{ text, want string }{
		{"I want my MONEY  BACK", "refund back"},
		{"refunding", "refund"},
		{"unrefunded", ""},
		{"backs", ""},
		{"my e mail", "refund"},
		{"退款到银行卡", "refund card card"},
		{"用卡pay back", "card back"},
	}
	for _, tt := range tests {
		runes := appendNormal(nil, tt.text)
		var got []string
		for _, h := range c.find(nil, runes, appendTokens(nil, runes)) {
			got = append(got, names[h])
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%q holds %q, want %q", tt.text, s, tt.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"full width", "ＡＢＣ　１２３！", "abc 123!"},
		{"half-width kana with marks", "ｶﾞｲﾄﾞﾊﾟｽ", "ガイドパス"},
		{"decomposed kana", "か\u3099", "が"},
		{"decomposed Latin", "cafe\u0301", "cafe"},
		{"apostrophes", "don't don’t", "dont dont"},
		{"control characters", "a\x00b\r\nc", "a b c"},
		{"invalid UTF-8", "a\xffb", "a b"},
		{"zero width", "a\u200bb\ufeff", "ab"},
		{"elongated", "soooooooo", "sooo"},
		{"spaces", "a    b", "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Normalize(tt.text); got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, last, want string }{
		{"where is my parcel", "", "en"},
		{"我的快递到哪了", "en", "zh"},
		{"荷物はどこですか", "zh", "ja"},
		{"返品", "ja", "ja"},
		{"返品", "", "zh"},
		{"13812345678", "zh", "zh"},
		{"", "ja", "ja"},
		{"", "", "en"},
		{"OK", "zh", "zh"},
		{"please speak English with me", "zh", "en"},
		{"iPhone 15 Pro", "ja", "ja"},
		{"ｶﾀｶﾅ", "", "ja"},
		{"😀", "zh", "zh"},
	}
	for _, tt := range tests {
		if got := Language(tt.text, tt.last); got != tt.want {
			t.Errorf("%q after %q is %q, want %q", tt.text, tt.last, got, tt.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	m := desktop(f)
	for _, e := range desk() {
		f.Add(e.Text)
	}
	f.Add("\xff\x00 Ａｶﾞ😀" + strings.Repeat("長", 5000))
	f.Fuzz(func(t *testing.T, text string) {
		r := m.Classify(text)
		if r.Label == "" || math.IsNaN(r.P) || r.P < 0 || r.P > 1 || math.IsNaN(r.Scope) || r != m.Classify(text) {
			t.Fatalf("%q gives %+v", text, r)
		}
		n := Normalize(text)
		if !utf8.ValidString(n) || utf8.RuneCountInString(n) > maxRunes {
			t.Fatalf("%q is normalised to %q", text, n)
		}
		Language(text, "zh")
	})
}
