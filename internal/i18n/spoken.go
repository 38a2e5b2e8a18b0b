package i18n

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The functions here write values as they are spoken: Chinese in characters,
// English and Japanese so that their engines read them well. What is not of the
// expected form comes back as it is.

// Digits writes a string of keys one by one: an order number, a telephone number.
func Digits(lang, s string) string {
	var names []string
	for _, r := range s {
		switch {
		case r < '0' || r > '9':
			continue
		case Match(lang) == "zh-CN":
			names = append(names, hanDigits[r-'0'])
		case Match(lang) == "ja":
			names = append(names, kanaDigits[r-'0'])
		default:
			names = append(names, string(r))
		}
	}
	switch Match(lang) {
	case "zh-CN":
		return strings.Join(names, " ")
	case "ja":
		return strings.Join(names, "、")
	}
	return strings.Join(names, ", ")
}

var (
	hanDigits  = []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	kanaDigits = []string{"ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう"}
)

// Number writes a number: 1234.5 is 一千二百三十四点五 in Chinese.
func Number(lang, s string) string {
	s = strings.TrimSpace(s)
	if _, err := strconv.ParseFloat(s, 64); err != nil || strings.ContainsAny(s, "eExXnN_") {
		return s
	}
	if Match(lang) != "zh-CN" {
		return s
	}
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "负", rest
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil && whole != "" {
		return s
	}
	out := sign + han(n)
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		out += "点"
		for _, r := range fraction {
			out += hanDigits[r-'0']
		}
	}
	return out
}

// han writes a whole number from 0 in Chinese characters.
func han(n int64) string {
	if n == 0 {
		return "零"
	}
	var out string
	for i, unit := range []string{"", "万", "亿", "万亿", "亿亿"} {
		group := n % 10_000
		n /= 10_000
		if group > 0 {
			text := hanGroup(int(group)) + unit
			if n > 0 && group < 1000 {
				text = "零" + text
			}
			out = text + out
		}
		if n == 0 || i == 4 {
			break
		}
	}
	out = strings.TrimSuffix(out, "零")
	if strings.HasPrefix(out, "一十") {
		out = strings.TrimPrefix(out, "一")
	}
	return out
}

// hanGroup writes 1 to 9999.
func hanGroup(n int) string {
	var out string
	zero := false
	for _, u := range []struct {
		value int
		name  string
	}{{1000, "千"}, {100, "百"}, {10, "十"}, {1, ""}} {
		d := n / u.value % 10
		switch {
		case d > 0:
			if zero && out != "" {
				out += "零"
			}
			out, zero = out+hanDigits[d]+u.name, false
		default:
			zero = true
		}
	}
	return out
}

// counted writes a number before a measure word: 两 instead of 二.
func counted(n int64) string {
	if n == 2 {
		return "两"
	}
	return han(n)
}

// currencies name the units that are spoken, by ISO 4217 code and language:
// unit, hundredth (empty: none is spoken).
var currencies = map[string]map[string][2]string{
	"CNY": {"en": {"yuan", "fen"}, "ja": {"人民元", ""}},
	"JPY": {"zh-CN": {"日元", ""}, "en": {"yen", ""}, "ja": {"円", ""}},
	"USD": {"zh-CN": {"美元", "美分"}, "en": {"dollars", "cents"}, "ja": {"ドル", "セント"}},
	"EUR": {"zh-CN": {"欧元", "欧分"}, "en": {"euros", "cents"}, "ja": {"ユーロ", "セント"}},
	"HKD": {"zh-CN": {"港元", ""}, "en": {"Hong Kong dollars", "cents"}, "ja": {"香港ドル", "セント"}},
	"GBP": {"zh-CN": {"英镑", "便士"}, "en": {"pounds", "pence"}, "ja": {"ポンド", "ペンス"}},
}

// Money writes an amount in units (12.50) of a currency; empty means CNY.
func Money(lang, amount, currency string) string {
	if currency == "" {
		currency = "CNY"
	}
	whole, cents, ok := parseMoney(amount)
	if !ok {
		return amount
	}
	lang = Match(lang)
	if currency == "CNY" && lang == "zh-CN" {
		return yuan(whole, cents)
	}
	units, ok := currencies[currency][lang]
	if !ok {
		return Number(lang, amount) + " " + currency
	}
	n := strconv.FormatInt(whole, 10)
	space := " "
	if lang == "zh-CN" {
		n, space = counted(whole), ""
	}
	if lang == "ja" {
		space = ""
	}
	out := n + space + units[0]
	switch {
	case cents == 0:
	case units[1] == "":
		out = Number(lang, amount) + space + units[0]
	case lang == "en":
		out += fmt.Sprintf(" and %d %s", cents, units[1])
	case lang == "zh-CN":
		out += counted(cents) + units[1]
	default:
		out += fmt.Sprintf("%d%s", cents, units[1])
	}
	return out
}

// parseMoney reads 12, 12.5 and 12.50.
func parseMoney(s string) (whole, cents int64, ok bool) {
	a, b, _ := strings.Cut(strings.TrimSpace(s), ".")
	whole, err := strconv.ParseInt(a, 10, 64)
	if err != nil || whole < 0 || len(b) > 2 && strings.Trim(b[2:], "0") != "" {
		return 0, 0, false
	}
	b = (b + "00")[:2]
	cents, err = strconv.ParseInt(b, 10, 64)
	return whole, cents, err == nil && cents >= 0
}

// yuan writes 12.05 as 十二元零五分.
func yuan(whole, cents int64) string {
	jiao, fen := cents/10, cents%10
	out := ""
	if whole > 0 || cents == 0 {
		out = counted(whole) + "元"
	}
	switch {
	case jiao > 0:
		out += counted(jiao) + "角"
	case fen > 0 && whole > 0:
		out += "零"
	}
	if fen > 0 {
		out += counted(fen) + "分"
	}
	return out
}

