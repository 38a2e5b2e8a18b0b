package entity

import (
	"regexp"
	"strconv"
	"strings"
)

const plain = `(\d{1,3}(?:[,，]\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,4})?)`

var amountForms = []*regexp.Regexp{
	// sign first: $1,299.50, ¥300, rmb 20, 人民币300
	regexp.MustCompile(`(?:us\$|hk\$|nt\$|[$£€¥￥]|\brmb|\busd|\bcny|\bjpy|\binr|\brs\.?|\beur|\bgbp|人民币|美元|美金)\s*` + plain + `\s*(k\b|万|千|m\b)?`),
	// unit behind: 350 dollars, 200块, 1万2千円 (read as 12000円)
	regexp.MustCompile(plain + `\s*(k|万|千)?\s*(?:多|来|几)?\s*(?:dollars?|bucks?|usd|us dollars|pounds?|quid|euros?|yuan|rmb|yen|rupees?|cents?|元|块钱?|塊|圆|圓|円|人民币|美元|美金|港币|日元|エン)`),
}

var (
	amountName = regexp.MustCompile(`(?:amount|price|total|sum|fee|charge|charged|charging|paid|pay|payment|refund of|cost|costs|bill|limit|transfer(?:red)?|deposit|金额|总额|总价|价格|金額|合計|代金|料金|限度額|扣了?|付了?|花了?|转了?|充了?|退了?|还了?|存了?|交了?|收了?)` +
		`(?:\s*(?:is|was|of|to be|should be|me|us|being|为|是|我|は|が|:|：|about|around|exactly|transfer is))*\s*` + plain + `(?:\s|$|[,.，。、!?]|的|了|で|を|に)`)
	zhFraction = regexp.MustCompile(`(\d+)(?:块|元)(\d{1,2})(?:$|[,，。.!！\s]|毛|角|钱|吧|的|了)`)
)

// amounts finds sums of money; the currency stays in the text.
func (s *search) amounts() {
	for _, m := range zhFraction.FindAllStringSubmatchIndex(s.view.s, -1) {
		cents := s.view.s[m[4]:m[5]] // 三块五 is 3.5, 12元80 is 12.8
		s.add(Amount, decimal(s.view.s[m[2]:m[3]]+"."+cents, 1), m[2], m[5], true)
	}
	for _, re := range amountForms {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			factor := 1.0
			if m[4] >= 0 {
				switch s.view.s[m[4]:m[5]] {
				case "k", "千":
					factor = 1000
				case "万":
					factor = 10_000
				case "m":
					factor = 1_000_000
				}
			}
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], factor), m[0], m[1], true)
		}
	}
	for _, m := range amountName.FindAllStringSubmatchIndex(s.view.s, -1) {
		if digitsOf(s.view.s[m[2]:m[3]]) <= 7 && !s.measured(m[2], m[3]) {
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], 1), m[2], m[3], true)
		}
	}
	if s.opt.Pending == Amount {
		if m := pendingNumber.FindStringSubmatchIndex(s.view.s); m != nil {
			s.add(Amount, decimal(s.view.s[m[2]:m[3]], 1), m[2], m[3], false)
		}
	}
}

var pendingNumber = regexp.MustCompile(plain)

// decimal writes a number without separators and needless zeros.
func decimal(s string, factor float64) string {
	f, err := strconv.ParseFloat(strings.NewReplacer(",", "", "，", "").Replace(s), 64)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(f*factor, 'f', -1, 64)
}
