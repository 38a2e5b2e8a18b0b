// Package phone reads, writes and masks telephone numbers. Numbers are kept in
// E.164 where they have such a form; extensions, short codes, and numbers such
// as 400…, 95xxx and 12345 are kept as they are dialled.
package phone

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// ErrInvalid is returned for what is no telephone number at all.
var ErrInvalid = errors.New("phone: not a telephone number")

// Kind tells what a normalised number is.
type Kind string

// The kinds of numbers.
const (
	E164      Kind = "e164"      // worldwide: +8613912345678
	Short     Kind = "short"     // extensions, 95xxx, 12345, 110, 9000
	Service   Kind = "service"   // reachable inside one country only: 400…, 800…
	Withheld  Kind = "withheld"  // the caller shows no number
	Address   Kind = "address"   // a SIP user that is no number: alice
	Extension Kind = "extension" // a number with an extension: a privacy number
)

// Number is a normalised number.
type Number struct {
	Value     string // what is stored and compared: E.164, or digits as dialled
	Extension string // digits after the number, for Kind Extension
	Kind      Kind
	Country   string // ISO 3166 code, where it is known
}

// String returns the value, with the extension behind a comma.
func (n Number) String() string {
	if n.Extension != "" {
		return n.Value + "," + n.Extension
	}
	return n.Value
}

var withheld = map[string]bool{"": true, "anonymous": true, "unknown": true, "unavailable": true,
	"restricted": true, "private": true, "asterisk": true}

// Normalise reads what a line, a person or a form gave as a number. country is
// the ISO 3166 code that numbers without prefix belong to (CN, JP, US). SIP
// users that are no number come back as they are, with Kind Address; ErrInvalid
// is for overlong input and control characters.
func Normalise(raw, country string) (Number, error) {
	s := strings.TrimSpace(raw)
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Number{}, ErrInvalid
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "sip:"), "tel:")
	if withheld[strings.ToLower(s)] {
		return Number{Kind: Withheld}, nil
	}
	base, ext := cutExtension(s)
	digits, plus, ok := clean(base)
	if !ok {
		return Number{Value: s, Kind: Address}, nil
	}
	n := normalise(digits, plus, strings.ToUpper(country))
	if ext != "" && n.Kind == E164 {
		n.Extension, n.Kind = ext, Extension
	}
	return n, nil
}

func normalise(digits string, plus bool, country string) Number {
	if !plus {
		if isShort(digits, country) {
			return Number{Value: digits, Kind: Short, Country: country}
		}
		if country == "CN" && len(digits) == 10 && (strings.HasPrefix(digits, "400") || strings.HasPrefix(digits, "800")) {
			return Number{Value: digits, Kind: Service, Country: country}
		}
	}
	in := digits
	if plus {
		in = "+" + digits
	}
	parsed, err := phonenumbers.Parse(in, country)
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		// Lines often send full international numbers without the plus.
		if again, err2 := phonenumbers.Parse("+"+digits, ""); !plus && err2 == nil && phonenumbers.IsValidNumber(again) {
			return e164(again)
		}
		return Number{Value: in, Kind: Short, Country: country}
	}
	if !plus && !phonenumbers.IsValidNumber(parsed) {
		if again, err := phonenumbers.Parse("+"+digits, ""); err == nil && phonenumbers.IsValidNumber(again) {
			return e164(again)
		}
		return Number{Value: digits, Kind: Short, Country: country}
	}
	return e164(parsed)
}

func e164(n *phonenumbers.PhoneNumber) Number {
	return Number{Value: phonenumbers.Format(n, phonenumbers.E164), Kind: E164, Country: phonenumbers.GetRegionCodeForNumber(n)}
}

// isShort tells numbers that only the network or the office around them knows.
func isShort(digits, country string) bool {
	if len(digits) <= 6 {
		return true
	}
	// 95xxx and 96xxx with further digits, 12345 and 1xxxx of Chinese services.
	return country == "CN" && len(digits) <= 8 && (strings.HasPrefix(digits, "95") || strings.HasPrefix(digits, "96"))
}

// clean takes out what people write between digits; ok is false when letters or
// other signs remain.
func clean(s string) (digits string, plus, ok bool) {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９':
			b.WriteRune('0' + r - '０')
		case (r == '+' || r == '＋') && i == 0:
			plus = true
		case strings.ContainsRune(" -.()/（）－ー\u00a0\u2010\u2011\u2013", r):
		case r == '*' || r == '#':
			b.WriteRune(r)
		default:
			return "", false, false
		}
	}
	digits = b.String()
	return digits, plus, digits != ""
}

// cutExtension splits 95013xxxxxxxx,1234 and +8610…;ext=12 and "… x12".
func cutExtension(s string) (base, ext string) {
	for _, sep := range []string{";ext=", ",", " ext. ", " ext ", "转", "x"} {
		if before, after, ok := strings.Cut(s, sep); ok {
			if digits, _, ok := clean(after); ok && before != "" {
				return before, digits
			}
		}
	}
	base, _, _ = strings.Cut(s, ";")
	return base, ""
}

// Display formats a number for a reader in a country: national form for
// numbers of that country, international form else; others as they are.
func Display(number, country string) string {
	base, ext := cutExtension(number)
	if !strings.HasPrefix(base, "+") {
		return number
	}
	n, err := phonenumbers.Parse(base, "")
	if err != nil {
		return number
	}
	format := phonenumbers.INTERNATIONAL
	if phonenumbers.GetRegionCodeForNumber(n) == strings.ToUpper(country) {
		format = phonenumbers.NATIONAL
	}
	out := phonenumbers.Format(n, format)
	if ext != "" {
		out += " x" + ext
	}
	return out
}

// Tail hides all but the last four characters of what somebody dialled, for logs:
// ********5678. Neither what else it may hold nor its length is to be seen: more may
// have been typed behind a number than the number.
func Tail(dialled string) string {
	const shown, hidden = 4, 8
	from := len(dialled)
	for range shown {
		_, size := utf8.DecodeLastRuneInString(dialled[:from])
		from -= size
	}
	if from == 0 {
		return dialled
	}
	return strings.Repeat("*", hidden) + dialled[from:]
}
