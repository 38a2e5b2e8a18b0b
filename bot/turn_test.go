package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/pack"
)

// with is the trained engine with another configuration.
func with(t *testing.T, change func(*Config)) *Engine {
	t.Helper()
	trained := engine(t, "ecommerce")
	if err := trained.Warm(t.Context(), "zh"); err != nil {
		t.Fatal(err)
	}
	e := &Engine{cfg: trained.cfg, brains: trained.brains}
	change(&e.cfg)
	return e
}

func turnOf(t *testing.T, e *Engine, st State, text string) Decision {
	t.Helper()
	d, err := e.Turn(t.Context(), st, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A card's number is nowhere in what is kept or handed on.
func TestCardNumbersAreNotKept(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	st := State{Language: "zh"}
	for _, text := range []string{"我的订单怎么还没发货", "4111 1111 1111 1111", "４１１１１１１１１１１１１１１１", "卡号4111111111111111，转人工"} {
		d := turnOf(t, e, st, text)
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, card := range []string{"4111111111111111", "4111 1111 1111 1111", "４１１１"} {
			if strings.Contains(string(raw), card) {
				t.Errorf("%q is in %s", card, raw)
			}
		}
		if d.After.Slots[entity.OrderNumber] != "" {
			t.Errorf("%q became the order number %s", text, d.After.Slots[entity.OrderNumber])
		}
		st = d.After
	}
}

// A number that the service does not know is asked for once more.
func TestNumberThatIsNotKnown(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	st := run(t, e, "zh", []step{
		{"我的快递到哪了，订单号20240000", Ask, "logistics_tracking", "order_number=", "20240000"},
		{"20240912138", Answer, "logistics_tracking", "order_number=20240912138", "20240912138"},
	})
	if st.NotFound != 0 {
		t.Error("still counts")
	}
	st = run(t, e, "zh", []step{{say: "我的快递到哪了，订单号20240000", action: Ask}})
	d := turnOf(t, e, st, "20250000")
	if d.Action != HandOver || d.Packet.Reason != "not_found" {
		t.Errorf("%s, %+v: %s", d.Action, d.Packet, d.Reply)
	}
}

func TestChoicesAreRefusedInManyWords(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	offered := State{Language: "zh", Turns: 1, Active: "order_status", Pending: Pending{Kind: PendingChoice, Choices: []Choice{
		{Intent: "order_cancel", Label: "取消订单"}, {Intent: "coupon_usage", Label: "优惠券怎么用"},
	}}}
	for text, want := range map[string]Action{
		"一个都不对": Offer, "换一个": Offer, "不是第一个": Offer, "都不是": Offer, "没有": Offer,
		"第一个": Ask, "1": Ask, "第二个": Answer, "2": Answer, "优惠券": Answer, "第2个吧": Answer,
	} {
		if d := turnOf(t, e, offered, text); d.Action != want {
			t.Errorf("%q: %s (%v), want %s", text, d.Action, d.Reasons, want)
		}
	}
}

// What was left is answered when its number was given meanwhile.
func TestWhatWasLeftIsAnswered(t *testing.T) {
	t.Parallel()
	d := turnOf(t, engine(t, "ecommerce"), State{Language: "zh", Turns: 3, Active: "order_status", Waiting: []string{"order_cancel"},
		Slots: map[entity.Kind]string{}}, "帮我查一下订单20240912138发货了没有")
	if d.Action != Answer || len(d.After.Waiting) != 0 || d.After.Active != "order_cancel" || !strings.Contains(d.Reply, "取消订单") || strings.Count(d.Reply, "20240912138") < 2 {
		t.Errorf("%s, waiting %v, active %s: %s", d.Action, d.After.Waiting, d.After.Active, d.Reply)
	}
}

// An article in between leaves the open question to its topic.
func TestArticleLeavesTheOpenQuestion(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	b, err := e.brain(t.Context(), "zh")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range b.pack.Articles {
		if a.Intent == "" || a.Intent == "order_cancel" {
			continue
		}
		turn := &turn{engine: e, brain: b, st: State{Language: "zh", Active: "order_cancel", Pending: Pending{Kind: PendingSlot, Slot: entity.OrderNumber}}}
		turn.p = make([]float64, len(b.model.Labels()))
		if !turn.answerArticle(a.ID, 0.9) || turn.st.Active != "order_cancel" || turn.st.Pending.Slot != entity.OrderNumber {
			t.Errorf("%s: active %s, pending %+v", a.ID, turn.st.Active, turn.st.Pending)
		}
		break
	}
}

// A group without a title in the language takes nobody by its name.
func TestGroupWithoutTitle(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	whole, err := e.brain(t.Context(), "zh")
	if err != nil {
		t.Fatal(err)
	}
	b, p := *whole, *whole.pack
	p.Groups = append([]pack.Group{{ID: "vip", Title: map[string]string{"en": "VIP"}}}, p.Groups...)
	b.pack = &p
	turn := &turn{engine: e, brain: &b, text: "转人工", st: State{Language: "zh", Active: "order_cancel"}, d: Decision{Intent: "human_agent"}}
	if g := turn.group(); g != "order" {
		t.Errorf("put through to %q", g)
	}
}

// States come from outside: none of them may end the process or a dialogue.
func TestStatesFromOutside(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	for name, raw := range map[string]string{
		"choice without choices": `{"pending":{"kind":"choice"}}`,
		"unknown slot":           `{"pending":{"kind":"slot","slot":"shoe_size"},"slots":{"shoe_size":"44"}}`,
		"unknown intent":         `{"active":"fly","waiting":["fly","swim","run","hop"],"pending":{"kind":"slot","slot":"order_number"}}`,
		"unknown kind":           `{"pending":{"kind":"x"}}`,
		"language":               `{"language":"tlh"}`,
		"numbers":                `{"failures":-7,"same":99,"turns":-3,"anger":1000,"not_found":-1}`,
		"choice of nothing":      `{"pending":{"kind":"choice","choices":[{"intent":"fly","label":"x"},{"article":"nowhere","label":""}]}}`,
		"long":                   `{"said":"` + strings.Repeat("啊", 9000) + `","last":"` + strings.Repeat("啊", 9000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"1", "你好", "4712", "再说一遍", "都不是"} {
				var st State
				if err := json.Unmarshal([]byte(raw), &st); err != nil {
					t.Fatal(err)
				}
				d := turnOf(t, e, st, text)
				after, err := json.Marshal(d.After)
				if err != nil || d.Reply == "" || len(after) > 40_000 || len(d.After.Said) > longestKept || d.After.Slots["shoe_size"] != "" || d.After.Active == "fly" {
					t.Errorf("%q: %v %s %.300s", text, err, d.Reply, after)
				}
			}
		})
	}
}

