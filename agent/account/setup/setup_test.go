package setup

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
)

// TestBodiesAreThoseOfTheAgentPackage holds the promise that a record's body
// can be decoded as the router's type.
func TestBodiesAreThoseOfTheAgentPackage(t *testing.T) {
	q := NewQueue()
	q.ID, q.Name, q.Demo = "qu_1", "Sales", true
	q.Skills = []agent.SkillNeed{{Skill: "zh", Level: 3}}
	q.Relaxation = []agent.RelaxStep{{After: 30, Level: 1}}
	var routed agent.Queue
	roundTrip(t, q, &routed)
	if want := q.Routing(); !reflect.DeepEqual(routed.WithDefaults(), orderless(want)) {
		t.Errorf("decoded %+v\nrouting %+v", routed, want)
	}
	if err := q.Routing().Validate(); err != nil {
		t.Error(err)
	}
	a := Agent{Meta: Meta{ID: "ag_1"}, Name: "A", UserID: "us_1", TeamID: "tm_1", Skills: map[string]int{"zh": 2}, Queues: []string{"qu_1"}, DeviceID: "dv_1", Capacity: agent.Capacity{Chat: 2}}
	var person agent.Agent
	roundTrip(t, a, &person)
	if want := a.Routing(); !reflect.DeepEqual(person, want) {
		t.Errorf("decoded %+v\nrouting %+v", person, want)
	}
	var code agent.WrapUpCode
	roundTrip(t, WrapUpCode{Meta: Meta{ID: "wc_1"}, Code: "sold", QueueID: "qu_1", Required: true, Names: Labels{"en": "Sold"}}, &code)
	if code.ID != "wc_1" || code.Code != "sold" || code.QueueID != "qu_1" || !code.Required || code.Names["en"] != "Sold" {
		t.Errorf("%+v", code)
	}
}

// orderless has the empty order that JSON gives.
func orderless(q agent.Queue) agent.Queue {
	if q.Order == nil {
		q.Order = []string{}
	}
	return q
}

func roundTrip(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

func TestDecodeTakesMetaFromTheRecord(t *testing.T) {
	now := time.Unix(1e9, 0)
	team, err := Decode[Team](account.Record{ID: "tm_1", Version: 3, Demo: true, Body: []byte(`{"id":"old","version":1,"name":"One"}`), CreatedAt: now, UpdatedAt: now})
	if err != nil || team.ID != "tm_1" || team.Version != 3 || !team.Demo || team.Name != "One" || team.CreatedAt != now {
		t.Errorf("%+v %v", team, err)
	}
	if _, err := Decode[Team](account.Record{ID: "tm_1", Body: []byte(`{`)}); err == nil {
		t.Error("a damaged record was decoded")
	}
}
