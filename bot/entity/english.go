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
}

var englishWords = func() map[string]number {
	m := map[string]number{
		"oh": {unitWord, 0, "0"}, "nought": {unitWord, 0, "0"}, "nil": {unitWord, 0, "0"},
		"hundred": {class: scaleWord, value: 100}, "thousand": {class: scaleWord, value: 1000}, "million": {class: scaleWord, value: 1_000_000},
		"double": {class: timesWord, value: 2}, "triple": {class: timesWord, value: 3}, "treble": {class: timesWord, value: 3},
		"dash": {class: dashWord}, "hyphen": {class: dashWord}, "and": {class: andWord},
	}
	for i, w := range strings.Fields("zero one two three four five six seven eight nine") {
		m[w] = number{unitWord, i, strconv.Itoa(i)}
	}
	for i, w := range strings.Fields("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen") {
		m[w] = number{teenWord, 10 + i, strconv.Itoa(10 + i)}
	}
	for i, w := range strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety") {
		m[w] = number{tensWord, 20 + 10*i, strconv.Itoa(20 + 10*i)}
	}
	m["fourty"] = m["forty"]
	for i, w := range strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu") {
		m[w] = number{letterWord, 0, string(rune('a' + i))}
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
		return number{digitsWord, 0, s}
	}
	if len(s) == 1 && s[0] >= 'a' && s[0] <= 'z' {
		return number{letterWord, 0, s}
	}
	return number{}
}

// englishNumbers replaces runs of spoken digits, spelled letters and numbers in
// words. A single "one" is left alone: it is hardly ever a number.
func englishNumbers(v view) view {
	var spelled []change
	for _, m := range spelledAs.FindAllStringSubmatchIndex(v.s, -1) {
		spelled = append(spelled, change{m[0], m[1], v.s[m[2]:m[3]]})
	}
	v = v.with(spelled)
	var changes []change
	var run []word
	flush := func() {
		changes = append(changes, readRun(run)...)
		run = run[:0]
	}
	for _, at := range wordOrDigits.FindAllStringIndex(v.s, -1) {
		text := v.s[at[0]:at[1]]
		w := word{at[0], at[1], classOf(text)}
		if len(run) > 0 && !joins(v.s[run[len(run)-1].to:w.from]) {
			flush()
		}
		switch {
		case text == "-" || text == "," || text == "...":
			// between words of a number, as people and recognisers write it
		case w.class == otherWord:
			if n := len(run); n > 0 && run[n-1].class == tensWord && ordinals[text] > 0 {
				run = run[:n-1] // "twenty first" is for the dates
			}
			flush()
		default:
			run = append(run, w)
		}
	}
	flush()
	return v.with(changes)
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
	words, digits, letters, scales := 0, 0, 0, 0
	for _, w := range run {
		switch w.class {
		case unitWord, teenWord, tensWord:
			words++
			digits += len(w.text)
		case digitsWord:
			digits += len(w.text)
		case letterWord:
			letters++
		case scaleWord:
			scales++
		}
	}
	switch {
	case scales > 0:
		return cardinals(run)
	case words == 0 && !singles(run) || digits == 0:
		return nil
	case words == 1 && digits == 1 && letters == 0 && len(run) == 1:
		return nil
	case letters > 0 && digits < 2:
		return withoutLetters(run)
	}
	return digitByDigit(run)
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
