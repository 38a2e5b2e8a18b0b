package bot

import (
	"testing"

	"github.com/openhotline/hotline/bot/pack"
)

func TestSameness(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"Where's my PARCEL??", "wheres my parcel"}, {"订单 20240912138，到哪了？", "订单 47 到哪了"}, {"えっと、返品です。", "えっと 返品です"},
	} {
		if sameness(c[0]) != sameness(c[1]) {
			t.Errorf("%q and %q differ: %q, %q", c[0], c[1], sameness(c[0]), sameness(c[1]))
		}
	}
	if sameness("not my parcel") == sameness("my parcel") || sameness("?!") != "" {
		t.Error("too much is alike")
	}
}

// What was corrected is understood as the correction says, again and with other
// numbers; other texts as before.
func TestCorrectionsAreRemembered(t *testing.T) {
	t.Parallel()
	trained := engine(t, "ecommerce")
	b := *trained.brains["zh"].brain
	b.memory = newMemory(&pack.Pack{Lessons: pack.Lessons{
		{ID: "1", Text: "那个东西0000怎么说", Intent: "refund_status"}, {ID: "2", Text: "我的快递到哪了", Intent: pack.OutOfScope},
		{ID: "3", Text: "有没有说法", Article: b.pack.Articles[0].ID}, {ID: "4", Text: "在吗", Intent: "gone"},
	}, Strange: pack.Lessons{{ID: "4", Text: "在吗"}}})
	l := &loading{done: make(chan struct{}), brain: &b}
	close(l.done)
	e := &Engine{cfg: trained.cfg, brains: map[string]*loading{"zh": l}}
	run(t, e, "zh", []step{
		{"那个东西4711怎么说？", "", "refund_status", "", ""},
	})
	run(t, e, "zh", []step{
		{"我的快递到哪了！", NotKnown, pack.OutOfScope, "", ""},
		{"我的快递现在到哪里了", Ask, "logistics_tracking", "", ""},
	})
	run(t, e, "zh", []step{
		{"有没有说法", Answer, "", "", b.pack.Articles[0].Answer},
	})
	run(t, e, "zh", []step{
		{"在吗", SmallTalk, "greeting", "", ""},
	})
	for text, want := range map[string]string{"那个东西12怎么说": "refund_status", "我的快递到哪了": pack.OutOfScope} {
		if got, err := e.Read(t.Context(), "zh", text); err != nil || got.Intent != want {
			t.Errorf("%q means %+v, %v", text, got, err)
		}
	}
	if got, err := e.Read(t.Context(), "zh", "有没有说法"); err != nil || got.Article != b.pack.Articles[0].ID || !got.Answers {
		t.Errorf("%+v, %v", got, err)
	}
}
