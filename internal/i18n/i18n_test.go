package i18n

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestEveryLanguageHasTheSameKeysAndPlaceholders(t *testing.T) {
	holes := func(text string) []string {
		found := placeholder.FindAllString(text, -1)
		slices.Sort(found)
		return found
	}
	for _, lang := range Languages {
		if len(catalogues[lang]) != len(catalogues[Default]) {
			t.Errorf("%s has %d texts, %s %d", lang, len(catalogues[lang]), Default, len(catalogues[Default]))
		}
		for key, text := range catalogues[Default] {
			other, ok := catalogues[lang][key]
			if !ok || strings.TrimSpace(other) == "" {
				t.Errorf("%s has no text for %s", lang, key)
			}
			if !slices.Equal(holes(text), holes(other)) {
				t.Errorf("%s in %s has %v, want %v", key, lang, holes(other), holes(text))
			}
		}
	}
}

func TestT(t *testing.T) {
	if got := T("en-GB", "spoken.position", Args{"position": 3}); got != "You are number 3 in the queue." {
		t.Error(got)
	}
	if got := T("zh", "spoken.position", Args{"position": "三"}); got != "您当前排在第 三 位。" {
		t.Error(got)
	}
	if got := T("en", "no.such", nil); got != "no.such" {
		t.Error(got)
	}
	if got := Fill("{a} {b} {", Args{"a": "{b}"}); got != "{b} {b} {" {
		t.Error(got)
	}
	for tag, want := range map[string]string{"": "zh-CN", "zh-Hant-TW": "zh-CN", "EN_us": "en", "ja-JP": "ja", "fr": "zh-CN"} {
		if got := Match(tag); got != want {
			t.Errorf("%s: %s", tag, got)
		}
	}
}

func TestSpokenValues(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Number("zh", "0"), "零"}, {Number("zh", "10"), "十"}, {Number("zh", "12"), "十二"}, {Number("zh", "20"), "二十"},
		{Number("zh", "105"), "一百零五"}, {Number("zh", "110"), "一百一十"}, {Number("zh", "1005"), "一千零五"}, {Number("zh", "1050"), "一千零五十"},
		{Number("zh", "10000"), "一万"}, {Number("zh", "10005"), "一万零五"}, {Number("zh", "100500"), "十万零五百"}, {Number("zh", "12345678"), "一千二百三十四万五千六百七十八"},
		{Number("zh", "100000000"), "一亿"}, {Number("zh", "100010000"), "一亿零一万"}, {Number("zh", "-3.50"), "负三点五"}, {Number("zh", "x"), "x"},
		{Number("en", "12"), "12"},
		{Digits("zh", "138-0013"), "一 三 八 零 零 一 三"}, {Digits("ja", "10"), "いち、ゼロ"}, {Digits("en", "10"), "1, 0"},
		{Money("zh", "12.5", "CNY"), "十二元五角"}, {Money("zh", "12.05", ""), "十二元零五分"}, {Money("zh", "0.35", ""), "三角五分"}, {Money("zh", "2", ""), "两元"},
		{Money("zh", "200", "USD"), "二百美元"}, {Money("en", "12.5", "USD"), "12 dollars and 50 cents"}, {Money("ja", "1200", "JPY"), "1200円"},
		{Money("en", "1", "XXX"), "1 XXX"}, {Money("en", "a lot", "USD"), "a lot"},
		{Date("zh", "2026-11-23"), "二零二六年十一月二十三日"}, {Date("en", "2026-11-23"), "November 23, 2026"}, {Date("ja", "2026-11-23"), "2026年11月23日"}, {Date("en", "soon"), "soon"},
		{Time("zh", "14:00"), "下午两点"}, {Time("zh", "09:05"), "上午九点零五分"}, {Time("en", "15:04"), "3:04 PM"}, {Time("ja", "12:30"), "午後0時30分"}, {Time("zh", "12:00"), "下午十二点"},
		{Duration("zh", "90"), "一分钟三十秒"}, {Duration("en", "1m30s"), "1 minute 30 seconds"}, {Duration("ja", "3600"), "1時間"}, {Duration("zh", "0"), "零秒"},
		{Wait("zh", 2*time.Minute), "两分钟"}, {Wait("en", 20*time.Second), "less than a minute"}, {Wait("en", 61*time.Second), "2 minutes"}, {Wait("ja", 2*time.Hour), "一時間以上"},
		{SpellOut("zh", "请按 1，预计2分钟"), "请按 一，预计两分钟"}, {SpellOut("zh", "2026-11-23 09:30 到货"), "二零二六年十一月二十三日 上午九点三十分 到货"},
		{SpellOut("zh", "共12.50元，优惠5%"), "共十二元五角，优惠百分之五"}, {SpellOut("zh", "￥99"), "九十九元"}, {SpellOut("zh", "单号 20261123001"), "单号 二 零 二 六 一 一 二 三 零 零 一"},
		{SpellOut("zh", "第2位，12位"), "第二位，十二位"}, {SpellOut("zh", "2026年"), "二零二六年"}, {SpellOut("en", "press 1"), "press 1"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
