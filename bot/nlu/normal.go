package nlu

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// maxRunes bounds what is read of one text; what a customer wants stands in
// the first few thousand characters.
const maxRunes = 4096

// Normalize folds a text as features see it: full width to half width, lower
// case, no apostrophes, combining kana marks joined, control characters and
// invalid UTF-8 as spaces, a character repeated more than three times cut to
// three. At most 4096 characters are kept.
func Normalize(text string) string { return string(appendNormal(nil, text)) }

// appendNormal appends the normalised runes of text to dst.
func appendNormal(dst []rune, text string) []rune {
	start, run := len(dst), 0
	for _, r := range text {
		if len(dst)-start >= maxRunes {
			break
		}
		r = foldRune(r)
		if r == 0 {
			continue
		}
		if n := len(dst); n > start {
			last := dst[n-1]
			if joined, ok := joinKana(last, r); ok {
				dst[n-1] = joined
				continue
			}
			if last == r {
				if run++; run >= 3 || r == ' ' {
					continue
				}
			} else {
				run = 0
			}
		}
		dst = append(dst, r)
	}
	return dst
}

// foldRune returns the folded rune, ' ' for what separates, 0 for what is dropped.
func foldRune(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case r == '\'' || r == '`':
			return 0
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	case r == utf8.RuneError:
		return ' '
	case r == '’' || r == '‘' || r == '＇' || r == '\u00ad' || r == '\u200b' || r == '\u200d' || r == '\ufeff',
		0x0300 <= r && r <= 0x036f, 0xfe00 <= r && r <= 0xfe0f:
		return 0
	}
	if folded := width.LookupRune(r).Folded(); folded != 0 {
		r = folded
	}
	if unicode.IsSpace(r) || unicode.IsControl(r) {
		return ' '
	}
	return unicode.ToLower(r)
}

// joinKana joins a kana with a following combining voice mark: カ+゛ = ガ.
func joinKana(last, mark rune) (rune, bool) {
	switch mark {
	case 0x3099, 0x309b:
		switch {
		case last == 'う':
			return 'ゔ', true
		case last == 'ウ':
			return 'ヴ', true
		case 'か' <= last && last <= 'と', 'カ' <= last && last <= 'ト', isHaRow(last):
			return last + 1, true
		}
	case 0x309a, 0x309c:
		if isHaRow(last) {
			return last + 2, true
		}
	}
	return 0, false
}

// isHaRow reports whether r is one of はひふへほ, ハヒフヘホ without a mark.
func isHaRow(r rune) bool {
	return 'は' <= r && r <= 'ほ' && (r-'は')%3 == 0 || 'ハ' <= r && r <= 'ホ' && (r-'ハ')%3 == 0
}

// isCJK reports whether r is written without spaces around words.
func isCJK(r rune) bool {
	switch {
	case r < 0x2e80:
		return false
	case r <= 0x9fff:
		return r >= 0x3400 || r >= 0x3040 && r <= 0x30ff && r != 0x30fb || r == 0x3005 || r == 0x3007
	}
	return 0xf900 <= r && r <= 0xfaff || 0x20000 <= r && r <= 0x3ffff
}
