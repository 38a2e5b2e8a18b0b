package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/lookup"
	"github.com/openhotline/hotline/bot/sample"
)

// engines are made once: training takes a second each.
var engines sync.Map

func engine(t testing.TB, name string) *Engine {
	t.Helper()
	f, _ := engines.LoadOrStore(name, sync.OnceValues(func() (*Engine, error) {
		actions, err := lookup.Parse("actions.yaml", sample.Actions, nil)
		if err != nil {
			return nil, err
		}
		transport, err := sample.Transport()
		if err != nil {
			return nil, err
		}
		e, err := New(Config{Pack: name, Lookup: lookup.NewClient(actions, transport)})
		if err != nil {
			return nil, err
		}
		return e, e.Warm(context.Background(), "zh") // however long a busy machine takes
	}))
	e, err := f.(func() (*Engine, error))()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// step is a text of the customer and what must come of it; empty fields are
// not looked at.
type step struct {
	say    string
	action Action
	intent string
	slots  string // "order_number=4712"
	reply  string // is in the reply
}

func run(t *testing.T, e *Engine, language string, steps []step) State {
	t.Helper()
	st := State{Language: language}
	for i, s := range steps {
		d, err := e.Turn(t.Context(), st, s.say)
		if err != nil {
			t.Fatal(err)
		}
		st = d.After
		at := fmt.Sprintf("turn %d %q: %s, intent %s (%.2f), slots %v, %v: %q", i+1, s.say, d.Action, d.Intent, d.P, st.Slots, d.Reasons, d.Reply)
		if s.action != "" && d.Action != s.action {
			t.Errorf("%s; want action %s", at, s.action)
		}
		if s.intent != "" && d.Intent != s.intent {
			t.Errorf("%s; want intent %s", at, s.intent)
		}
		if kind, value, ok := strings.Cut(s.slots, "="); ok && st.Slots[entity.Kind(kind)] != value {
			t.Errorf("%s; want %s", at, s.slots)
		}
		if !strings.Contains(d.Reply, s.reply) || d.Reply == "" || strings.Contains(d.Reply, "{") {
			t.Errorf("%s; want %q in the reply", at, s.reply)
		}
	}
	return st
}

// dialogue is what a customer says to a pack, in turn.
type dialogue struct {
	name, pack, language string
	steps                []step
}

func converse(t *testing.T, dialogues []dialogue) {
	t.Helper()
	for _, d := range dialogues {
		t.Run(d.language+" "+d.name, func(t *testing.T) {
			t.Parallel()
			run(t, engine(t, d.pack), d.language, d.steps)
		})
	}
}

func TestDialogues(t *testing.T) {
	t.Parallel()
	converse(t, []dialogue{
		{"asks for a slot and looks up", "ecommerce", "zh", []step{
			{"我的快递到哪了", Ask, "logistics_tracking", "", "订单号"},
			{"20240912138", Answer, "logistics_tracking", "order_number=20240912138", "20240912138"},
		}},
		{"never asks for what was given early", "ecommerce", "zh", []step{
			{"订单20240912138发货了没有", Answer, "order_status", "order_number=20240912138", "20240912138"},
			{"我要退货", Answer, "return_request", "", ""},
		}},
		{"takes a correction", "ecommerce", "zh", []step{
			{"查一下我的退款进度", Ask, "refund_status", "", ""},
			{"4712", Answer, "refund_status", "order_number=4712", "4712"},
			{"不对，是4713", Answer, "refund_status", "order_number=4713", "4713"},
		}},
		{"understands what leans on the topic", "ecommerce", "zh", []step{
			{"退款进度怎么查，订单号47121", Answer, "refund_status", "order_number=47121", ""},
			{"什么时候到账？", Answer, "refund_arrival_time", "", "47121"},
		}},
		{"leaves a topic and comes back", "ecommerce", "zh", []step{
			{"我要取消订单", Ask, "order_cancel", "", "订单号"},
			{"你们支持哪些付款方式", Answer, "payment_methods", "", "订单号"},
			{"4712", "", "order_cancel", "order_number=4712", ""},
		}},
		{"hands over when a person is wanted in the middle", "ecommerce", "zh", []step{
			{"我要取消订单", Ask, "order_cancel", "", ""},
			{"不想跟机器人说了，转人工", HandOver, "human_agent", "", ""},
		}},
		{"hands over after two failures", "ecommerce", "zh", []step{
			{"哇啦哇啦呱呱咕噜", NotKnown, "", "", ""},
			{"嘟嘟噜噜啪啪", HandOver, "", "", ""},
		}},
		{"offers a person to who has no number", "ecommerce", "zh", []step{
			{"我的快递到哪了", Ask, "logistics_tracking", "", ""},
			{"我没有订单号", Offer, "logistics_tracking", "", ""},
			{"好的", HandOver, "affirm", "", ""},
		}},
	})
}

func TestDialoguesGoOn(t *testing.T) {
	t.Parallel()
	converse(t, []dialogue{
		{"says it again", "ecommerce", "zh", []step{
			{"你们支持哪些付款方式", Answer, "payment_methods", "", ""},
			{"再说一遍", SmallTalk, "repeat", "", ""},
		}},
		{"greets and says goodbye", "ecommerce", "zh", []step{
			{"你好", SmallTalk, "greeting", "", ""}, {"谢谢", SmallTalk, "thanks", "", ""}, {"再见", Close, "goodbye", "", ""},
		}},
		{"stays with the topic when little is said", "telecom", "zh", []step{
			{"话费怎么这么贵", Ask, "bill_inquiry", "", ""},
			{"幺三八零零幺三八零零一", Answer, "bill_inquiry", "phone=13800138001", "13800138001"},
			{"上个月呢", "", "bill_inquiry", "", ""},
			{"我没开过这个，退钱", Answer, "bill_dispute", "phone=13800138001", ""},
		}},
		{"answers what it costs in the topic", "telecom", "zh", []step{
			{"我想装宽带", Ask, "broadband_install", "", "地址"},
			{"广州市天河区体育西路101号", Answer, "broadband_install", "address=广州市天河区体育西路101号", "体育西路101号"},
			{"多少钱一年", Answer, "broadband_install", "", "720"},
		}},
		{"does not offer what has nothing to do with the topic", "telecom", "zh", []step{
			{"充了100没到账", Ask, "top_up_problem", "amount=100", ""},
			{"13900139001", Answer, "top_up_problem", "phone=13900139001", ""},
			{"都两个小时了", Offer, "top_up_problem", "", ""},
			{"再不到我投诉了", HandOver, "complaint", "", ""},
		}},
		{"takes a number that looks like a date", "ecommerce", "zh", []step{
			{"我前天买的那个空气炸锅怎么还不发货啊", Ask, "order_status", "product=空气炸锅", ""},
			{"单号我找找 20250312", Answer, "order_status", "order_number=20250312", "20250312"},
			{"那大概几天能到", Answer, "delivery_time", "", ""},
		}},
		{"takes the whole number rather than its end", "ecommerce", "zh", []step{
			{"昨天到的杯子碎了一个!!", Ask, "damaged_item", "product=杯子", ""},
			{"订单尾号4471 全的是88120734471", Answer, "damaged_item", "order_number=88120734471", ""},
			{"那退的话多久到账", Answer, "refund_arrival_time", "", "88120734471"},
		}},
		{"changes address, name and telephone in turn", "ecommerce", "zh", []step{
			{"我想改个地址", Ask, "address_change", "", ""},
			{"88120734", Ask, "address_change", "order_number=88120734", ""},
			{"成都市武侯区科华北路65号3栋2单元501", Answer, "address_change", "address=成都市武侯区科华北路65号3栋2单元501", ""},
			{"对了名字也改一下，收件人换成王小明，电话幺三八零零幺三八零零零", Answer, "address_change", "name=王小明", ""},
			{"哦错了 电话是13900139000", Answer, "address_change", "phone=13900139000", "13900139000"},
		}},
		{"answers the empty and the endless", "ecommerce", "zh", []step{
			{"", Unreadable, "", "", ""}, {"😀😀", HandOver, "", "", ""}, {strings.Repeat("我要退货。", 1000), Unreadable, "", "", ""},
		}},
	})
}

// Who is handed over comes with everything that is known.
func TestPacket(t *testing.T) {
	t.Parallel()
	e := engine(t, "ecommerce")
	st := run(t, e, "zh", []step{{say: "订单20240912138的退款怎么还没到"}})
	d, err := e.Turn(t.Context(), st, "你们太差劲了，气死我了，转人工")
	if err != nil {
		t.Fatal(err)
	}
	p := d.Packet
	if p == nil || p.Group != "aftersale" && p.Group != "payment" || p.Slots[entity.OrderNumber] != "20240912138" || p.Mood.Name != "angry" ||
		p.Priority < 2 || !strings.Contains(p.Summary, "20240912138") || p.Reason != "human_wanted" {
		t.Errorf("%+v", p)
	}
	if !d.After.HandedOver {
		t.Error("the state does not tell that a person was asked for")
	}
}

// A customer who hangs up while the language is made ready does not keep others
// from it; closing ends what is being made.
func TestLoadingBelongsToTheEngine(t *testing.T) {
	t.Parallel()
	e, err := New(Config{Pack: "retail"})
	if err != nil {
		t.Fatal(err)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := e.Turn(gone, State{Language: "zh"}, "你好"); !errors.Is(err, context.Canceled) {
		t.Errorf("who hung up gets %v", err)
	}
	e.mu.Lock()
	l := e.brains["zh"]
	e.mu.Unlock()
	if l == nil {
		t.Fatal("the loading ended with who began it")
	}
	e.Close()
	if _, err := l.wait(t.Context()); err == nil {
		t.Error("loaded though it was closed at once")
	}
	if err := e.Warm(t.Context(), "zh"); !errors.Is(err, ErrNotReady) {
		t.Errorf("a closed engine gives %v", err)
	}
	e.Close()
}

// broken is a look-up that fails in a way of its own.
type broken func(ctx context.Context) (map[string]string, error)

func (b broken) Do(ctx context.Context, _, _ string, _ map[entity.Kind]string) (map[string]string, error) {
	return b(ctx)
}

func TestLookUpThatFails(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]broken{
		"error":        func(context.Context) (map[string]string, error) { return nil, errors.New("away") },
		"empty answer": func(context.Context) (map[string]string, error) { return nil, nil },
		"time runs out": func(ctx context.Context) (map[string]string, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trained := engine(t, "ecommerce")
			e := &Engine{cfg: trained.cfg, brains: trained.brains} // its own look-up, the same models
			e.cfg.Lookup = l
			run(t, e, "zh", []step{
				{"我的快递到哪了，订单号20240912138", HandOver, "", "", "转"},
			})
		})
	}
}

