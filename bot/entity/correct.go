package entity

import (
	"regexp"
	"slices"
)

// What takes a value back, in all languages (data/*.txt): a customer may mix
// them, and none of the patterns means anything else in another.
var (
	takenBack     = patterns("taken_back")
	corrects      = patterns("corrects")
	givenUpBefore = patterns("given_up_before")
	givenUpBehind = patterns("given_up_behind")
)

// corrected drops values that the same text takes back.
func corrected(text string, found []Entity) []Entity {
	out := found[:0]
	for i, e := range found {
		if next, ok := nextOf(e, found[i+1:]); ok && takesBack(text, e, next) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// nextOf is the next value of the same kind.
func nextOf(e Entity, rest []Entity) (Entity, bool) {
	for _, later := range rest {
		if later.Kind == e.Kind && later.Start >= e.End {
			return later, true
		}
	}
	return Entity{}, false
}

// codeName ends in what names a code, so that a "no" behind it is a number's.
var codeName = regexp.MustCompile(`(?i)(?:` + alternatives("code_names") + `)s?\s*$`)

func takesBack(text string, e, next Entity) bool {
	if givenUpBefore.MatchString(text[:e.Start]) || givenUpBehind.MatchString(text[e.End:]) {
		return true
	}
	between := text[e.End:next.Start]
	at := takenBack.FindStringIndex(between)
	return at != nil && !codeName.MatchString(between[:at[0]])
}

// restated is what may follow a code whose end was wrong: a correction, and the
// end as it should be.
var restated = regexp.MustCompile(`^([^\d]{1,40}?)(\d{2,6})(?:[^\d]|$)`)

// endings mends codes and telephones whose end the text takes back: "…8891, no,
// 8819".
func (s *search) endings() {
	for i := 0; i < len(s.found); i++ {
		e, at := s.found[i], s.at[i]
		if e.Kind != OrderNumber && e.Kind != TrackingNumber && e.Kind != Phone {
			continue
		}
		m := restated.FindStringSubmatchIndex(s.view.s[at.to:])
		if m == nil || !takenBack.MatchString(s.view.s[at.to:at.to+m[3]]) {
			continue
		}
		from, to := at.to+m[4], at.to+m[5]
		whole, ok := ending(e.Value, s.view.s[from:to])
		if !ok || s.measured(from, to) {
			continue
		}
		s.found[i].Value = whole
		for n := len(s.found) - 1; n >= 0; n-- { // the end alone is nothing
			if s.at[n] == (span{from, to}) {
				s.found, s.at = slices.Delete(s.found, n, n+1), slices.Delete(s.at, n, n+1)
				if n < i {
					i--
				}
			}
		}
		s.taken = append(s.taken, span{from, to})
	}
}

// ending is a code with another end, if what was said as a correction can be
// that: shorter than the code by two characters at least, and of more than two
// digits like its end.
func ending(code, said string) (string, bool) {
	n, keep := len(said), len(code)-len(said)
	if n < 2 || keep < 2 || digitsOf(said) < n {
		return "", false
	}
	old := []byte(code[keep:])
	differ := 0
	for i := range old {
		if old[i] != said[i] {
			differ++
		}
	}
	fresh := []byte(said)
	slices.Sort(old)
	slices.Sort(fresh)
	if n > 2 && differ > 2 && !slices.Equal(old, fresh) {
		return "", false
	}
	return code[:keep] + said, true
}

// Corrects tells whether a text takes something back: a value in it then
// replaces the one given before.
func Corrects(text string) bool { return corrects.MatchString(text) }
