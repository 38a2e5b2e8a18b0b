package entity

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var months = map[string]int{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}

var ordinals = func() map[string]int {
	m := map[string]int{}
	for i, w := range strings.Fields("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth") {
		m[w] = i + 1
	}
	m["thirtieth"] = 30
	for w, d := range map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9} {
		m["twenty "+w], m["twenty-"+w] = 20+d, 20+d
		if d == 1 {
			m["thirty "+w], m["thirty-"+w] = 31, 31
		}
	}
	return m
}()

const (
	monthName   = `(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?`
	ordinalWord = `(?:(?:twenty|thirty)[ \-](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)`
	dayOfMonth  = `(` + ordinalWord + `|[0-3]?\d(?:\s?(?:st|nd|rd|th))?)`
	weekday     = `(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thurs?|fri|sat|sun)`
	few         = `(?:\d{1,3}|a|an|one|two|three|four|five|six|seven|eight|nine|ten|a few|a couple(?: of)?|couple(?: of)?|several)`
)

// compactDate is a date without separators. An order number may look like it.
var compactDate = regexp.MustCompile(`\b((?:19|20)\d\d)(1[0-2]|0[1-9])(3[01]|[12]\d|0[1-9])\b`)

// The forms of dates with their parts: y, m, d, or a relative phrase.
var dateForms = []struct {
	re    *regexp.Regexp
	parts string // order of the groups; empty: relative
}{
	{regexp.MustCompile(`((?:19|20)\d\d)\s?[\-/.年]\s?(1[0-2]|0?[1-9])\s?[\-/.月]\s?(3[01]|[12]\d|0?[1-9])(?:\s?[日号號])?`), "ymd"},
	{compactDate, "ymd"},
	{regexp.MustCompile(monthName + `\s+(?:the\s+)?` + dayOfMonth + `(?:\s*,?\s+((?:19|20)\d\d))?\b`), "mdy"},
	{regexp.MustCompile(`\b` + dayOfMonth + `(?:\s+of\s+|[\s\-]+)` + monthName + `(?:\s*,?[\s\-]+((?:19|20)\d\d))?\b`), "dmy"},
	{regexp.MustCompile(`\b(3[01]|[12]\d|0?[1-9])[/.\-](3[01]|[12]\d|0?[1-9])[/.\-]((?:19|20)\d\d)\b`), "??y"},
	{regexp.MustCompile(`\b(3[01]|[12]\d|0?[1-9])/(3[01]|[12]\d|0?[1-9])/(\d\d)\b`), "??s"},
	{regexp.MustCompile(`(?:^|[^\d])([12]\d)年\s?(1[0-2]|0?[1-9])月\s?(3[01]|[12]\d|0?[1-9])[日号號]`), "smd"},
	{regexp.MustCompile(`令和\s?(\d{1,2})年\s?(1[0-2]|0?[1-9])月\s?(3[01]|[12]\d|0?[1-9])日`), "rmd"},
	{regexp.MustCompile(`(?:^|[^\d.])(1[0-2]|[1-9])\.(3[01]|[12]\d|0?[1-9])\s?[号號日]`), "md"},
	{regexp.MustCompile(`(1[0-2]|0?[1-9])\s?月\s?(3[01]|[12]\d|0?[1-9])\s?[日号號]?`), "md"},
	{regexp.MustCompile(`(?:今天|昨天|前天|大前天|明天|后天|大后天|今晚|昨晚|前晚|今早|昨早|(?:上|这|本|下)(?:个)?(?:周|星期|礼拜)[一二三四五六日天\d]|(?:上|这|本|下)个?月(?:初|底|中|中旬)?\s?(?:\d{1,2}[号日])?|` +
		`(?:周|星期|礼拜)[一二三四五六日天](?:早上|上午|中午|下午|晚上)?|(?:上|这|本|下)(?:个)?(?:周末|星期|礼拜|周)|[\d一二两三四五六七八九十几]+\s?(?:天|个?星期|周|个?礼拜|个?月|年)(?:以?前|之前|以?后|之后)|去年|今年|前年|月初|月底|前几天|前两天|前些天)`), ""},
	{regexp.MustCompile(`(?:今日|本日|昨日|一昨日|おととい|おとつい|きのう|きょう|あした|あさって|明日|明後日|今朝|昨夜|夕べ|ゆうべ|(?:先々週|先週|今週|来週|再来週)(?:の?[月火水木金土日]曜日?)?|(?:先々月|先月|今月|来月|再来月)(?:の?(?:末|初め|はじめ|頭|中旬|下旬|上旬|\d{1,2}日))?|` +
		`[月火水木金土日]曜日?|[\d一二三四五六七八九十数]+(?:日|週間|か月|ヶ月|カ月|年)(?:ほど|くらい|ぐらい)?(?:前|後)|数日前|去年|昨年|今年|月末|月初|年末)`), ""},
	{regexp.MustCompile(`\b(?:the day before yesterday|the day after tomorrow|yesterday|today|tomorrow|tonight|last night|this morning|(?:last|this|next|past|coming) (?:` + weekday + `|week(?:end)?|month|year)|` +
		`(?:earlier|later) this (?:week|month)|` + few + ` (?:days?|weeks?|months?|years?) (?:ago|back|earlier|from now|later)|in ` + few + ` (?:days?|weeks?|months?)|` + weekday + `s? (?:morning|afternoon|evening|night)|(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|the (?:[0-3]?\d ?(?:st|nd|rd|th)|` + ordinalWord + `) of (?:this|last|next) month|end of (?:the|this) month)\b`), ""},
	{regexp.MustCompile(`\b(?:on|by|since|until|till|from|before|after|around|due|dated|between|for)\s+(the (?:[0-3]?\d ?(?:st|nd|rd|th)|` + ordinalWord + `))(?:$|[,.!?;]|\s+(?:and|but|i|it|at|in|or|to|please|so|for|my|when|we|you|they|he|she|because|still|was|is|this|last|next)\b)`), "phrase"},
	{regexp.MustCompile(`(?:^|[^\d.])((?:3[01]|[12]\d|[1-9])\s?[号號])(?:[^码碼楼线店院馆门机库厅桌厂仓]|$)`), "phrase"},
	{regexp.MustCompile(`(?:^|[^\d.、，,])((?:3[01]|[12]\d|[1-9])\s?日)(?:$|[,，、。.!！?？\s(（にのはがもだ付着締発頃で以買买下收的到之起付还扣出交我就晚早上凌]|ごろ|から|まで|って|引き)`), "day"},
}

