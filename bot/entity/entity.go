// Package entity finds what a customer's words name: order and tracking
// numbers, telephone numbers, e-mail addresses, amounts, dates, card tails,
// names, addresses and products, in Chinese, English and Japanese, written or
// spoken ("four seven one one", "幺三八", "ゼロ九ゼロ"), with the place where each
// was said and its normalised value.
//
// It knows texts. It does not know intents, packs or dialogues: what was asked
// for, and what would be of use, are told to it.
package entity

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Kind is a slot's id, which is the same in packs, flows and tickets.
type Kind string

// The kinds of entities.
const (
	OrderNumber    Kind = "order_number" // also application, ticket, receipt and refund references
	TrackingNumber Kind = "tracking_number"
	Phone          Kind = "phone"
	Email          Kind = "email"
	Amount         Kind = "amount"
	Date           Kind = "date"
	CardTail       Kind = "card_tail" // the last three or four digits of a card
	Name           Kind = "name"
	Address        Kind = "address"
	Product        Kind = "product"
)

// Kinds are all kinds, in the order in which they are looked for.
var Kinds = []Kind{Email, Phone, CardTail, TrackingNumber, OrderNumber, Amount, Date, Address, Name, Product}

// Entity is one thing that was named.
type Entity struct {
	Kind Kind `json:"kind"`
	// Value is normalised: codes and numbers without separators, letters in
	// upper case; amounts as a decimal number; dates as YYYY-MM-DD, MM-DD or
	// the relative phrase as it was said.
	Value string `json:"value"`
	// Text is what was said, the bytes Start to End of the text.
	Text  string `json:"text"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	// Named tells that a word beside it said what it is ("order number …").
	Named bool `json:"named,omitempty"`
	// Invalid tells that it does not follow the customer's check pattern.
	Invalid bool `json:"invalid,omitempty"`
}

// Options say what is expected; the zero value expects nothing.
type Options struct {
	Language string // zh, en or ja (longer tags too); empty: by the script
	// Pending is the slot that was asked for: a bare number or text is it.
	Pending Kind
	// Wanted are slots that the present topic can use: a bare code becomes the
	// first of them that it could be.
	Wanted []Kind
	// Checks are patterns that codes must match as a whole, in their normalised
	// form; a code that does not is reported as Invalid.
	Checks map[Kind]*regexp.Regexp
	// Country (ISO 3166) of telephone numbers without prefix. Defaults to that
	// of the language: CN, US, JP.
	Country string
	// Products are the customer's own product names; nil for none.
	Products *Products
	// Goods tells that texts name things that are bought: what no list has is
	// looked for as well.
	Goods bool
}

// maxText bounds how much of a text is read, in bytes; what people say or type
// in one turn is far shorter.
const maxText = 4000

// Extract finds the entities of a text, in the order of their places. Of two
// values of a kind with a correction between them ("4711, no, 4712") only the
// later one stays.
func Extract(text string, opt Options) []Entity {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return corrected(text, extract(text, opt).found)
}

// extract finds everything, also what the text takes back.
func extract(text string, opt Options) *search {
	s := look(text, opt)
	s.products()
	s.wholeReply()
	slices.SortStableFunc(s.found, func(a, b Entity) int { return a.Start - b.Start })
	return s
}

// look finds all but products and replies that are taken as a whole.
func look(text string, opt Options) *search {
	lang := languageOf(opt.Language, text)
	s := &search{view: spoken(fold(text), lang), lang: lang, opt: opt}
	if s.opt.Country == "" {
		s.opt.Country = cmp.Or(map[string]string{"zh": "CN", "ja": "JP"}[lang], "US")
	}
	s.emails()
	if digitsOf(s.view.s) > 0 {
		s.cards()
		s.codeReply()
		s.namedCodes()
		s.phones()
		s.trackingNumbers()
	}
	s.dates()
	if digitsOf(s.view.s) > 0 {
		s.amounts()
	}
	s.addresses()
	if digitsOf(s.view.s) > 0 {
		s.bareCodes()
		s.bareAmounts()
	}
	s.names()
	s.endings()
	return s
}

// search is the work on one text. Places that are taken are not read again.
type search struct {
	view  view
	lang  string
	opt   Options
	found []Entity
	at    []span // in the view, of each that was found
	taken []span // places that are nothing that is looked for: an account's number
}

type span struct{ from, to int }

func (s *search) free(from, to int) bool {
	over := func(t span) bool { return from < t.to && t.from < to }
	return from < to && !slices.ContainsFunc(s.at, over) && !slices.ContainsFunc(s.taken, over)
}

// add reports what the view's bytes from to to are, unless they are taken.
func (s *search) add(kind Kind, value string, from, to int, named bool) bool {
	if value == "" || !s.free(from, to) {
		return false
	}
	s.at = append(s.at, span{from, to})
	e := Entity{Kind: kind, Value: value, Named: named}
	e.Start, e.End = s.view.place(from, to)
	e.Text = s.view.text[e.Start:e.End]
	if check := s.opt.Checks[kind]; check != nil {
		at := check.FindStringIndex(value)
		e.Invalid = at == nil || at[0] != 0 || at[1] != len(value)
	}
	s.found = append(s.found, e)
	return true
}

func (s *search) wants(kind Kind) bool {
	return s.opt.Pending == kind || slices.Contains(s.opt.Wanted, kind)
}

func (s *search) has(kind Kind) bool {
	return slices.ContainsFunc(s.found, func(e Entity) bool { return e.Kind == kind })
}
