package entity

import (
	"regexp"
	"strings"
)

const plain = `(\d{1,3}(?:[,，]\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,4})?)`

var amountForms = []*regexp.Regexp{
	// sign first: $1,299.50, ¥300, rmb 20, 人民币300
	regexp.MustCompile(`(?:us\$|hk\$|nt\$|au\$|ca\$|[$£€¥￥]|\brmb|\busd|\bcny|\bjpy|\binr|\brs\.?|\beur|\bgbp|\baud|\bcad|人民币|美元|美金)\s*` + plain + `\s*(k\b|grand\b|million\b|万|千|m\b|w\b)?`),
	// unit behind: 350 dollars, 200块, 1万2千円 (read as 12000円)
	regexp.MustCompile(plain + `\s*(k|grand|million|万|千|w)?\s*(?:多|来|几|余)?\s*(?:个?(?:元|块钱?|塊|圆|圓)|us dollars|dollars?|bucks?|usd|pounds?|quid|euros?|eur|gbp|yuan|rmb|cny|yen|jpy|rupees?|円|人民币|美元|美金|欧元|英镑|港币|港元|日元|韩元|エン|えん|ドル|ユーロ)`),
	// a large round number is money more than anything else: 贷款20万, 50万まで
	regexp.MustCompile(plain + `\s*(万|w\b|grand\b|k\b)`),
}

var (
	amountName = regexp.MustCompile(`(?:` + alternatives("amount_names") + `)` +
		`(?:\s*(?:is|was|of|to be|should be|by|me|us|them|him|her|being|for|我|为|是|到|出|进|は|が|:|：|about|around|exactly|only|just|transfer is))*\s*` + plain + `(?:[^\d.,，%a-z]|[,.，](?:\D|$)|$)`)
	// 三块五 is 3.5, 12元80 is 12.8, 3元5角 and 5毛8 too
	zhFraction = regexp.MustCompile(`(\d+)(?:块|元)(?:零|0)?(\d)(?:毛|角)(?:(\d)分?)?|(\d+)(?:块|元)(\d{1,2})(?:$|[^\d个件张次份斤条瓶盒包双套天月年人袋箱支本台只片块元号%])`)
	zhCents    = regexp.MustCompile(`(?:^|[^\d.])(\d)(?:毛|角)(?:(\d)分?)?(?:钱|$|[^\d])`)
	// "twelve dollars fifty", "twelve pounds and five pence"
	enFraction = regexp.MustCompile(`(\d+)\s*(?:dollars?|bucks?|pounds?|quid|euros?)(?:\s+and)?\s+(\d{1,2})(?:\s*(?:cents?|pence|p)\b|\s*(?:$|[,.!?]|(?:on|for|that|was|were|got|to|out|too|from|off|and|in|more|less)\b))`)
	enCents    = regexp.MustCompile(`\b(\d{1,3})\s*(?:cents?\b|pence\b|p\b)`)
	// what counts something else than money
	countsAfter = regexp.MustCompile(`^\s*(?:` + alternatives("counted_things") + `)`)
)

// scales are by how many places a word moves the decimal point.
var scales = map[string]int{"k": 3, "千": 3, "grand": 3, "万": 4, "w": 4, "m": 6, "million": 6}

// amounts finds sums of money; the currency stays in the text.
func (s *search) amounts() {
	s.fractions()
	for _, re := range amountForms {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			shift := 0
			if m[4] >= 0 {
				shift = scales[s.view.s[m[4]:m[5]]]
			}
			to := m[1]
			if re == amountForms[2] {
				to = m[5]
				if strings.HasSuffix(s.view.s[m[0]:m[1]], "k") && m[3]-m[2] < 2 && !s.wants(Amount) || countsAfter.MatchString(s.view.s[m[5]:]) || s.partOfCode(m[2], m[5]) {
					continue
				}
			}
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], shift), m[0], to, true)
		}
	}
	for _, m := range amountName.FindAllStringSubmatchIndex(s.view.s, -1) {
		if d := digitsOf(s.view.s[m[2]:m[3]]); d >= 2 && d <= 7 && !s.measured(m[2], m[3]) {
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], 0), m[2], m[3], true)
		}
	}
	if s.opt.Pending == Amount {
		if m := pendingNumber.FindStringSubmatchIndex(s.view.s); m != nil {
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], shiftBehind(s.view.s[m[3]:])), m[2], m[3], false)
		}
	}
}

