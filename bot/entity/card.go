package entity

import (
	"regexp"
	"strings"

	"github.com/openhotline/hotline/internal/redact"
)

var (
	cardTailNamed = regexp.MustCompile(`(?:(?:ending|ends|end|finishing|finishes)(?: (?:in|with|on|at))?|last (?:four|4|three|3)(?: (?:digits|numbers|nos?))?(?: (?:of|on) (?:my|the|that)(?: \w+){0,2})?|` +
		`尾号|尾號|尾數|尾数|末四位|后四位|後四位|后4位|末4位|卡号最后四位|最后四位|最后4位|末尾四位|` +
		`下4桁|下四桁|末尾4桁|末尾四桁|末尾|下よんけた|下4けた|下3桁|後ろ4桁|最後の4桁|最後4桁)` + behind + `(\d(?:[ -]?\d){2,3})(?:\D|$)`)
	// four digits beside a card that nothing else explains: 4471的卡, my 4471
	// card, card 4471, カード4471
	cardBeside = regexp.MustCompile(`(?:^|[^\d.,\-])(\d{4})\s?(?:的|那张|这张|结尾的?|の)?(?:visa |debit |credit )?(?:信用|储蓄|银行|借记|储值)?(?:卡(?:[^片号]|$)|カード|card\b)` +
		`|(?:\bcard(?: number| no\.?| is)?|\bvisa|\bmastercard|\bamex|卡号(?:是|为)?|银行卡|信用卡|储蓄卡|カード(?:番号)?は?)\s?[:：]?\s?(\d{4})(?:[^\d\-年元块円月]|$)`)
	// digitRun is a run of digits that may be a whole card's.
	digitRun = regexp.MustCompile(`\d(?:[ \-]?\d){11,18}`)
	// notCard stands before 尾号 of something else.
	notCard = regexp.MustCompile(`(?:订单|单号|快递|运单|注文番号|注文|order(?: number)?)\s?的?$`)
	// notCardButPhone likewise; the end of a number is no number.
	notCardButPhone = regexp.MustCompile(`(?:手机|电话|号码|電話|携帯|phone|mobile|number)\s?(?:号|番号)?\s?的?の?$`)
)

// cards finds the ends of card numbers. A whole number is never a code: of it
// only the end is kept, where a card is wanted at all.
func (s *search) cards() {
	for _, m := range digitRun.FindAllStringIndex(s.view.s, -1) {
		if code := compact(s.view.s[m[0]:m[1]]); cardNumber(code) {
			if !s.wants(CardTail) || !s.add(CardTail, code[len(code)-4:], m[0], m[1], false) {
				s.taken = append(s.taken, span{m[0], m[1]})
			}
		}
	}
	for _, m := range cardTailNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		before := s.view.s[:m[0]]
		switch {
		case notCard.MatchString(before) && longer(s.view.s[m[3]:], s.view.s[m[2]:m[3]]):
			s.taken = append(s.taken, span{m[2], m[3]}) // the whole number follows
		case notCard.MatchString(before):
			s.add(OrderNumber, compact(s.view.s[m[2]:m[3]]), m[2], m[3], true)
		case !notCardButPhone.MatchString(before):
			s.add(CardTail, compact(s.view.s[m[2]:m[3]]), m[2], m[3], true)
		}
	}
	for _, m := range cardBeside.FindAllStringSubmatchIndex(s.view.s, -1) {
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		if !s.measured(from, to) && !yearOnly.MatchString(s.view.s[from:to]) {
			s.add(CardTail, s.view.s[from:to], from, to, true)
		}
	}
}

// longer tells that a text has a number that ends in the given one.
func longer(text, end string) bool {
	for _, run := range allDigits.FindAllString(text, -1) {
		if len(run) > len(end) && strings.HasSuffix(run, end) {
			return true
		}
	}
	return false
}

var allDigits = regexp.MustCompile(`\d+`)

// issuers begin the numbers of payment cards (ISO/IEC 7812-1): UnionPay, Visa,
// Mastercard, American Express, JCB, Diners, Discover, Maestro.
var issuers = regexp.MustCompile(`^(?:62\d{14,17}|4\d{12}(?:\d{3}){0,2}|5[0-8]\d{14}|2[2-7]\d{14}|3[47]\d{13}|35\d{14}|3[0689]\d{12}|6[0457]\d{14})$`)

// cardNumber tells that digits are the number of a payment card: begun as such
// and with the right check digit.
func cardNumber(digits string) bool {
	return issuers.MatchString(digits) && redact.Cards(digits) != digits
}
