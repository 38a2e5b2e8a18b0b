package ivr

import "testing"

func TestQuick(t *testing.T) {
	f, ps := Parse([]byte(`
flow: main
languages: [zh-CN, en]
start: a
human: q
nodes:
  a: {type: say, text: {zh-CN: 你好, en: hi}, next: q}
  q: {type: queue, queue: qu_sales}
`))
	for _, p := range ps {
		t.Log(p)
	}
	if f == nil {
		t.Fatal()
	}
}
