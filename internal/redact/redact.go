// Package redact takes secrets and personal details out of what is logged,
// audited or shown: passwords and keys in JSON, digits of numbers, card numbers.
package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// Mask stands where something was taken out.
const Mask = "***"

// secretWords mark the names of fields whose values are secrets.
var secretWords = []string{"password", "secret", "token_hash", "passphrase", "api_key", "private_key", "authorization", "cookie"}

// exempt are names that contain such a word without being secret.
var exempt = map[string]bool{"has_password": true, "password_mark": true}

func secretName(name string) bool {
	name = strings.ToLower(name)
	if exempt[name] {
		return false
	}
	if name == "hash" || name == "token" {
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// JSON returns a JSON document with the values of secret fields masked, at any
// depth. What is not JSON is masked as a whole.
func JSON(doc []byte) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return json.RawMessage(`"` + Mask + `"`)
	}
	out, err := json.Marshal(walk(v))
	if err != nil {
		return json.RawMessage(`"` + Mask + `"`)
	}
	return out
}

func walk(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k, e := range t {
			if secretName(k) && e != nil && e != "" {
				t[k] = Mask
				continue
			}
			t[k] = walk(e)
		}
	case []any:
		for i := range t {
			t[i] = walk(t[i])
		}
	}
	return v
}

// Number masks the middle of a telephone number: the last two digits and, of
// long ones, the first three remain.
func Number(s string) string {
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	head := 0
	if digits >= 9 {
		head = 3
	}
	seen := 0
	return strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return r
		}
		seen++
		if seen <= head || seen > digits-2 {
			return r
		}
		return '*'
	}, s)
}

// URL masks the password in a URL such as postgres://user:password@host/db.
func URL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	authority, path, slash := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return s
	}
	user, _, has := strings.Cut(authority[:at], ":")
	if has {
		user += ":" + Mask
	}
	out := scheme + "://" + user + authority[at:]
	if slash {
		out += "/" + path
	}
	return out
}

// Cards masks card numbers in a text: runs of 13 to 19 digits, with single
// spaces or hyphens between, that pass the Luhn check (ISO/IEC 7812). The last
// four digits remain.
func Cards(s string) string {
	rs := []rune(s)
	for i := 0; i < len(rs); {
		if !isDigit(rs[i]) || i > 0 && isDigit(rs[i-1]) {
			i++
			continue
		}
		end, places := run(rs, i)
		if n := len(places); n >= 13 && n <= 19 && luhn(rs, places) {
			for _, p := range places[:n-4] {
				rs[p] = '*'
			}
		}
		i = max(end, i+1)
	}
	return string(rs)
}

// run finds the digits from i on, over single separators.
func run(rs []rune, i int) (end int, places []int) {
	for i < len(rs) {
		switch {
		case isDigit(rs[i]):
			places = append(places, i)
			i++
		case (rs[i] == ' ' || rs[i] == '-') && i+1 < len(rs) && isDigit(rs[i+1]):
			i++
		default:
			return i, places
		}
	}
	return i, places
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func luhn(rs []rune, places []int) bool {
	sum := 0
	for k := range places {
		d := int(rs[places[len(places)-1-k]] - '0')
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
