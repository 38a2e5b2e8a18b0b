package entity

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	replyLead = regexp.MustCompile(`(?i)^(?:(?:` + alternatives("reply_leads") + `)[\s,，、。.:：]*)+`)
	replyTail = regexp.MustCompile(`(?i)[\s,，、。.!！]*(?:` + alternatives("reply_tails") + `)*[\s,，、。.!！]*$`)
	question  = regexp.MustCompile(`(?i)[?？]\s*$|^\s*(?:` + alternatives("question_leads") + `)|(?:` + alternatives("question_tails") + `)\s*$|` + alternatives("unknown_answers"))
)

// wholeReply takes the answer to the question for a name, an address or a
// product as a whole, when no pattern found it in there.
func (s *search) wholeReply() {
	kind := s.opt.Pending
	if kind != Name && kind != Address && kind != Product || s.has(kind) && (kind != Address || s.lang != "en") {
		return
	}
	text := s.view.s
	from, to := 0, len(text)
	if m := replyLead.FindStringIndex(text); m != nil {
		from = m[1]
	}
	if m := replyTail.FindStringIndex(text[from:]); m != nil {
		to = from + m[0]
	}
	from += len(text[from:to]) - len(strings.TrimLeft(text[from:to], " "))
	if from >= to || question.MatchString(text) {
		return
	}
	reply := s.view.said(from, to)
	runes, words, hasDigit := utf8.RuneCountInString(reply), len(strings.Fields(reply)), strings.ContainsFunc(reply, unicode.IsDigit)
	switch kind {
	case Name:
		han := strings.ContainsFunc(reply, func(r rune) bool { return r >= 0x2e80 })
		if hasDigit || words > 4 || runes < 2 || han && runes > 8 || strings.ContainsAny(reply, ",，。、") || notName[strings.ToLower(reply)] {
			return
		}
	case Address:
		if s.has(Address) && !s.restOfAddress(from, to) {
			return
		}
		if runes < 5 || runes > 150 || !hasDigit && words < 3 && runes < 6 {
			return
		}
		s.drop(from, to) // numbers in it are part of it
	case Product:
		if runes < 2 || runes > 60 || words > 8 {
			return
		}
	}
	s.add(kind, reply, from, to, false)
}

// restOfAddress tells that a reply is the address that was found in it and a
// few words more that can belong to it: "14 harbour street bristol".
func (s *search) restOfAddress(from, to int) bool {
	start, end := s.view.place(from, to)
	for i, e := range s.found {
		if e.Kind != Address || e.Start < start || e.End > end {
			continue
		}
		at := s.at[i]
		more := strings.Fields(s.view.s[from:at.from] + " " + s.view.s[at.to:to])
		for _, w := range more {
			if enStops[strings.Trim(w, ",.'")] {
				return false
			}
		}
		if len(more) == 0 || len(more) > 5 {
			return false
		}
		s.found, s.at = slices.Delete(s.found, i, i+1), slices.Delete(s.at, i, i+1)
		return true
	}
	return false
}

// drop gives up what was found within a place.
func (s *search) drop(from, to int) {
	start, end := s.view.place(from, to)
	kept, spans := s.found[:0], s.at[:0]
	for i, e := range s.found {
		if e.Start >= start && e.End <= end && !e.Named && e.Kind != Phone && e.Kind != Email {
			continue
		}
		kept, spans = append(kept, e), append(spans, s.at[i])
	}
	s.found, s.at = kept, spans
}