// Date writes 2026-11-23 (or RFC 3339).
func Date(lang, s string) string {
	t, ok := parseTime(s, time.DateOnly)
	if !ok {
		return s
	}
	switch Match(lang) {
	case "zh-CN":
		year := ""
		for _, r := range strconv.Itoa(t.Year()) {
			year += hanDigits[r-'0']
		}
		return year + "年" + han(int64(t.Month())) + "月" + han(int64(t.Day())) + "日"
	case "ja":
		return fmt.Sprintf("%d年%d月%d日", t.Year(), t.Month(), t.Day())
	}
	return t.Format("January 2, 2006")
}

// Time writes 15:04 (or RFC 3339).
func Time(lang, s string) string {
	t, ok := parseTime(s, "15:04")
	if !ok {
		return s
	}
	hour, minute := t.Hour()%12, t.Minute()
	if hour == 0 && t.Hour() == 12 {
		hour = 12
	}
	switch Match(lang) {
	case "zh-CN":
		half := []string{"上午", "下午"}[t.Hour()/12]
		switch {
		case minute == 0:
			return half + counted(int64(hour)) + "点"
		case minute < 10:
			return half + counted(int64(hour)) + "点零" + han(int64(minute)) + "分"
		}
		return half + counted(int64(hour)) + "点" + han(int64(minute)) + "分"
	case "ja":
		half := []string{"午前", "午後"}[t.Hour()/12]
		if minute == 0 {
			return fmt.Sprintf("%s%d時", half, hour%12)
		}
		return fmt.Sprintf("%s%d時%d分", half, hour%12, minute)
	}
	return t.Format("3:04 PM")
}

func parseTime(s, layout string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, l := range []string{layout, time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(l, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Duration writes seconds (90) or a duration (1m30s).
func Duration(lang, s string) string {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || f < 0 || f > 1e9 {
			return s
		}
		d = time.Duration(f * float64(time.Second))
	}
	total := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for _, u := range []struct {
		n          int64
		zh, en, ja string
	}{{total / 3600, "小时", "hour", "時間"}, {total / 60 % 60, "分钟", "minute", "分"}, {total % 60, "秒", "second", "秒"}} {
		if u.n == 0 && (u.zh != "秒" || len(parts) > 0) {
			continue
		}
		switch Match(lang) {
		case "zh-CN":
			parts = append(parts, counted(u.n)+u.zh)
		case "ja":
			parts = append(parts, fmt.Sprintf("%d%s", u.n, u.ja))
		default:
			parts = append(parts, fmt.Sprintf("%d %s%s", u.n, u.en, plural(u.n)))
		}
	}
	if Match(lang) == "en" {
		return strings.Join(parts, " ")
	}
	return strings.Join(parts, "")
}

func plural(n int64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// Wait writes an expected wait for callers, in whole minutes, rounded up.
func Wait(lang string, d time.Duration) string {
	minutes := int64((d + time.Minute - 1) / time.Minute)
	switch {
	case d < time.Minute:
		return T(lang, "spoken.under_a_minute", nil)
	case minutes > 60:
		return T(lang, "spoken.over_an_hour", nil)
	}
	return Duration(lang, fmt.Sprintf("%dm", minutes))
}

// Patterns of values in running text.
var (
	dateInText   = regexp.MustCompile(`\b(\d{4})-(\d{2})-(\d{2})\b`)
	timeInText   = regexp.MustCompile(`\b(\d{1,2}):(\d{2})\b`)
	moneyInText  = regexp.MustCompile(`[¥￥]\s?(\d+(?:\.\d{1,2})?)|(\d+\.\d{2})\s?元`)
	shareInText  = regexp.MustCompile(`(\d+(?:\.\d+)?)\s?[%％]`)
	yearInText   = regexp.MustCompile(`(\d{4})年`)
	twoInText    = regexp.MustCompile(`(^|[^\d.第])2\s*(分钟|小时|个|位|元|天|次|件|点|秒|种|条)`)
	numberInText = regexp.MustCompile(`\d+(?:\.\d+)?`)
)

// SpellOut writes the numbers, dates, times and amounts of a Chinese text in
// characters, for engines that do not; other languages come back as they are.
// Numbers of seven digits and more, and those with a leading zero, are read
// digit by digit: they are telephone and order numbers.
func SpellOut(lang, text string) string {
	if Match(lang) != "zh-CN" || !strings.ContainsAny(text, "0123456789") {
		return text
	}
	text = dateInText.ReplaceAllStringFunc(text, func(s string) string { return Date(lang, s) })
	text = timeInText.ReplaceAllStringFunc(text, func(s string) string {
		if len(s) == 4 {
			s = "0" + s
		}
		return Time(lang, s)
	})
	text = moneyInText.ReplaceAllStringFunc(text, func(s string) string {
		return Money(lang, strings.TrimSpace(strings.Trim(s, "¥￥元 ")), "CNY")
	})
	text = shareInText.ReplaceAllStringFunc(text, func(s string) string {
		return "百分之" + Number(lang, strings.TrimSpace(strings.TrimRight(s, "%％ ")))
	})
	text = yearInText.ReplaceAllStringFunc(text, func(s string) string {
		return strings.ReplaceAll(Digits(lang, s), " ", "") + "年"
	})
	text = twoInText.ReplaceAllString(text, "${1}两${2}")
	return numberInText.ReplaceAllStringFunc(text, func(s string) string {
		if whole, _, _ := strings.Cut(s, "."); len(whole) >= 7 || len(whole) > 1 && whole[0] == '0' {
			return Digits(lang, s)
		}
		return Number(lang, s)
	})
}
