package journey

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/sip"
)

// shelf is a store of administered records that only gives them out.
type shelf struct {
	account.Store
	records []account.Record
	err     error
}

func (s *shelf) put(t *testing.T, kind account.Kind, id, key string, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	s.records = append(s.records, account.Record{Kind: kind, ID: id, Key: key, Version: 1, Body: raw})
}

func (s *shelf) Records(_ context.Context, kind account.Kind, page account.Page) ([]account.Record, error) {
	var out []account.Record
	for _, r := range s.records {
		if r.Kind == kind && r.ID > page.After {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b account.Record) int { return strings.Compare(a.ID, b.ID) })
	if page.Limit > 0 && len(out) > page.Limit {
		out = out[:page.Limit]
	}
	return out, s.err
}

func (s *shelf) Record(_ context.Context, kind account.Kind, id string) (account.Record, error) {
	for _, r := range s.records {
		if r.Kind == kind && r.ID == id {
			return r, nil
		}
	}
	return account.Record{}, account.ErrNotFound
}

const goodFlow = "flow: fl_good\nname: Good\nlanguages: [en]\nstart: wait\nhuman: wait\nnodes:\n  wait: {type: queue, queue: qu_sales}\n"

// shopShelf has one of everything, and some that are switched off.
func shopShelf(t *testing.T) *shelf {
	s := &shelf{}
	q := setup.NewQueue()
	q.Name = "Sales"
	s.put(t, account.KindQueue, "qu_sales", q.Name, q)
	q.Name, q.Enabled = "Closed", false
	s.put(t, account.KindQueue, "qu_closed", q.Name, q)
	a := setup.NewAgent()
	a.Name, a.DeviceID, a.Queues = "Lin Wei", "dv_1", []string{"qu_sales"}
	s.put(t, account.KindAgent, "ag_1", "", a)
	a.Name, a.DeviceID, a.Enabled = "Left", "dv_2", false
	s.put(t, account.KindAgent, "ag_2", "", a)
	for _, f := range []struct {
		id, name, text string
		published      int
	}{{"fl_good", "Good", goodFlow, 3}, {"fl_broken", "Broken", "flow: fl_broken\nnodes: [", 1}, {"fl_draft", "Draft", "", 0}} {
		s.put(t, account.KindFlow, f.id, f.name, setup.Flow{Name: f.name, Published: f.published, Latest: f.published})
		if f.published > 0 {
			v := setup.FlowVersionID(f.id, f.published)
			s.put(t, account.KindFlowVersion, v, v, setup.FlowVersion{FlowID: f.id, Version: f.published, Text: f.text})
		}
	}
	for _, n := range []struct {
		id, number string
		lines      []string
		enabled    bool
	}{
		{"nu_1", "+8675512345678", nil, true}, {"nu_2", "9000", []string{"ln_1"}, true},
		{"nu_3", "9000", []string{"ln_2"}, true}, {"nu_4", "9009", nil, false},
	} {
		s.put(t, account.KindNumber, n.id, n.id, setup.Number{Number: n.number, LineIDs: n.lines, FlowID: "fl_good", Enabled: n.enabled})
	}
	l := setup.NewLine()
	l.Name, l.Hosts = "Carrier", []string{"192.0.2.0/24"}
	s.put(t, account.KindLine, "ln_1", l.Name, l)
	l.Name, l.Mode, l.Hosts, l.Server, l.Username, l.Password, l.MaxCalls = "Trunk", setup.LineByRegister, nil, "sip.example.org", "u", "p", 30
	s.put(t, account.KindLine, "ln_2", l.Name, l)
	l.Name, l.Enabled = "Off", false
	s.put(t, account.KindLine, "ln_3", l.Name, l)
	s.put(t, account.KindDevice, "dv_1", "phone1", setup.Device{Name: "Desk 1", Username: "phone1", Password: "secret", DisplayName: "Lin", Enabled: true})
	s.put(t, account.KindDevice, "dv_2", "phone2", setup.Device{Name: "Desk 2", Username: "phone2", Enabled: false})
	s.put(t, account.KindCalendar, "ca_shop", "Shop hours", setup.Calendar{Name: "Shop hours", Timezone: "Asia/Tokyo"})
	return s
}