// gathered keeps what it is told.
type gathered struct {
	mu   sync.Mutex
	gaps []Gap
}

func (g *gathered) Add(gap Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gaps = append(g.gaps, gap)
}

func TestGapsAreTold(t *testing.T) {
	t.Parallel()
	g := &gathered{}
	e := with(t, func(c *Config) { c.Gaps = g })
	run(t, e, "zh", []step{{say: "哇啦哇啦呱呱咕噜 13800138000", action: NotKnown}, {say: "嘟嘟噜噜啪啪", action: HandOver}})
	run(t, e, "zh", []step{{say: "你们支持哪些付款方式", action: Answer}, {say: "转人工", action: HandOver}})
	if len(g.gaps) != 3 {
		t.Fatalf("%+v", g.gaps)
	}
	for i, want := range []Gap{{Reason: "not_understood"}, {Reason: "failed_twice", Text: "嘟嘟噜噜啪啪"}, {Reason: "human_wanted", Text: "你们支持哪些付款方式", Intent: "payment_methods"}} {
		got := g.gaps[i]
		if got.Reason != want.Reason || want.Text != "" && got.Text != want.Text || want.Intent != "" && got.Intent != want.Intent || strings.Contains(got.Text, "138001") || got.Pack != "ecommerce" || got.Language != "zh" {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
}

// denied is an error with a text of its own.
type denied struct{}

func (denied) Error() string    { return "denied" }
func (denied) Fallback() string { return "系统升级中，我转给同事。" }

func TestErrorsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	e := with(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Lookup = broken(func(context.Context) (map[string]string, error) { return nil, denied{} })
	})
	run(t, e, "zh", []step{{"我的快递到哪了，订单号20240912138", HandOver, "", "", "系统升级中"}})
	if s := log.String(); !strings.Contains(s, "look-up failed") || !strings.Contains(s, "denied") || strings.Contains(s, "20240912138") {
		t.Errorf("log: %q", s)
	}
}

