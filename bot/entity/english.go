package entity

import (
	"regexp"
	"strconv"
	"strings"
)

// What an English word in a spoken number is.
type wordClass int

const (
	otherWord  wordClass = iota
	unitWord             // zero to nine, oh
	teenWord             // ten to nineteen
	tensWord             // twenty to ninety
	scaleWord            // hundred, thousand, million
	timesWord            // double, triple
	digitsWord           // 4711
	letterWord           // a single letter, or a word of the spelling alphabet
	dashWord             // dash, hyphen
	andWord              // "two hundred and five"
)

type number struct {
	class wordClass
	value int
	text  string
	// spelling tells that it is a word of the spelling alphabet, which may be
	// an ordinary word or a name as well.
	spelling bool
}

var englishWords = func() map[string]number {
	m := map[string]number{
		"oh": {class: unitWord, text: "0"}, "nought": {class: unitWord, text: "0"}, "nil": {class: unitWord, text: "0"},
		"hundred": {class: scaleWord, value: 100}, "thousand": {class: scaleWord, value: 1000}, "million": {class: scaleWord, value: 1_000_000},
		"double": {class: timesWord, value: 2}, "triple": {class: timesWord, value: 3}, "treble": {class: timesWord, value: 3},
		"dash": {class: dashWord}, "hyphen": {class: dashWord}, "and": {class: andWord},
	}
	for i, w := range strings.Fields("zero one two three four five six seven eight nine") {
		m[w] = number{class: unitWord, value: i, text: strconv.Itoa(i)}
	}
	for i, w := range strings.Fields("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen") {
		m[w] = number{class: teenWord, value: 10 + i, text: strconv.Itoa(10 + i)}
	}
	for i, w := range strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety") {
		m[w] = number{class: tensWord, value: 20 + 10*i, text: strconv.Itoa(20 + 10*i)}
	}
	m["fourty"] = m["forty"]
	for i, w := range strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu") {
		m[w] = number{class: letterWord, text: string(rune('a' + i)), spelling: true}
	}
	return m
}()

var (
	wordOrDigits = regexp.MustCompile(`[a-z']+|\d+|[^a-z\d\s]+`)
	spelledAs    = regexp.MustCompile(`\b([a-z]),? (?:as in|for|like in|like) [a-z]+`)
)

type word struct {
	from, to int
	number
}

func classOf(s string) number {
	if n, ok := englishWords[s]; ok {
		return n
	}
	if s[0] >= '0' && s[0] <= '9' {
		return number{class: digitsWord, text: s}
	}
	if len(s) == 1 && s[0] >= 'a' && s[0] <= 'z' {
		return number{class: letterWord, text: s}
	}
	return number{}
}

// englishNumbers replaces runs of spoken digits, spelled letters and numbers in
// words. A single "one" is left alone: it is hardly ever a number.
func englishNumbers(v view) view {
	var spelled []change
	for _, m := range spelledAs.FindAllStringSubmatchIndex(v.s, -1) {
		if m[0] > 0 && v.s[m[0]-1] == '\'' {
			continue // "it's for my husband"
		}
		spelled = append(spelled, change{m[0], m[1], v.s[m[2]:m[3]]})
	}
	v = v.with(spelled)
	var changes []change
	var run []word
	flush := func(next string) {
		if len(run) > 1 && run[0].class == andWord && moneyWords[next] {
			run = run[1:]
		}
		if len(run) == 1 && run[0].class == unitWord && moneyWords[next] {
			changes = append(changes, change{run[0].from, run[0].to, run[0].text})
			run = run[:0]
			return
		}
		if len(run) > 0 && behindPoint(v.s[:run[0].from]) {
			run = run[:0] // "1.5 million"
			return
		}
		changes = append(changes, readRun(withoutPronoun(run, next))...)
		run = run[:0]
	}
	for _, at := range wordOrDigits.FindAllStringIndex(v.s, -1) {
		text := v.s[at[0]:at[1]]
		w := word{at[0], at[1], classOf(text)}
		if len(run) > 0 && !joins(v.s[run[len(run)-1].to:w.from]) {
			flush("")
		}
		switch {
		case text == "-" || text == "," || text == "...":
			// between words of a number, as people and recognisers write it
		case w.class == otherWord:
			if n := len(run); n > 0 && run[n-1].class == tensWord && ordinals[text] > 0 {
				run = run[:n-1] // "twenty first" is for the dates
			}
			flush(text)
		default:
			run = append(run, w)
		}
	}
	flush("")
	return v.with(changes)
}

