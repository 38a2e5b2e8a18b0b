package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/sip"
)

// installation is what is administered, in the form in which calls use it. It
// is never changed: a change of the records makes a new one.
type installation struct {
	setup.Installation
	queues   map[string]setup.Queue
	agents   map[string]setup.Agent
	flows    map[string]*ivr.Flow // the published version, parsed
	version  map[string]int       // of each of those
	home     string               // country of numbers without a prefix where the line names none
	dialplan dialplan
}

// loadInstallation reads the records and parses the published flows. A flow that
// does not parse is left out and named in the error beside a usable installation.
func loadInstallation(ctx context.Context, s account.Store, home string) (*installation, error) {
	all, err := setup.Load(ctx, s)
	if err != nil {
		return nil, err
	}
	in := &installation{
		Installation: all,
		queues:       map[string]setup.Queue{},
		agents:       map[string]setup.Agent{},
		flows:        map[string]*ivr.Flow{},
		version:      map[string]int{},
		home:         home,
	}
	for _, q := range all.Queues {
		in.queues[q.ID] = q
	}
	for _, a := range all.Agents {
		in.agents[a.ID] = a
	}
	countries := []string{home}
	for _, l := range all.Lines {
		countries = append(countries, in.country(l.ID))
	}
	in.dialplan = newDialplan(all.Numbers, countries)
	var broken []error
	for _, f := range all.Flows {
		if f.Published == 0 {
			continue
		}
		v, err := setup.PublishedFlow(ctx, s, f.ID)
		if err != nil {
			return nil, fmt.Errorf("flow %s: %w", f.ID, err)
		}
		parsed, problems := ivr.Parse([]byte(v.Text))
		if parsed == nil {
			broken = append(broken, fmt.Errorf("flow %s version %d has %d problems, the first: %s", f.ID, v.Version, len(problems), problems[0]))
			continue
		}
		in.flows[f.ID], in.version[f.ID] = parsed, v.Version
	}
	return in, errors.Join(broken...)
}

// number finds what was dialled on a line; empty: on none.
func (in *installation) number(dialled, lineID string) (setup.Number, bool) {
	return in.dialplan.find(dialled, lineID, in.country(lineID))
}

// queueRef finds a queue by id or by name, as flows name them.
func (in *installation) queueRef(ref string) (setup.Queue, bool) {
	if q, ok := in.queues[ref]; ok {
		return q, q.Enabled
	}
	for _, q := range in.Queues {
		if strings.EqualFold(q.Name, ref) || q.ID == "qu_"+ref {
			return q, q.Enabled
		}
	}
	return setup.Queue{}, false
}

// flowRef finds a published flow by id or by name.
func (in *installation) flowRef(ref string) (id string, flow *ivr.Flow, ok bool) {
	if f, ok := in.flows[ref]; ok {
		return ref, f, true
	}
	for _, f := range in.Flows {
		if strings.EqualFold(f.Name, ref) || f.ID == "fl_"+ref {
			flow, ok = in.flows[f.ID]
			return f.ID, flow, ok
		}
	}
	return "", nil, false
}

// flowName is what people call a flow.
func (in *installation) flowName(flowID string) string {
	for _, f := range in.Flows {
		if f.ID == flowID {
			return f.Name
		}
	}
	return ""
}

// agentRef finds an enabled agent by id or by name.
func (in *installation) agentRef(ref string) (setup.Agent, bool) {
	for _, a := range in.Agents {
		if a.Enabled && (a.ID == ref || strings.EqualFold(a.Name, ref)) {
			return a, true
		}
	}
	return setup.Agent{}, false
}

// calendar finds business hours by id or by name.
func (in *installation) calendar(ref string) (setup.Calendar, bool) {
	for _, c := range in.Calendars {
		if c.ID == ref || strings.EqualFold(c.Name, ref) || c.ID == "ca_"+ref {
			return c, true
		}
	}
	return setup.Calendar{}, false
}

// needs turns skills by name into the router's list, in a steady order.
func needs(skills map[string]int) []agent.SkillNeed {
	out := make([]agent.SkillNeed, 0, len(skills))
	for s, level := range skills {
		out = append(out, agent.SkillNeed{Skill: s, Level: level})
	}
	slices.SortFunc(out, func(a, b agent.SkillNeed) int { return strings.Compare(a.Skill, b.Skill) })
	return out
}

// lines are the enabled lines as the signalling knows them.
func (in *installation) lines() []sip.Line {
	var out []sip.Line
	for _, l := range in.Lines {
		if !l.Enabled {
			continue
		}
		mode := sip.ModeIP
		if l.Mode == setup.LineByRegister {
			mode = sip.ModeRegister
		}
		out = append(out, sip.Line{
			ID: l.ID, Name: l.Name, Mode: mode, Hosts: l.Hosts, Server: l.Server, Username: l.Username,
			Password: l.Password, Transport: string(l.Transport), MaxCalls: l.MaxCalls, CallRate: l.CallsPerSecond, Expires: 5 * time.Minute,
		})
	}
	return out
}

// sounds are what is special about the sound of lines, by their ids.
func (in *installation) sounds() map[string]call.LineSound {
	out := map[string]call.LineSound{}
	for _, l := range in.Lines {
		s := call.LineSound{InbandDigits: l.InbandDigits}
		for _, name := range l.Codecs {
			for _, k := range []codec.Kind{codec.PCMA, codec.PCMU, codec.G722} {
				if k.String() == name {
					s.Codecs = append(s.Codecs, k)
				}
			}
		}
		out[l.ID] = s
	}
	return out
}

// country is where numbers without a prefix belong on a line.
func (in *installation) country(lineID string) string {
	for _, l := range in.Lines {
		if l.ID == lineID {
			return cmp.Or(l.DefaultCountry, in.home)
		}
	}
	return in.home
}

// devices are the enabled desk phones as the signalling knows them.
func (in *installation) devices() []sip.Device {
	var out []sip.Device
	for _, d := range in.Devices {
		if d.Enabled {
			out = append(out, sip.Device{ID: d.ID, Username: d.Username, Password: d.Password, DisplayName: d.DisplayName})
		}
	}
	return out
}

// owner is the agent whose desk phone this is.
func (in *installation) owner(deviceID string) (setup.Agent, bool) {
	for _, a := range in.Agents {
		if a.Enabled && a.DeviceID == deviceID && deviceID != "" {
			return a, true
		}
	}
	return setup.Agent{}, false
}
