package pack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func overlay(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const settings = `pack: demo
title: {zh-CN: 演示, en: Demo, ja: デモ}
groups:
  order: {title: {zh-CN: 订单, en: Orders, ja: ご注文}}
intents:
  order_status:
    group: order
    required: [order_number]
    optional: [phone]
    priority: 2
    action: order_status
`

func TestLoadReadsAPackWithItsPositions(t *testing.T) {
	t.Parallel()
	p, err := Load("demo", "en", overlay(map[string]string{
		"demo/pack.yaml": settings,
		"demo/en/intents.yaml": `# a comment
order_status: |
  where is my parcel
  any news: 4711?

  has it left yet
out_of_scope:
  - what is the weather
`,
		"demo/en/texts.yaml": `
intents:
  order_status:
    label: Order status
    answer: Order {order_number} is {status}.
    fallback: I cannot look now.
ask:
  order_number: What is your order number?
dialogue:
  closing:
    - Bye.
    - Goodbye.
`,
		"demo/en/faq.yaml": `
articles:
  - id: hours
    question: When are you open?
    variants: |
      opening times
      are you open on sunday
    answer: From 9 to 21.
`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	in, ok := p.Intent("order_status")
	if !ok || in.Group != "order" || in.Priority != 2 || in.Required[0] != "order_number" || in.Label != "Order status" {
		t.Fatalf("intent is %+v", in)
	}
	if len(in.Utterances) != 3 || in.Utterances[2].At != (Position{"demo/en/intents.yaml", 6}) || in.Utterances[1].Text != "any news: 4711?" {
		t.Fatalf("utterances are %+v", in.Utterances)
	}
	foreign, _ := p.Intent(OutOfScope)
	if last := foreign.Utterances[len(foreign.Utterances)-1]; last.At.Line != 8 {
		t.Fatalf("out of scope is %+v", last)
	}
	if len(p.Articles) != 1 || len(p.Articles[0].Variants) != 2 || len(p.Dialogue["closing"]) != 2 || p.Ask["order_number"] == "" {
		t.Fatalf("pack is %+v", p)
	}
	if in, ok := p.Intent("greeting"); !ok || !in.Shared {
		t.Fatalf("the shared intents are missing: %+v", in)
	}
}

func TestOverlayAddsReplacesAndRemoves(t *testing.T) {
	t.Parallel()
	base := overlay(map[string]string{
		"demo/pack.yaml":       settings + "  order_cancel: {group: order}\n",
		"demo/en/intents.yaml": "order_status: where is it\norder_cancel: stop it\n",
		"demo/en/texts.yaml":   "intents: {order_status: {label: Status, answer: Soon., fallback: Later.}, order_cancel: {label: Cancel, answer: Done.}}\nask: {order_number: Which?}\n",
		"demo/en/faq.yaml":     "articles:\n- {id: a, question: A?, answer: One.}\n- {id: b, question: B?, answer: Two.}\n",
	})
	own := overlay(map[string]string{
		"demo/pack.yaml":        "intents: {order_cancel: {remove: true}, gift_wrap: {group: order}}\n",
		"demo/en/intents.yaml":  "order_status: where the heck is it\ngift_wrap: wrap it please\n",
		"demo/en/texts.yaml":    "intents: {order_status: {answer: Tomorrow.}, gift_wrap: {label: Wrap, answer: Wrapped.}}\n",
		"demo/en/words.yaml":    "thumbs_up: aye\n",
		"demo/en/products.yaml": "products: |\n  Hotline One\n  Hotline Two\n",
		"demo/codes.yaml":       "order_number: {pattern: 'HL\\d{6}', example: HL-123456}\n",
		"demo/en/faq.yaml":      "articles:\n- {id: a, question: A?, answer: Three.}\n- {id: b, remove: true}\n- {id: c, question: C?, answer: Four.}\n",
	})
	p, err := Load("demo", "en", base, own)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := p.Intent("order_status")
	if len(in.Utterances) != 2 || in.Answer != "Tomorrow." || in.Label != "Status" || in.Required[0] != "order_number" {
		t.Fatalf("order_status is %+v", in)
	}
	if _, ok := p.Intent("order_cancel"); ok {
		t.Fatal("a removed intent is still there")
	}
	if _, ok := p.Intent("gift_wrap"); !ok {
		t.Fatal("an added intent is missing")
	}
	if len(p.Products) != 2 || p.Codes["order_number"].Example != "HL-123456" || !slices.Contains(p.Words["thumbs_up"], "aye") {
		t.Fatalf("products %v, codes %v, words %v", p.Products, p.Codes, p.Words["thumbs_up"])
	}
	if len(p.Articles) != 2 || p.Articles[0].Answer != "Three." || p.Articles[1].ID != "c" {
		t.Fatalf("articles are %+v", p.Articles)
	}
}

func TestWrongFilesAreNamedWithLineAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, text, want string }{
		{"not YAML", "demo/en/intents.yaml", "a: [1\nb: }", "demo/en/intents.yaml:"},
		{"unknown slot", "demo/pack.yaml", settings + "  x:\n    required: [order_no]\n", `demo/pack.yaml:13: there is no slot "order_no" (allowed: order_number,`},
		{"unknown group", "demo/pack.yaml", settings + "  x: {group: sales}\n", `demo/pack.yaml:12: the pack has no group "sales" (allowed: order)`},
		{"unknown key", "demo/pack.yaml", settings + "  x: {grupp: order}\n", `demo/pack.yaml:12: an intent has no key "grupp" (allowed: group, required,`},
		{"priority", "demo/pack.yaml", settings + "  x: {priority: high}\n", `demo/pack.yaml:12: priority must be a whole number (allowed: -5 to 5)`},
		{"twice", "demo/pack.yaml", settings + "  order_status: {}\n", `demo/pack.yaml:12: "order_status" comes twice, first in line 6`},
		{"name of the folder", "demo/pack.yaml", "pack: other\n", `demo/pack.yaml:1: the pack calls itself "other"`},
		{"undeclared intent", "demo/en/intents.yaml", "refund: |\n  x\n", `demo/en/intents.yaml:1: intent "refund" is not declared in pack.yaml (allowed: affirm,`},
		{"utterances of a wrong shape", "demo/en/intents.yaml", "order_status: {a: b}\n", `must be lines of text or a list, not a mapping`},
		{"placeholder", "demo/en/texts.yaml", "intents:\n  order_status:\n    answer: Your {Order No}\n", `demo/en/texts.yaml:3: {Order No} is no placeholder`},
		{"open brace", "demo/en/texts.yaml", "ask:\n  phone: 'Your {phone'\n", `demo/en/texts.yaml:2: a brace is not closed`},
		{"article without answer", "demo/en/faq.yaml", "articles:\n  - id: a\n    question: A?\n", `demo/en/faq.yaml:2: an article needs id, question and answer`},
		{"unknown wording", "demo/en/texts.yaml", "dialogue:\n  helo: Hi.\n", `demo/en/texts.yaml:2: dialogue has no key "helo" (allowed: not_understood,`},
		{"pattern", "demo/codes.yaml", "order_number:\n  pattern: 'HL['\n  example: HL1\n", `demo/codes.yaml:2: the pattern is no regular expression`},
		{"pattern and example", "demo/codes.yaml", "order_number: {pattern: 'HL\\d+', example: 4711}\n", `demo/codes.yaml:1: the example "4711" does not follow the pattern`},
		{"code of a slot that is none", "demo/codes.yaml", "\norder: {pattern: a, example: a}\n", `demo/codes.yaml:2: the codes has no key "order" (allowed: order_number,`},
		{"word list", "demo/en/words.yaml", "questions: |\n  how\n", `demo/en/words.yaml:1: the words has no key "questions" (allowed: question_start,`},
		{"no label", "demo/en/texts.yaml", "ask: {order_number: Which?}\n", `demo/pack.yaml:6: intent "order_status" has no label in en/texts.yaml`},
		{"no question", "demo/en/texts.yaml", "intents: {order_status: {label: L, answer: A., fallback: F.}}\n", `demo/pack.yaml:6: intent "order_status" asks for order_number, for which en/texts.yaml has no question`},
		{"no fallback", "demo/en/texts.yaml", "intents: {order_status: {label: L, answer: A.}}\nask: {order_number: Which?}\n", `demo/pack.yaml:6: intent "order_status" has an action but no fallback`},
		{"place that nothing fills", "demo/en/texts.yaml", "intents: {order_status: {label: L, answer: A., fallback: F.}, x: {label: L, answer: 'Your {eta}.'}}\nask: {order_number: Which?}\n", `demo/pack.yaml:12: the answer of intent "x" uses {eta}`},
		{"group without title", "demo/pack.yaml", strings.Replace(settings, "en: Orders, ", "", 1), `demo/pack.yaml:4: group "order" has no title in en`},
		{"group without intents", "demo/pack.yaml", strings.Replace(settings, "intents:", "  sales: {title: {zh-CN: 销售, en: Sales, ja: 販売}}\nintents:", 1), `demo/pack.yaml:5: no intent belongs to group "sales"`},
		{"alias", "demo/en/texts.yaml", "ask: &a {phone: x}\n", `anchors, aliases and tags`},
		{"two documents", "demo/en/texts.yaml", "ask: {}\n---\nask: {}\n", `one document`},
		{"deep", "demo/en/texts.yaml", strings.Repeat("[", 500), `nested deeper`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"demo/pack.yaml": settings}
			if strings.Contains(tt.want, `"x" uses`) {
				files["demo/pack.yaml"] += "  x: {group: order}\n"
			}
			files[tt.file] = tt.text
			_, err := Load("demo", "en", overlay(files))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error is %v, want problems", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	if _, err := Load("demo", "fr"); err == nil || !strings.Contains(err.Error(), "zh, en, ja") {
		t.Errorf("language: %v", err)
	}
	if _, err := Load("bank", "en", overlay(map[string]string{"demo/pack.yaml": settings})); err == nil || !strings.Contains(err.Error(), "demo") {
		t.Errorf("pack: %v", err)
	}
}

// Every embedded pack must load in every language.
func TestEmbeddedPacksLoad(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		for _, language := range Languages {
			p, err := Load(name, language)
			if err != nil {
				t.Errorf("%s in %s:\n%v", name, language, err)
				continue
			}
			rows, err := Regression(name, language)
			if err != nil {
				t.Errorf("%s in %s:\n%v", name, language, err)
			}
			kept := map[string]bool{}
			for _, r := range rows {
				kept[r.Label] = true
			}
			for _, in := range p.Intents {
				if !kept[in.ID] {
					t.Errorf("%s in %s: no text must keep the intent %s", name, language, in.ID)
				}
			}
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte(settings), uint8(0))
	f.Add([]byte("order_status: |\n  a\n  b\n"), uint8(1))
	f.Add([]byte("ask: {phone: 'x'}\n"), uint8(2))
	f.Add([]byte("articles:\n- {id: a, question: A?, answer: One.}\n"), uint8(3))
	names := []string{"demo/pack.yaml", "demo/en/intents.yaml", "demo/en/texts.yaml", "demo/en/faq.yaml"}
	f.Fuzz(func(t *testing.T, text []byte, which uint8) {
		files := overlay(map[string]string{"demo/pack.yaml": settings})
		files[names[int(which)%len(names)]] = &fstest.MapFile{Data: text}
		p, err := Load("demo", "en", files)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 || problems[0].At.File == "" || problems[0].At.Line < 1 {
				t.Fatalf("%q gives an error without a place: %v", text, err)
			}
			return
		}
		for _, in := range p.Intents {
			for _, u := range in.Utterances {
				if strings.TrimSpace(u.Text) == "" || u.At.Line < 1 {
					t.Fatalf("%q gives the utterance %+v", text, u)
				}
			}
		}
	})
}