// moneyWords make even a single word before them a number.
var moneyWords = map[string]bool{"dollar": true, "dollars": true, "bucks": true, "pound": true, "pounds": true, "quid": true, "euro": true, "euros": true, "cents": true, "pence": true, "yen": true, "yuan": true, "grand": true}

// behindPoint tells that a text ends in the point of a decimal number.
func behindPoint(text string) bool {
	n := len(text)
	return n >= 2 && text[n-1] == '.' && text[n-2] >= '0' && text[n-2] <= '9'
}

// withoutPronoun drops a lone "i" or "a" at the end of a run of digits: "four
// seven one one i want it back", unless nothing follows.
func withoutPronoun(run []word, next string) []word {
	n := len(run)
	if n < 2 || next == "" || run[n-1].text != "i" && run[n-1].text != "a" || run[n-2].class == letterWord {
		return run
	}
	return run[:n-1]
}

// joins tells whether what stands between two words can be within a number.
func joins(between string) bool {
	return strings.Trim(between, " -,.") == "" && len(between) <= 4
}

// readRun reads a run of words that may be a number or a code.
func readRun(run []word) []change {
	for len(run) > 0 && (run[0].class == andWord || run[0].class == dashWord) {
		run = run[1:]
	}
	for len(run) > 0 && (run[len(run)-1].class == andWord || run[len(run)-1].class == dashWord) {
		run = run[:len(run)-1]
	}
	for i, w := range run { // "and" is for cardinals alone
		if w.class == andWord && (i == 0 || run[i-1].class != scaleWord) {
			return append(readRun(run[:i]), readRun(run[i+1:])...)
		}
	}
	words, digits, letters, scales, spelling := 0, 0, 0, 0, -1
	for i, w := range run {
		switch w.class {
		case unitWord, teenWord, tensWord:
			words++
			digits += len(w.text)
		case digitsWord:
			digits += len(w.text)
		case letterWord:
			letters++
			if w.spelling {
				spelling = i
			}
		case scaleWord:
			scales++
		}
	}
	switch {
	case letters == 1 && spelling >= 0: // "november 13", "mike": a word for itself
		return append(readRun(run[:spelling]), readRun(run[spelling+1:])...)
	case scales > 0 && cardinal(run):
		return cardinals(run)
	case words == 0 && !singles(run) && !spelled(run) || digits == 0:
		return nil
	case words == 1 && digits == 1 && letters == 0 && len(run) == 1:
		return nil
	case letters > 0 && digits < 2:
		return withoutLetters(run)
	}
	return digitByDigit(zeros(run))
}

// zeros reads the letter o as the digit where all else are digits: "o seven
// seven double o nine".
func zeros(run []word) []word {
	for _, w := range run {
		if w.class == letterWord && w.text != "o" {
			return run
		}
	}
	for i, w := range run {
		if w.class == letterWord {
			run[i].number = number{class: unitWord, text: "0"}
		}
	}
	return run
}

// spelled tells that a run is letters one by one with a number behind: "k y f
// 176".
func spelled(run []word) bool {
	letters := 0
	for letters < len(run) && run[letters].class == letterWord {
		letters++
	}
	return letters >= 2 && letters == len(run)-1 && run[letters].class == digitsWord && len(run[letters].text) > 1
}

