package entity

import (
	"regexp"
	"slices"
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

// afterOne follow a 一 that is part of a word and not of a number before it.
const afterOne = "起下直个样共次般定些律种切会方旦向度致緒番部括つ回"

type hanRune struct {
	from, to int
	r        rune
}

// hanNumbers replaces numbers in Han characters: digit by digit in codes and
// telephone numbers, as cardinals where scales or units are with them.
func hanNumbers(v view, japanese bool) view {
	if !japanese {
		v = v.with(repeatedDigits(v.s))
		v = v.with(hanDecimals(v.s))
	}
	var changes []change
	var run []hanRune
	flush := func(next rune) {
		if n := len(run); n > 1 && run[n-1].r == '一' && strings.ContainsRune(afterOne, next) {
			run, next = run[:n-1], '一' // 4712一起
		}
		if len(run) > 0 {
			before, _ := utf8.DecodeLastRuneInString(v.s[:run[0].from])
			if strings.ContainsRune("块元毛角", before) && before != utf8.RuneError {
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
		case len(run) > 0 && gap == 0 && (r == ' ' || japanese && r == 'の' && holdsWord(run)):
			gap = 1
		default:
			flush(r)
			gap = 0
		}
	}
	flush(0)
	return v.with(changes)
}

// holdsWord tells that a run holds a digit that is not written as one: の between
// figures is no part of a number, 20251103の5万円.
func holdsWord(run []hanRune) bool {
	return slices.ContainsFunc(run, func(h hanRune) bool { return h.r > '9' })
}

// repeatedDigits reads 幺三八四个零四个八 as 幺三八零零零零八八八八.
func repeatedDigits(s string) []change {
	var out []change
	before := 0 // digits in a row
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if times := strings.IndexRune("两三四五六", r); times >= 0 && before >= 2 && strings.HasPrefix(s[i+n:], "个") {
			digit, m := utf8.DecodeRuneInString(s[i+n+len("个"):])
			if _, ok := digitOf(digit); ok {
				end := i + n + len("个") + m
				count := 2 + times/len("两")
				out = append(out, change{i, end, strings.Repeat(string(digit), count)})
				before += count
				i = end
				continue
			}
		}
		if _, ok := digitOf(r); ok {
			before++
		} else if r != ' ' {
			before = 0
		}
		i += n
	}
	return out
}

// digitOf is the digit that a character stands for in a code.
func digitOf(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	d, ok := hanDigits[r]
	return d, ok
}

var hanDecimal = regexp.MustCompile(`([零一二两三四五六七八九十百\d]+)点([零一二三四五六七八九\d]+)(万|亿|千|元|块|gb|g|兆|%)`)

// hanDecimals reads 一点二万 as 1.2万. What stands before 点 is a number of
// hours elsewhere, so that a unit must follow.
func hanDecimals(s string) []change {
	var out []change
	for _, m := range hanDecimal.FindAllStringSubmatchIndex(s, -1) {
		var whole []hanRune
		for i, r := range s[m[2]:m[3]] {
			whole = append(whole, hanRune{i, i + utf8.RuneLen(r), r})
		}
		text := s[m[2]:m[3]]
		switch read := readHan(whole, '元'); {
		case len(read) == 1:
			text = read[0].text
		case len(read) > 1:
			text = ""
			for _, c := range read {
				text += c.text
			}
		}
		text += "."
		for _, r := range s[m[4]:m[5]] {
			d, _ := digitOf(r)
			text += strconv.Itoa(d)
		}
		out = append(out, change{m[2], m[5], text})
	}
	return out
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
		return hanCardinal(run, next, counted, han+ascii)
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
// without a digit (千万别, 十万火急) or a lone 十 is no number unless a unit
// follows.
func hanCardinal(run []hanRune, next rune, counted bool, digits int) []change {
	round := len(run) == 2 && run[1].r == '万' && (run[0].r == '十' || run[0].r == '百') && !strings.ContainsRune("火分", next)
	if !round && (digits == 0 && !counted || len(run) == 1 && !counted) {
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
	sum := total + section + last
	if run[len(run)-1].r == '万' && sum%10_000 == 0 && sum < 100_000_000 {
		return []change{{run[0].from, run[len(run)-1].to, strconv.Itoa(sum/10_000) + "万"}} // a sum of money, most likely: the word says so
	}
	return []change{{run[0].from, run[len(run)-1].to, strconv.Itoa(sum)}}
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
	add("0", true, "ゼロ", "ぜろ", "れい", "レイ", "れー", "レー", "まる", "マル")
	add("1", true, "いち", "イチ")
	add("2", false, "に", "ニ", "にい", "ニイ", "にー", "ニー")
	add("3", true, "さん", "サン")
	add("4", true, "よん", "ヨン", "よっつ")
	add("4", false, "し", "シ")
	add("5", false, "ご", "ゴ", "ごう", "ごー", "ゴー", "ゴウ")
	add("6", true, "ろく", "ロク")
	add("7", true, "なな", "ナナ", "しち", "シチ")
	add("8", true, "はち", "ハチ")
	add("9", true, "きゅう", "キュウ", "きゅー", "きゅ")
	add("9", false, "く", "ク")
	for _, l := range strings.Fields("a:エー,エイ b:ビー c:シー d:ディー,デー e:イー f:エフ g:ジー h:エイチ,エッチ i:アイ j:ジェー,ジェイ k:ケー,ケイ l:エル m:エム n:エヌ o:オー p:ピー q:キュー r:アール s:エス t:ティー,テー u:ユー v:ブイ w:ダブリュー x:エックス y:ワイ z:ゼット") {
		letter, said, _ := strings.Cut(l, ":")
		add(letter, false, strings.Split(said, ",")...)
	}
	add("-", false, "ハイフン", "はいふん", "マイナス")
	sort.SliceStable(out, func(i, j int) bool { return len(out[i].said) > len(out[j].said) })
	return out
}()

var (
	kanaSum = regexp.MustCompile(`((?:いち|いっ|に|さん|よん|ご|ろく|ろっ|なな|しち|はち|はっ|きゅう|じゅう|じゅっ|ひゃく|びゃく|ぴゃく|せん|ぜん|まん)+)(?:えん|円)`)
	kanaHan = strings.NewReplacer("じゅう", "十", "じゅっ", "十", "ひゃく", "百", "びゃく", "百", "ぴゃく", "百", "せん", "千", "ぜん", "千", "まん", "万",
		"いち", "一", "いっ", "一", "に", "二", "さん", "三", "よん", "四", "ご", "五", "ろく", "六", "ろっ", "六", "なな", "七", "しち", "七", "はち", "八", "はっ", "八", "きゅう", "九")
)

// kanaSums reads sums of money in kana: にせんごひゃくえん is 2500円.
func kanaSums(s string) []change {
	var out []change
	for _, m := range kanaSum.FindAllStringSubmatchIndex(s, -1) {
		var run []hanRune
		for _, r := range kanaHan.Replace(s[m[2]:m[3]]) {
			run = append(run, hanRune{m[2], m[3], r})
		}
		if read := readHan(run, '円'); len(read) == 1 {
			out = append(out, read...)
		}
	}
	return out
}

// kanaNumbers replaces runs of at least four spoken digits, two of them sure,
// in kana. The digits may be mixed with written ones.
func kanaNumbers(v view) view {
	v = v.with(kanaSums(v.s))
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
		if text >= "0" && text <= "9" || text == "q" {
			digits++
		}
		if isSure {
			sure++
		}
		if isKana {
			kana++
		}
	}
	for len(out) > 0 && particle(s, out[len(out)-1]) {
		last := out[len(out)-1]
		out, i = out[:len(out)-1], last.to-len("に")
		digits, kana = digits-1, kana-1
	}
	heard(out)
	if digits < 4 && (digits < 3 || kana < digits) || sure < 2 && kana < 6 || kana == 0 {
		return nil, at + first
	}
	return out, i
}

var behindDigits = regexp.MustCompile(`^(?:[\s、。,.のでとだ番号っ]|$)`)

// particle tells that the last "digit" of a run is a particle: 四七一一に変更.
func particle(s string, last change) bool {
	from := last.to - len("に")
	return from >= 0 && strings.Contains("にごくし", s[from:last.to]) && utf8.ValidString(s[from:last.to]) && !behindDigits.MatchString(s[last.to:])
}

// heard reads the letters q and o as the digits that sound alike (キュー, オー)
// where all else are digits.
func heard(run []change) {
	for _, c := range run {
		if c.text >= "a" && c.text <= "z" && c.text != "q" && c.text != "o" {
			return
		}
	}
	for i, c := range run {
		switch c.text {
		case "q":
			run[i].text = "9"
		case "o":
			run[i].text = "0"
		}
	}
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
	at := 0
	for range 2 {
		for _, sep := range []string{"の", "、", " ", "・", "-", ",", "，"} {
			if strings.HasPrefix(s[at:], sep) {
				at += len(sep)
			}
		}
	}
	return at
}
