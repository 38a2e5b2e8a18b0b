package tts

import (
	"strings"
	"unicode"
)

// maxSentence bounds a sentence in characters; a longer one is cut at a comma
// or space.
const maxSentence = 200

// Split cuts a text into sentences of any of the languages. White space and
// control characters between words become single spaces.
func Split(text string) []string {
	runes := []rune(Clean(text))
	var out []string
	from := 0
	for i, r := range runes {
		end := false
		switch {
		case strings.ContainsRune("。！？!?；;…", r):
			end = i+1 == len(runes) || !strings.ContainsRune("。！？!?；;…”’」』）)\"'", runes[i+1])
		case r == '.':
			// Not within numbers (3.50) and abbreviations (e.g. this).
			end = i+1 == len(runes) || runes[i+1] == ' ' && i+2 < len(runes) && !unicode.IsLower(runes[i+2]) && i-from > 3 && !initial(runes[:i])
		case i-from >= maxSentence:
			end = strings.ContainsRune(" ,，、", r) || i-from >= 2*maxSentence
		}
		if end {
			out = appendSentence(out, runes[from:i+1])
			from = i + 1
		}
	}
	return appendSentence(out, runes[from:])
}

func appendSentence(out []string, runes []rune) []string {
	s := strings.TrimSpace(string(runes))
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return out // nothing to be spoken
	}
	return append(out, s)
}

// Clean makes white space single spaces and removes control characters.
func Clean(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar || r == '\ufeff'
	}), " ")
}

// HasKana reports whether a text has Japanese syllables.
func HasKana(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana) })
}

// HasHan reports whether a text has Chinese characters (kanji).
func HasHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// initial reports whether runes end in a single capital letter: U.S, J
func initial(runes []rune) bool {
	n := len(runes)
	return n > 0 && unicode.IsUpper(runes[n-1]) && (n == 1 || !unicode.IsLetter(runes[n-2]))
}
