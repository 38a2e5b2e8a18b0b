package entity

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Telephone numbers that are known by their form alone.
var phoneForms = map[string]*regexp.Regexp{
	"CN": regexp.MustCompile(`(?:\+?86[ \-]?|0086[ \-]?)?1[3-9]\d(?:[ \-]?\d){8}|1[3-9]\d[ \-,，、.]{1,2}\d{4}[ \-,，、.]{1,2}\d{4}|(?:\(0\d{2,3}\)|0\d{2,3})[ \-]?[2-8]\d{2,3}[ \-]?\d{4}|400[ \-]?\d{3}[ \-]?\d{4}|400[ \-]?\d{4}[ \-]?\d{3}`),
	"JP": regexp.MustCompile(`(?:\+81[ \-]?|0)[5789]0[ \-の、,・]{0,2}\d{4}[ \-の、,・]{0,2}\d{4}|0\d{1,4}[\-の(、 ]\d{1,4}[\-の)、 ]\d{4}|0(?:120|570|800)[ \-の、]?\d{2,3}[ \-の、]?\d{3,4}`),
	"US": regexp.MustCompile(`(?:\+?1[ \-.]?)?\(\d{3}\)[ \-.]?\d{3}[ \-.]?\d{4}|(?:\+?1[ \-.])?\d{3}[\-. ]\d{3}[\-. ]\d{4}|07\d{3}[ \-]?\d{3}[ \-]?\d{3}|07\d{3}[ \-]\d{2}[ \-]\d{2}[ \-]\d{2}|04\d\d[ \-]\d{3}[ \-]\d{3}|\(?0[12]\d{1,3}\)?[ \-]\d{3,4}[ \-]\d{3,4}|0[12]\d{9}`),
	"":   regexp.MustCompile(`(?:\+|\bplus )\d{1,3}(?:[ \-.]?\(?\d{1,4}\)?){2,5}`),
}

var phoneNamed = regexp.MustCompile(`(?:` + alternatives("phone_names") + `)` + strings.Replace(behind, `|\(`, "", 1) + `(\+?\(?\d(?:[ \-.()の、,，]{0,2}\d){6,14})`)

// numberNamed names the number that a customer calls with; what a code's name
// stands before is no telephone.
var numberNamed = regexp.MustCompile(`(?:^|\b(?:my|on|for|to|from|with|the|this|new|old) |[.,;:!?] ?)number(?:\s*(?:is|was|it's|:|-|,))*\s*(\+?\(?\d(?:[ \-.()]{0,2}\d){9,11})(?:$|[^\d])`)

func (s *search) namedPhones() {
	for _, m := range numberNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		if raw := s.view.s[m[2]:m[3]]; s.opt.Pending != OrderNumber && s.opt.Pending != TrackingNumber && s.barePhone(compact(raw)) {
			s.add(Phone, s.phoneValue(raw), m[2], m[3], true)
		}
	}
	for _, m := range phoneNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		raw := s.view.s[m[2]:m[3]]
		if d := digitsOf(raw); d >= 7 && d <= 15 && s.opt.Pending != OrderNumber && s.opt.Pending != TrackingNumber || d >= 10 && d <= 13 {
			s.add(Phone, s.phoneValue(raw), m[2], m[3], true)
		}
	}
}

func (s *search) phones() {
	for _, country := range []string{"", s.opt.Country, "US"} {
		re := phoneForms[country]
		if re == nil {
			continue
		}
		for _, m := range re.FindAllStringIndex(s.view.s, -1) {
			if s.partOfCode(m[0], m[1]) || s.opt.Pending == OrderNumber || s.opt.Pending == TrackingNumber {
				continue
			}
			if d := digitsOf(s.view.s[m[0]:m[1]]); d >= 8 && d <= 15 {
				s.add(Phone, s.phoneValue(s.view.s[m[0]:m[1]]), m[0], m[1], false)
			}
		}
	}
}

// partOfCode tells that letters or digits go on before or behind.
func (s *search) partOfCode(from, to int) bool {
	alnum := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }
	if from > 1 && s.view.s[from-1] == ' ' && s.view.s[from] == '0' && s.view.s[from-2] >= '0' && s.view.s[from-2] <= '9' {
		return true // a group of a longer number
	}
	return from > 0 && (alnum(s.view.s[from-1]) || s.view.s[from-1] == '-') || to < len(s.view.s) && (alnum(s.view.s[to]) || s.view.s[to] == '-')
}

// bareLengths are how long a number without separators is that is no code, by
// country: a mobile, or a land line with its area.
var bareLengths = map[string]*regexp.Regexp{
	"CN": regexp.MustCompile(`^(?:1[3-9]\d{9}|0\d{9,11})$`),
	"JP": regexp.MustCompile(`^0\d{9,10}$`),
	"US": regexp.MustCompile(`^(?:[2-9]\d{2}[2-9]\d{6}|1[2-9]\d{9}|0\d{9,10})$`),
}

// barePhone tells that digits are a whole telephone number of the country.
func (s *search) barePhone(digits string) bool {
	re := bareLengths[s.opt.Country]
	if re == nil {
		re = bareLengths["US"]
	}
	return re.MatchString(digits)
}

// phoneValue is a number without separators; a prefix of the own country goes.
func (s *search) phoneValue(raw string) string {
	digits := compact(strings.TrimPrefix(raw, "plus "))
	if !strings.HasPrefix(raw, "+") && !strings.HasPrefix(raw, "plus ") && !strings.HasPrefix(digits, "00") {
		if s.opt.Country == "CN" && len(digits) == 13 && strings.HasPrefix(digits, "86") {
			return digits[2:]
		}
		return digits
	}
	n, err := phonenumbers.Parse("+"+strings.TrimPrefix(digits, "00"), s.opt.Country)
	if err != nil {
		return digits
	}
	if phonenumbers.GetRegionCodeForNumber(n) == s.opt.Country {
		return compact(phonenumbers.Format(n, phonenumbers.NATIONAL))
	}
	return "+" + strings.TrimPrefix(digits, "00")
}
