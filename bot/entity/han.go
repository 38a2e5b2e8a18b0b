package entity

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

var hanDigits = map[rune]int{'零': 0, '〇': 0, '一': 1, '二': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9,
	'幺': 1, '两': 2, '壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9}

// radioDigits are digits of Chinese radio speech, read as such between others.
var radioDigits = map[rune]int{'洞': 0, '拐': 7, '勾': 9}

var hanScales = map[rune]int{'十': 10, '百': 100, '千': 1000, '万': 10_000, '亿': 100_000_000, '億': 100_000_000}

// units are what makes even a single Han digit a number.
const units = "元块圆円月日号點点分毛角美"

type hanRune struct {
	from, to int
	r        rune
}

// hanNumbers replaces numbers in Han characters: digit by digit in codes and
// telephone numbers, as cardinals where scales or units are with them.
func hanNumbers(v view, japanese bool) view {
	var changes []change
	var run []hanRune
	flush := func(next rune) {
		if len(run) > 0 {
			before, _ := utf8.DecodeLastRuneInString(v.s[:run[0].from])
			if before == '块' || before == '元' {
				next = before // 三块五
			}
			if before != '.' {
				changes = append(changes, readHan(run, next)...)
			}
		}
		run = run[:0]
	}
	gap := 0
	for i, r := range v.s {
		_, digit := hanDigits[r]
		_, scale := hanScales[r]
		_, radio := radioDigits[r]
		ascii := r >= '0' && r <= '9'
		switch {
		case digit || scale || ascii || radio && len(run) > 0 && !japanese:
			run = append(run, hanRune{i, i + utf8.RuneLen(r), r})
			gap = 0
		case len(run) > 0 && gap == 0 && (r == ' ' || japanese && r == 'の'):
			gap = 1
		default:
			flush(r)
			gap = 0
		}
	}
	flush(0)
	return v.with(changes)
}

// readHan reads one run; next is the character behind it.
func readHan(run []hanRune, next rune) []change {
	han, scales, ascii := 0, 0, 0
	for _, h := range run {
		switch {
		case hanScales[h.r] > 0:
			scales++
		case h.r >= '0' && h.r <= '9':
			ascii++
		default:
			han++
		}
	}
	counted := next != 0 && strings.ContainsRune(units, next)
	switch {
	case han+scales == 0:
		return nil
	case scales > 0:
		return hanCardinal(run, counted, han+ascii)
	case han+ascii < 3 && !counted:
		return nil
	}
	var out []change
	end := -1
	for _, h := range run {
		from := h.from
		if end >= 0 && ascii+han >= 3 {
			from = end
		}
		d, ok := hanDigits[h.r]
		if !ok {
			d, ok = radioDigits[h.r]
		}
		text := string(h.r)
		if ok {
			text = strconv.Itoa(d)
		}
		out = append(out, change{from, h.to, text})
		end = h.to
	}
	return out
}

// hanCardinal reads 一千二百三十 as 1230, 三百五 as 350, 1万2 as 12000. A scale
// without a digit (千万别) or a lone 十 is no number unless a unit follows.
func hanCardinal(run []hanRune, counted bool, digits int) []change {
	if digits == 0 && !counted || len(run) == 1 && !counted {
		return nil
	}
	total, section, last, scale := 0, 0, 0, 1
	pending, zero := false, false
	for _, h := range run {
		switch s := hanScales[h.r]; {
		case s == 0:
			d, ok := hanDigits[h.r]
			if !ok {
				d = int(h.r - '0')
			}
			if pending && h.r >= '0' && h.r <= '9' {
				last = last*10 + d
			} else {
				last = d
			}
			pending, zero = true, d == 0
		case s >= 10_000:
			total += max((section+last)*s, 0)
			section, last, pending, scale = 0, 0, false, s
		default:
			if !pending {
				last = 1
			}
			section += last * s
			last, pending, scale = 0, false, s
		}
		if total > 1e15 || section > 1e15 || last > 1e12 {
			return nil
		}
	}
	if pending && !zero && scale >= 100 && last < 10 && len(run) > 1 && hanScales[run[len(run)-2].r] > 0 {
		last *= scale / 10 // 三百五: the five are tens
	}
	return []change{{run[0].from, run[len(run)-1].to, strconv.Itoa(total + section + last)}}
}

// kanaDigit is a way to say a digit or a letter in Japanese.
type kanaDigit struct {
	said, text string
	sure       bool // is hardly anything else
}

var kanaDigits = func() []kanaDigit {
	var out []kanaDigit
	add := func(text string, sure bool, said ...string) {
		for _, s := range said {
			out = append(out, kanaDigit{s, text, sure})
		}
	}
	add("0", true, "ゼロ", "ぜろ", "れい", "レイ", "まる", "マル")
	add("1", true, "いち", "イチ")
	add("2", false, "に", "ニ", "にい")
	add("3", true, "さん", "サン")
	add("4", true, "よん", "ヨン", "よっつ")
	add("5", false, "ご", "ゴ", "ごう")
	add("6", true, "ろく", "ロク")
	add("7", true, "なな", "ナナ", "しち", "シチ")
	add("8", true, "はち", "ハチ")
	add("9", true, "きゅう", "キュウ", "きゅー")
	add("9", false, "く", "ク")
	for _, l := range strings.Fields("a:エー,エイ b:ビー c:シー d:ディー,デー e:イー f:エフ g:ジー h:エイチ,エッチ i:アイ j:ジェー,ジェイ k:ケー,ケイ l:エル m:エム n:エヌ o:オー p:ピー q:キュー r:アール s:エス t:ティー,テー u:ユー v:ブイ w:ダブリュー x:エックス y:ワイ z:ゼット") {
		letter, said, _ := strings.Cut(l, ":")
		add(letter, false, strings.Split(said, ",")...)
	}
	add("-", false, "ハイフン", "はいふん", "マイナス")
	sort.SliceStable(out, func(i, j int) bool { return len(out[i].said) > len(out[j].said) })
	return out
}()

// kanaNumbers replaces runs of at least four spoken digits, two of them sure,
// in kana. The digits may be mixed with written ones.
func kanaNumbers(v view) view {
	var changes []change
	for i := 0; i < len(v.s); {
		run, next := kanaRun(v.s, i)
		if run != nil {
			changes = append(changes, run...)
		}
		i = next
	}
	return v.with(changes)
}

func kanaRun(s string, at int) ([]change, int) {
	var out []change
	digits, sure, kana := 0, 0, 0
	i, end := at, -1
	_, first := utf8.DecodeRuneInString(s[at:])
	for i < len(s) {
		text, n, isSure, isKana := kanaDigitAt(s[i:])
		if n == 0 {
			skip := separator(s[i:])
			if skip == 0 || len(out) == 0 {
				break
			}
			if _, m, _, _ := kanaDigitAt(s[i+skip:]); m == 0 {
				break
			}
			i += skip
			continue
		}
		from := i
		if end >= 0 {
			from = end
		}
		out = append(out, change{from, i + n, text})
		i += n
		end = i
		if text >= "0" && text <= "9" {
			digits++
		}
		if isSure {
			sure++
		}
		if isKana {
			kana++
		}
	}
	if digits < 4 && (digits < 3 || kana < digits) || sure < 2 || kana == 0 {
		return nil, at + first
	}
	return out, i
}

func kanaDigitAt(s string) (text string, n int, sure, kana bool) {
	if s == "" {
		return "", 0, false, false
	}
	if s[0] >= '0' && s[0] <= '9' {
		return s[:1], 1, false, false
	}
	r, size := utf8.DecodeRuneInString(s)
	if d, ok := hanDigits[r]; ok {
		return strconv.Itoa(d), size, true, false
	}
	for _, k := range kanaDigits {
		if strings.HasPrefix(s, k.said) {
			return k.text, len(k.said), k.sure, true
		}
	}
	return "", 0, false, false
}

// separator is the length of what may stand between spoken digits.
func separator(s string) int {
	for _, sep := range []string{"の", "、", " ", "・", "-"} {
		if strings.HasPrefix(s, sep) {
			return len(sep)
		}
	}
	return 0
}