// Whatever is said, there is a reply, the state stays small, and a person is
// never further away than two failures.
func FuzzTurn(f *testing.F) {
	for _, s := range []string{"", "你好", "4712", "<script>alert(1)</script>", "'; DROP TABLE orders; --", "\x00\xff\xfe", "👍👎🙃", strings.Repeat("a", 5000), "１２３４５", "Привет мир", "{{.}} {order_number}"} {
		f.Add(s, "4712")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		e := engine(t, "ecommerce")
		st := State{Language: "zh"}
		for _, text := range []string{one, "我要查订单", two, one} {
			d, err := e.Turn(t.Context(), st, text)
			if err != nil {
				t.Fatal(err)
			}
			if d.Reply == "" || !utf8.ValidString(d.Reply) || d.Action == "" || len(d.Reasons) == 0 {
				t.Fatalf("%q: %+v", text, d)
			}
			if (d.Action == HandOver) != (d.Packet != nil) || d.After.Failures >= patience {
				t.Fatalf("%q: %+v", text, d)
			}
			st = d.After
		}
		if len(st.Waiting) > 3 || len(st.Slots) > len(entity.Kinds) {
			t.Fatalf("%+v", st)
		}
	})
}

func BenchmarkTurn(b *testing.B) {
	e := engine(b, "ecommerce")
	if err := e.Warm(b.Context(), "zh"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Turn(b.Context(), State{Language: "zh"}, "你好，我上周五买的耳机订单20240912138怎么还没到，都三天了"); err != nil {
			b.Fatal(err)
		}
	}
}