func TestUrgencyRaisesThePriority(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	calm, urgent := turnOf(t, e, State{Language: "zh"}, "转人工"), turnOf(t, e, State{Language: "zh"}, "十万火急，转人工")
	if calm.Packet == nil || urgent.Packet == nil || urgent.Packet.Priority <= calm.Packet.Priority {
		t.Errorf("%+v, %+v", calm.Packet, urgent.Packet)
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	asks := map[string]map[string]bool{
		"zh": {"多久能退": true, "可以退吗": true, "能不能换": true, "怎么退货": true, "几天能到": true, "能退么": true, "有没有货": true,
			"可能坏了": false, "我几天前买的坏了": false, "智能手表坏了": false, "帮我退货": false, "我要取消订单": false},
		"en": {"how do I return it": true, "is it open": true, "can you change it?": true, "hi, where is it": true, "I wonder, what is the fee": true, "tell me about returns": true,
			"my card is lost": false, "I want a refund": false, "the lamp is broken": false, "please cancel it": false, "I do want it cancelled": false},
		"ja": {"返品できますか": true, "いくらですか。": true, "どうやって返品するの": true, "送料を教えて": true, "いつ届くかな": true,
			"昨日から届きません": false, "かばんが壊れました": false, "一つしか届いていません": false, "キャンセルしたいです": false, "返品をお願いできますか": false},
	}
	for language, texts := range asks {
		p, err := pack.Load("ecommerce", language)
		if err != nil {
			t.Fatal(err)
		}
		w := newWords(p)
		for text, want := range texts {
			if w.question(text) != want {
				t.Errorf("%s %q: a question is %v", language, text, !want)
			}
		}
	}
}

func TestWithoutIt(t *testing.T) {
	t.Parallel()
	texts := map[string]map[string]bool{
		"zh": {"没有": true, "我没有订单号": true, "忘了": true, "订单号找不到了": true, "还没有收到货": false, "没有收到": false, "4712": false},
		"en": {"I don't have it": true, "no idea": true, "can't find it": true, "it hasn't arrived": false, "I have no signal": false},
		"ja": {"わかりません": true, "番号を忘れました": true, "ありません": true, "まだ届いていません": false},
	}
	for language, list := range texts {
		p, err := pack.Load("ecommerce", language)
		if err != nil {
			t.Fatal(err)
		}
		w := newWords(p)
		for text, want := range list {
			if w.withoutIt(text) != want {
				t.Errorf("%s %q: without it is %v", language, text, !want)
			}
		}
	}
}

// An article that is near by its words, but whose intent the model excludes, is
// offered at most.
func TestArticleOfAnExcludedIntent(t *testing.T) {
	t.Parallel()
	if raced { // a further training would show nothing more
		t.Skip("trains another language")
	}
	const text = "broadband's down again"
	e := engine(t, "telecom")
	d := turnOf(t, e, State{Language: "en"}, text)
	b, err := e.brain(t.Context(), "en")
	if err != nil {
		t.Fatal(err)
	}
	_, upper := b.faq.Thresholds()
	if hit := b.faq.Search(text, 1)[0]; hit.P < upper || hit.Article.Intent == "broadband_fault" {
		t.Fatalf("%s of %s has %.2f: another text is needed", hit.Article.ID, hit.Article.Intent, hit.P)
	}
	if d.Action != Choices || !strings.Contains(d.Reply, "Broadband fault") {
		t.Errorf("%s, %v: %q; want choices with the fault", d.Action, d.Reasons, d.Reply)
	}
}