// monthsAlone are months without a day, as bills have them.
var monthsAlone = regexp.MustCompile(`(?:^|[^\d])((?:1[0-2]|[1-9])月(?:末|底|初|中旬|下旬|上旬)?)(?:[^\d\s]|$)` +
	`|\b(?:in|for|of|my|the|since|from|until|by|this|last|end of)\s+(january|february|march|april|may|june|july|august|september|october|november|december)\b` +
	`|\b(january|february|april|june|july|august|september|october|november|december)(?:'s)?\s+(?:bill|statement|invoice|payment|charge)`)

// ofMonth stands before the day of a date that there is not: 2月30号.
var ofMonth = regexp.MustCompile(`\d\s?月\s?$`)

// behindPlace stands before the numbers of an address: 本町5-6, 4丁目5-6.
var behindPlace = regexp.MustCompile(`[町目番条村字台丘]$`)

// notDay follows a number of days: 1日いくら, 3日の料金, 7日以内.
var notDay = regexp.MustCompile(`^(?:の料金|の上限|のプラン|の使用|のデータ|のうち|で[\d一二三]|で(?:使|終|無く|なくな)|では|以内|以上|以下|以外|にい|に\d|に何|に一|はい|到账|上限|之内|的(?:套餐|流量|包))`)

var (
	dateCue   = regexp.MustCompile(`(?:\bon|\bdate[d]?|\bby|\bsince|\bfrom|\bat|\buntil|\btill|日期|时间|日付|日時)(?:\s*(?:is|was|:|は|が|是|为))?\s*$`)
	slashDate = regexp.MustCompile(`(1[0-2]|0?[1-9]|[12]\d|3[01])[/\-](3[01]|[12]\d|0?[1-9]|1[0-2])`)
	rawDate   = regexp.MustCompile(`^\d{6}(?:\d\d)?$`)
)

