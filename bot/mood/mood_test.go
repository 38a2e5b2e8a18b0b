package mood

import (
	"context"
	"testing"

	"github.com/openhotline/hotline/bot/nlu"
)

func train(ctx context.Context, examples []nlu.Example) (*nlu.Model, error) {
	return nlu.Train(ctx, examples, nlu.Config{})
}

func TestRead(t *testing.T) {
	t.Parallel()
	j, err := New(t.Context(), "zh", []string{"你好", "在吗"}, train)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, want string
		rude       bool
	}{
		{"你好", "neutral", false}, {"我的快递到哪了", "neutral", false}, {"你们这什么破服务，气死我了", "angry", false},
		{"你个傻逼", "angry", true}, {"太好了谢谢你", "positive", false},
	} {
		if m := j.Read(c.text); m.Name != c.want || m.Rude != c.rude {
			t.Errorf("%q: %+v, want %s, rude %v", c.text, m, c.want, c.rude)
		}
	}
	for text, want := range map[string]bool{
		"人工": true, "转人工！": true, "人工费多少钱": false, "我的订单到哪了": false,
		"不用转人工": false, "刚人工客服帮我弄好了,拜拜": false,
	} {
		if j.WantsHuman(text) != want {
			t.Errorf("%q wants a person: %v", text, !want)
		}
	}
}