// cardinal tells that a run is one number in words: "two thousand three hundred
// and five", not "seven nine hundred one two".
func cardinal(run []word) bool {
	const none, small, tens, whole = 0, 1, 2, 3 // what the part before the next scale ends in
	part, last := none, 1<<62
	for i, w := range run {
		switch w.class {
		case unitWord:
			if part != none && part != tens || w.value == 0 && len(run) > 1 {
				return false
			}
			part = small
		case teenWord, digitsWord:
			if part != none {
				return false
			}
			part = whole
		case tensWord:
			if part != none {
				return false
			}
			part = tens
		case letterWord:
			if w.text != "a" || i > 0 {
				return false
			}
		case scaleWord:
			if w.value >= last || i > 0 && part == none && run[i-1].class != scaleWord && run[i-1].class != letterWord {
				return false
			}
			if w.value > 100 {
				last = w.value
			}
			part = none
		case timesWord, dashWord:
			return false
		}
	}
	return true
}

// singles tells whether a run is digits or letters one by one: "4 7 1 1".
func singles(run []word) bool {
	if len(run) < 3 {
		return false
	}
	for _, w := range run {
		if len(w.text) != 1 {
			return false
		}
	}
	return true
}

func withoutLetters(run []word) []change {
	for i, w := range run {
		if w.class == letterWord {
			return append(readRun(run[:i]), readRun(run[i+1:])...)
		}
	}
	return nil
}

// digitByDigit writes a run as one code: "forty seven double one" is 4711.
func digitByDigit(run []word) []change {
	// A letter at the edge of a run that has no further letters is an article
	// or a pronoun more often than part of a code: "a two four".
	if len(run) > 1 && run[0].class == letterWord && (run[0].text == "a" || run[0].text == "i") && run[1].class != letterWord && len(run) < 5 {
		run = run[1:]
	}
	var out []change
	end := -1
	emit := func(w word, text string, from int) {
		if end >= 0 {
			from = end // what stands between is not kept
		}
		out = append(out, change{from, w.to, text})
		end = w.to
	}
	for i := 0; i < len(run); i++ {
		w := run[i]
		switch w.class {
		case timesWord:
			if i+1 < len(run) && len(run[i+1].text) == 1 {
				emit(run[i+1], strings.Repeat(run[i+1].text, w.value), w.from)
				i++
			}
		case tensWord:
			text := w.text
			if i+1 < len(run) && run[i+1].class == unitWord && run[i+1].value > 0 {
				text = text[:1] // "forty seven": the seven follows
			}
			emit(w, text, w.from)
		case dashWord:
			emit(w, "-", w.from)
		case scaleWord: // "nine hundred one two three" within a telephone number
			if i > 0 && w.value <= 1000 {
				emit(w, strings.Repeat("0", len(strconv.Itoa(w.value))-1), w.from)
			}
		case unitWord, teenWord, digitsWord, letterWord:
			emit(w, w.text, w.from)
		}
	}
	return out
}

// cardinals reads "two thousand three hundred and fifty" as 2350.
func cardinals(run []word) []change {
	total, part, from := 0, 0, -1
	for _, w := range run {
		if from < 0 {
			from = w.from
		}
		switch w.class {
		case unitWord, teenWord, tensWord:
			part += w.value
		case digitsWord:
			n, err := strconv.Atoi(w.text)
			if err != nil || n > 1_000_000 {
				return nil
			}
			part += n
		case letterWord:
			if w.text != "a" { // "a hundred"
				return nil
			}
		case scaleWord:
			part = max(part, 1)
			if w.value == 100 {
				part *= 100
			} else {
				total, part = total+part*w.value, 0
			}
		}
		if part > 1_000_000_000 || total > 1_000_000_000_000 {
			return nil
		}
	}
	return []change{{from, run[len(run)-1].to, strconv.Itoa(total + part)}}
}
