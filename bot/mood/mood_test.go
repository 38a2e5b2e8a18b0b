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
	for _, c := range []struct {
		lang, text, want string
		rude             bool
	}{
		{"zh", "你好", "neutral", false}, {"zh", "我的快递到哪了", "neutral", false}, {"zh", "你们这什么破服务，气死我了", "angry", false},
		{"zh", "你个傻逼", "angry", true}, {"zh", "太好了谢谢你", "positive", false},
	} {
		j, err := New(t.Context(), c.lang, []string{"你好", "在吗", "hello", "hi there", "こんにちは"}, train)
		if err != nil {
			t.Fatal(err)
		}
		if m := j.Read(c.text); m.Name != c.want || m.Rude != c.rude {
			t.Errorf("%q: %+v, want %s, rude %v; angry phrase %v; %+v %+v", c.text, m, c.want, c.rude, j.holds("angry", bare(c.text)), j.mood.Classify(c.text), j.rude.Classify(c.text))
		}
	}
}
