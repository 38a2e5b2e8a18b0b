package entity

import "regexp"

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

// Corrects tells whether a text takes something back: a value in it then
// replaces the one given before.
func Corrects(text string) bool { return corrects.MatchString(text) }
