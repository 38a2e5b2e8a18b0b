package journey

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
)

func TestNumbersAreFoundAsTheyAreDialled(t *testing.T) {
	in := loaded(t)
	for _, c := range []struct{ name, dialled, line, want string }{
		{"as written", "+8675512345678", "ln_1", "nu_1"},
		{"without the plus", "8675512345678", "ln_1", "nu_1"},
		{"plus added by the carrier", "+9000", "ln_1", "nu_2"},
		{"the same number on another line", "9000", "ln_2", "nu_3"},
		{"from a desk phone or the test phone", "9000", "", "nu_2"},
		{"on a line that does not have it", "9000", "ln_9", ""},
		{"switched off", "9009", "ln_1", ""},
		{"as within the country", "075512345678", "ln_1", "nu_1"},
		{"with the prefix for abroad", "008675512345678", "ln_1", "nu_1"},
		{"unknown", "12345", "ln_1", ""},
		{"only the beginning", "900", "ln_1", ""},
		{"nothing", "", "ln_1", ""},
	} {
		n, ok := in.number(c.dialled, c.line)
		if n.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q on %s gives %q %v, want %q", c.name, c.dialled, c.line, n.ID, ok, c.want)
		}
	}
}

// Of numbers that are dialled in the same way the first is meant that the line
// has; what is written goes before what is the same worldwide; and each line has
// its own country.
func TestNumbersThatAreDialledAlike(t *testing.T) {
	japan := setup.Line{Meta: setup.Meta{ID: "ln_jp"}, DefaultCountry: "JP"}
	in := &installation{home: "CN", Installation: setup.Installation{Lines: []setup.Line{japan}}}
	var numbers []setup.Number
	for _, n := range []struct {
		id, number string
		lines      []string
		enabled    bool
	}{
		{"off", "+8675512345678", nil, false},
		{"sz_national", "075512345678", []string{"ln_1"}, true}, {"sz_world", "+8675512345678", nil, true}, {"sz_again", "8675512345678", nil, true},
		{"tokyo", "0312345678", nil, true}, {"tokyo_world", "+81312345678", []string{"ln_1"}, true},
		{"short", "9000", nil, true}, {"short_plus", "+9000", nil, true},
	} {
		numbers = append(numbers, setup.Number{Meta: setup.Meta{ID: n.id}, Number: n.number, LineIDs: n.lines, Enabled: n.enabled})
	}
	in.dialplan = newDialplan(numbers, []string{"CN", "JP"})
	for _, c := range []struct{ name, dialled, line, want string }{
		{"written so", "+8675512345678", "ln_1", "sz_world"},
		{"written without the plus", "8675512345678", "ln_2", "sz_world"},
		{"worldwide the same as three, on a line that has all", "008675512345678", "ln_1", "sz_national"},
		{"and on one that has not the first", "008675512345678", "ln_2", "sz_world"},
		{"on no line", "0086 755 1234 5678", "", "sz_national"},
		{"written nationally", "0312345678", "ln_jp", "tokyo"},
		{"from abroad, on the line of that country", "+81312345678", "ln_jp", "tokyo"},
		{"the same on a line of another country", "0081312345678", "ln_1", "tokyo_world"},
		{"and on one that has not that number", "0081312345678", "ln_2", ""},
		{"a short number with and without a plus", "+9000", "ln_1", "short"},
	} {
		if n, _ := in.number(c.dialled, c.line); n.ID != c.want {
			t.Errorf("%s: %q on %q gives %q, want %q", c.name, c.dialled, c.line, n.ID, c.want)
		}
	}
}

// A call costs the same with three numbers and with thousands, in whichever form
// they are written and dialled.
func TestFindingANumberDoesNotGrow(t *testing.T) {
	cost := func(others int) float64 {
		s := shopShelf(t)
		for i := range others {
			n := setup.Number{Number: fmt.Sprintf("0755%08d", 23000000+i), FlowID: "fl_good", Enabled: true}
			s.put(t, account.KindNumber, fmt.Sprintf("nu_a%05d", i), "", n)
		}
		in, _ := loadInstallation(t.Context(), s, "CN")
		if len(in.Numbers) < others {
			t.Fatalf("%d numbers are known", len(in.Numbers))
		}
		return testing.AllocsPerRun(20, func() {
			for dialled, want := range map[string]string{"075512345678": "nu_1", "+867552300000": "", "19999999999": ""} {
				if n, _ := in.number(dialled, "ln_1"); n.ID != want {
					t.Errorf("%s is %q", dialled, n.ID)
				}
			}
		})
	}
	few, many := cost(3), cost(3000)
	t.Logf("%.0f allocations with few numbers, %.0f with many", few, many)
	if many > few+10 {
		t.Errorf("three calls allocate %.0f times with few numbers, %.0f times with thousands", few, many)
	}
}

// The log has no more of an unknown number than what it ends with: who dials with
// overlap sends what was typed behind it, too.
func TestDialledDigitsStayOutOfTheLog(t *testing.T) {
	c := newNode("nd_a", newDepot(), newHub())
	var log bytes.Buffer
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	calls := call.New(call.Config{}, nil, media.NewEngine(media.EngineConfig{Shards: 1}), nil, c.log)
	defer calls.Close()
	leg, err := calls.NewQuietLeg(call.Info{ID: "lg_1", Dialled: "+8675599999999,6222021234567890" + strings.Repeat("1", 1000), LineID: "ln_1"})
	if err != nil {
		t.Fatal(err)
	}
	defer leg.Hangup(call.SystemError)
	c.inbound(leg)
	got := log.String()
	if !strings.Contains(got, "number not found") || !strings.Contains(got, "********1111 ") {
		t.Errorf("logged: %s", got)
	}
	if strings.Contains(got, "6222") || strings.Contains(got, "755") || len(got) > 300 {
		t.Errorf("logged: %s", got)
	}
}