// bareSum is a number that may be a sum where one is of use: with cents, with
// separators, or of two to seven figures.
var bareSum = regexp.MustCompile(`(?:^|[^\d.,\-/:a-z])(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,6}\.\d{1,2}|\d{2,7})(?:[^\d.,\-/:a-z]|[.,](?:\D|$)|$)`)

// bareAmounts takes a number that is nothing else as the sum that the topic can
// use.
func (s *search) bareAmounts() {
	if !s.wants(Amount) || s.has(Amount) {
		return
	}
	for _, m := range bareSum.FindAllStringSubmatchIndex(s.view.s, -1) {
		text := s.view.s[m[2]:m[3]]
		if !s.measured(m[2], m[3]) && !yearOnly.MatchString(text) && s.add(Amount, decimal(text, 0), m[2], m[3], false) {
			return
		}
	}
}

// fractions finds sums in two units.
func (s *search) fractions() {
	for _, m := range zhFraction.FindAllStringSubmatchIndex(s.view.s, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return s.view.s[m[2*i]:m[2*i+1]]
		}
		if whole := part(1); whole != "" {
			end := m[5]
			if m[6] >= 0 {
				end = m[7]
			}
			s.add(Amount, decimal(whole+"."+part(2)+part(3), 0), m[2], end, true)
			continue
		}
		s.add(Amount, decimal(part(4)+"."+part(5), 0), m[8], m[11], true)
	}
	for _, m := range zhCents.FindAllStringSubmatchIndex(s.view.s, -1) {
		text, end := s.view.s[m[2]:m[3]], m[3]
		if m[4] >= 0 {
			text, end = text+s.view.s[m[4]:m[5]], m[5]
		}
		s.add(Amount, decimal("0."+text, 0), m[2], end, true)
	}
	for _, m := range enFraction.FindAllStringSubmatchIndex(s.view.s, -1) {
		cents := s.view.s[m[4]:m[5]]
		if len(cents) == 1 {
			cents = "0" + cents
		}
		s.add(Amount, decimal(s.view.s[m[2]:m[3]]+"."+cents, 0), m[0], m[5], true)
	}
	for _, m := range enCents.FindAllStringSubmatchIndex(s.view.s, -1) {
		s.add(Amount, decimal(s.view.s[m[2]:m[3]], -2), m[0], m[1], true)
	}
}

var (
	pendingNumber = regexp.MustCompile(plain)
	pendingScale  = regexp.MustCompile(`^\s*(k|grand|million|万|千|w)(?:[^a-z]|$)`)
)

func shiftBehind(text string) int {
	if m := pendingScale.FindStringSubmatch(text); m != nil {
		return scales[m[1]]
	}
	return 0
}

// decimal writes a number without separators and needless zeros, its decimal
// point moved by shift places to the right. No float comes into it: 19.99万 is
// 199900.
func decimal(text string, shift int) string {
	whole, part, _ := strings.Cut(strings.NewReplacer(",", "", "，", "").Replace(text), ".")
	if shift < 0 {
		for len(whole) <= -shift {
			whole = "0" + whole
		}
		at := len(whole) + shift
		whole, part = whole[:at], whole[at:]+part
	} else {
		for len(part) < shift {
			part += "0"
		}
		whole, part = whole+part[:shift], part[shift:]
	}
	whole, part = strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
	if whole == "" {
		whole = "0"
	}
	if part != "" {
		return whole + "." + part
	}
	return whole
}
