package nlu

import "unicode"

// Language tells Chinese ("zh"), Japanese ("ja") and English ("en") apart by
// script: kana are Japanese; Han characters alone are Chinese unless the
// conversation so far was Japanese; other letters are English. A text without
// letters (digits, emoji, nothing) keeps last, the language of the conversation
// so far, and so do a few Latin words in a conversation that is Chinese or
// Japanese ("OK", "iPhone 15 Pro"). An empty last means "en".
func Language(text, last string) string {
	var kana, han, latin, words int
	inWord := false
	for i, r := range text {
		if i > 4*maxRunes {
			break
		}
		letter := false
		switch {
		case r >= 0x3041 && r <= 0x30fa || r >= 0xff66 && r <= 0xff9d:
			kana++
		case isCJK(r) && r != 'ー':
			han++
		case unicode.IsLetter(r):
			latin++
			letter = true
			if !inWord {
				words++
			}
		}
		inWord = letter
	}
	if last == "" {
		last = "en"
	}
	switch {
	case kana > 0:
		return "ja"
	case han > 0 && last == "ja":
		return "ja"
	case han > 0:
		return "zh"
	case latin > 0 && (last == "en" || words > 3):
		return "en"
	}
	return last
}
