package journey

import (
	"slices"
	"strings"

	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/phone"
)

// dialplan finds the number that was dialled. What can be said of the numbers in
// use beforehand is said when it is made, so that a call does not go through all
// of them. Where several are dialled in the same way, the first is meant.
type dialplan struct {
	written   map[string][]*setup.Number                  // by what is written, without a leading plus
	worldwide map[string]map[phone.Number][]*setup.Number // by E.164, for each country of numbers without a prefix
}

// newDialplan takes the numbers in use, in their order, and the countries in which
// they may be dialled without a prefix.
func newDialplan(numbers []setup.Number, countries []string) dialplan {
	d := dialplan{written: map[string][]*setup.Number{}, worldwide: map[string]map[phone.Number][]*setup.Number{}}
	for _, country := range countries {
		d.worldwide[country] = map[phone.Number][]*setup.Number{}
	}
	for i := range numbers {
		n := &numbers[i]
		if !n.Enabled {
			continue
		}
		plain := strings.TrimPrefix(n.Number, "+")
		d.written[plain] = append(d.written[plain], n)
		for country, known := range d.worldwide {
			if own, err := phone.Normalise(n.Number, country); err == nil && own.Kind == phone.E164 {
				known[own] = append(known[own], n)
			}
		}
	}
	return d
}

// find finds what was dialled on a line, empty for no line: the number as it came,
// with a leading plus where one was left out, or else what is the same number
// worldwide.
func (d dialplan) find(dialled, lineID, country string) (setup.Number, bool) {
	if n, ok := onLine(d.written[strings.TrimPrefix(dialled, "+")], lineID); ok {
		return n, true
	}
	own, err := phone.Normalise(dialled, country)
	if err != nil || own.Kind != phone.E164 {
		return setup.Number{}, false
	}
	return onLine(d.worldwide[country][own], lineID)
}

// onLine is the first of some numbers that a line has.
func onLine(numbers []*setup.Number, lineID string) (setup.Number, bool) {
	for _, n := range numbers {
		if lineID == "" || len(n.LineIDs) == 0 || slices.Contains(n.LineIDs, lineID) {
			return *n, true
		}
	}
	return setup.Number{}, false
}