func (s *search) dates() {
	for _, f := range dateForms {
		code := s.opt.Pending == OrderNumber || s.opt.Pending == TrackingNumber
		if f.re == compactDate && (code || !s.wants(Date) && (s.wants(OrderNumber) || s.wants(TrackingNumber))) {
			continue
		}
		for _, m := range f.re.FindAllStringSubmatchIndex(s.view.s, -1) {
			s.date(f.parts, m)
		}
	}
	for _, m := range monthsAlone.FindAllStringSubmatchIndex(s.view.s, -1) {
		for i := 2; i < len(m); i += 2 {
			if m[i] >= 0 {
				s.add(Date, s.view.said(m[i], m[i+1]), m[i], m[i+1], false)
			}
		}
	}
	for _, m := range slashDate.FindAllStringSubmatchIndex(s.view.s, -1) {
		after := s.view.s[m[1]:]
		cued := s.opt.Pending == Date || dateCue.MatchString(s.view.s[:m[0]]) || strings.HasPrefix(after, "に") || strings.HasPrefix(after, "の") || strings.HasPrefix(after, "着")
		if cued && !s.partOfCode(m[0], m[1]) && !behindPlace.MatchString(s.view.s[:m[0]]) && !strings.HasPrefix(after, "/") {
			s.date("??", m)
		}
	}
	if s.opt.Pending == Date {
		if t := strings.TrimSpace(s.view.s); rawDate.MatchString(t) && len(t) == 8 {
			at := strings.Index(s.view.s, t)
			s.date("ymd", []int{at, at + 8, at, at + 4, at + 4, at + 6, at + 6, at + 8})
		}
	}
}

// date adds one match: m are the places of the whole and of its parts.
func (s *search) date(parts string, m []int) {
	from, to := m[0], m[1]
	if strings.IndexByte("ms", (parts + " ")[0]) >= 0 {
		from = m[2] // what must not stand before is not part of it
	}
	switch parts {
	case "":
		s.add(Date, strings.TrimSpace(s.view.said(from, to)), from, to, false)
		return
	case "day":
		if notDay.MatchString(s.view.s[m[3]:]) || ofMonth.MatchString(s.view.s[:m[2]]) {
			return
		}
		s.add(Date, strings.TrimSpace(s.view.said(m[2], m[3])), m[2], m[3], false)
		return
	case "phrase":
		if before, _ := utf8.DecodeLastRuneInString(s.view.s[:m[2]]); strings.ContainsRune("路街道弄巷里村区楼栋线", before) || ofMonth.MatchString(s.view.s[:m[2]]) {
			return // a house's number
		}
		s.add(Date, strings.TrimSpace(s.view.said(m[2], m[3])), m[2], m[3], false)
		return
	}
	var year, month, day int
	var open []int
	for i, p := range parts {
		if m[2*i+2] < 0 {
			continue
		}
		n := datePart(s.view.s[m[2*i+2]:m[2*i+3]])
		switch p {
		case 'y':
			year = n
		case 's': // two digits
			year = 2000 + n
		case 'r':
			year = 2018 + n
		case 'm':
			month = n
		case 'd':
			day = n
		default:
			open = append(open, n)
		}
	}
	if len(open) == 2 { // month first, unless that cannot be
		month, day = open[0], open[1]
		if month > 12 {
			month, day = day, month
		}
	}
	if !onCalendar(year, month, day) {
		return
	}
	if year > 0 {
		s.add(Date, fmt.Sprintf("%04d-%02d-%02d", year, month, day), from, to, false)
		return
	}
	s.add(Date, fmt.Sprintf("%02d-%02d", month, day), from, to, false)
}

// onCalendar tells that there is such a day; without a year, in a leap year.
func onCalendar(year, month, day int) bool {
	if year == 0 {
		year = 2000
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return month >= 1 && month <= 12 && day >= 1 && t.Day() == day && t.Month() == time.Month(month)
}

func datePart(text string) int {
	if d, ok := ordinals[text]; ok {
		return d
	}
	if len(text) >= 3 && months[text[:3]] > 0 {
		return months[text[:3]]
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