// loaded is the shop; the broken flow is told and left out.
func loaded(t *testing.T) *installation {
	t.Helper()
	in, err := loadInstallation(t.Context(), shopShelf(t), "CN")
	if in == nil {
		t.Fatal(err)
	}
	if err == nil || !strings.Contains(err.Error(), "fl_broken") || strings.Contains(err.Error(), "fl_good") {
		t.Errorf("the error should name the broken flow alone: %v", err)
	}
	return in
}

// Flows name queues, flows, agents and hours by id, by the id without its
// prefix, or by name.
func TestReferencesByIDAndByName(t *testing.T) {
	in := loaded(t)
	for ref, want := range map[string]bool{"qu_sales": true, "sales": true, "SALES": true, "qu_closed": false, "closed": false, "none": false, "": false} {
		if q, ok := in.queueRef(ref); ok != want || ok && q.ID != "qu_sales" {
			t.Errorf("queue %q: %q %v", ref, q.ID, ok)
		}
	}
	for ref, want := range map[string]bool{"fl_good": true, "good": true, "fl_broken": false, "Broken": false, "fl_draft": false, "none": false} {
		id, f, ok := in.flowRef(ref)
		if ok != want || ok && (id != "fl_good" || f == nil) {
			t.Errorf("flow %q: %q %v", ref, id, ok)
		}
	}
	if in.version["fl_good"] != 3 {
		t.Errorf("version of the flow is %d", in.version["fl_good"])
	}
	for ref, want := range map[string]bool{"ag_1": true, "lin wei": true, "ag_2": false, "Left": false} {
		if a, ok := in.agentRef(ref); ok != want || ok && a.ID != "ag_1" {
			t.Errorf("agent %q: %q %v", ref, a.ID, ok)
		}
	}
	for ref, want := range map[string]bool{"ca_shop": true, "shop": true, "shop hours": true, "none": false} {
		if c, ok := in.calendar(ref); ok != want || ok && c.ID != "ca_shop" {
			t.Errorf("hours %q: %q %v", ref, c.ID, ok)
		}
	}
	if a, ok := in.owner("dv_1"); !ok || a.ID != "ag_1" {
		t.Errorf("owner of dv_1: %q %v", a.ID, ok)
	}
	for _, device := range []string{"dv_2", "dv_9", ""} {
		if a, ok := in.owner(device); ok {
			t.Errorf("device %q belongs to %s", device, a.ID)
		}
	}
}

// The signalling gets what is switched on, in its own words.
func TestLinesAndDevicesForTheSignalling(t *testing.T) {
	in := loaded(t)
	lines := in.lines()
	if len(lines) != 2 {
		t.Fatalf("lines %+v", lines)
	}
	if l := lines[0]; l.ID != "ln_1" || l.Mode != sip.ModeIP || !slices.Equal(l.Hosts, []string{"192.0.2.0/24"}) {
		t.Errorf("line by address %+v", l)
	}
	if l := lines[1]; l.ID != "ln_2" || l.Mode != sip.ModeRegister || l.Server != "sip.example.org" || l.Username != "u" || l.Password != "p" || l.MaxCalls != 30 || l.Expires <= 0 {
		t.Errorf("line that registers %+v", l)
	}
	devices := in.devices()
	if len(devices) != 1 || devices[0] != (sip.Device{ID: "dv_1", Username: "phone1", Password: "secret", DisplayName: "Lin"}) {
		t.Errorf("devices %+v", devices)
	}
}

func TestSkillsHaveASteadyOrder(t *testing.T) {
	for range 20 {
		got := needs(map[string]int{"zh": 3, "billing": 2, "en": 1})
		if len(got) != 3 || got[0].Skill != "billing" || got[0].Level != 2 || got[1].Skill != "en" || got[2].Skill != "zh" {
			t.Fatalf("needs %+v", got)
		}
	}
}

// A store that fails, or a published version that is missing, is no
// installation at all: the one before goes on.
func TestLoadingFails(t *testing.T) {
	away := errors.New("database is away")
	s := shopShelf(t)
	s.err = away
	if in, err := loadInstallation(t.Context(), s, "CN"); in != nil || !errors.Is(err, away) {
		t.Errorf("gave %v, %v", in, err)
	}
	s = shopShelf(t)
	s.records = slices.DeleteFunc(s.records, func(r account.Record) bool { return r.Kind == account.KindFlowVersion })
	if in, err := loadInstallation(t.Context(), s, "CN"); in != nil || !errors.Is(err, account.ErrNotFound) {
		t.Errorf("without versions: %v, %v", in, err)
	}
}
