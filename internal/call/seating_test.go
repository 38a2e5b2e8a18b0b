package call

import (
	"testing"

	"github.com/openhotline/hotline/media"
)

// Music of the customer goes on while the agent's tone comes and goes, and whoever
// comes and goes; other music, and music after a pause, begins.
func TestMusicGoesOnWhenSeatsChange(t *testing.T) {
	t.Parallel()
	ctl := quiet(t)
	legs := map[string]*Leg{}
	for id, p := range map[string]Party{"customer": Customer, "ann": Agent, "bob": Agent} {
		l, err := ctl.NewQuietLeg(Info{ID: id, Kind: Browser, Party: p})
		if err != nil {
			t.Fatal(err)
		}
		legs[id] = l
	}
	c, err := ctl.NewCall("cv", legs["customer"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bridge(legs["ann"]); err != nil {
		t.Fatal(err)
	}
	tone := []Prompt{RingingTone("CN")}
	music, other := []Prompt{{Samples: make([]int16, 160), Rate: media.Rate8k}}, []Prompt{{Samples: make([]int16, 160), Rate: media.Rate8k}}
	before := ""
	for _, step := range []struct {
		name string
		s    Seating
		on   bool // the same music as before goes on
	}{
		{"parted", Seating{Aside: []string{"ann"}, Lead: "ann", Music: music}, false},
		{"it rings", Seating{Aside: []string{"ann"}, Lead: "ann", Music: music, LeadHears: tone}, true},
		{"it rings no more", Seating{Aside: []string{"ann"}, Lead: "ann", Music: music}, true},
		{"bob comes", Seating{Aside: []string{"ann", "bob"}, Lead: "ann", Music: music}, true},
		{"other music", Seating{Aside: []string{"ann"}, Lead: "ann", Music: other}, false},
		{"together", Seating{Lead: "ann", Music: other}, false},
		{"parted again", Seating{Aside: []string{"ann"}, Lead: "ann", Music: other}, false},
	} {
		if err := c.Arrange(step.s); err != nil {
			t.Fatal(err)
		}
		now := ""
		_ = c.do(func() error {
			if c.back != nil {
				now = c.back.ID()
			}
			return nil
		})
		if (now == before) != step.on || (now == "") != (len(step.s.Aside) == 0) {
			t.Errorf("%s: plays %q, before %q", step.name, now, before)
		}
		before = now
	}
}
