package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
)

func (s *Server) registerSetup() {
	registerResource(s, resource[setup.Team]{
		kind: account.KindTeam, idKind: id.Team, path: "/teams", name: "team", plural: "teams", tag: tagSetup,
		read: account.ActTeamsRead, write: account.ActTeams, required: []string{"name"},
		key: func(t setup.Team) string { return t.Name }, title: func(t setup.Team) string { return t.Name },
		meta: func(t *setup.Team) *setup.Meta { return &t.Meta }, used: s.teamUsed,
	})
	registerResource(s, resource[setup.Agent]{
		kind: account.KindAgent, idKind: id.Agent, path: "/agents", name: "agent", plural: "agents", tag: tagSetup,
		read: account.ActAgentsRead, write: account.ActAgents, required: []string{"name"}, fresh: setup.NewAgent,
		key: func(setup.Agent) string { return "" }, title: func(a setup.Agent) string { return a.Name },
		meta: func(a *setup.Agent) *setup.Meta { return &a.Meta }, check: s.checkAgent, used: s.agentUsed,
		team: func(_ context.Context, a setup.Agent) (string, error) { return a.TeamID, nil },
	})
	registerResource(s, resource[setup.Queue]{
		kind: account.KindQueue, idKind: id.Queue, path: "/queues", name: "queue", plural: "queues", tag: tagSetup,
		read: account.ActQueuesRead, write: account.ActQueues, required: []string{"name"}, fresh: setup.NewQueue,
		key: func(q setup.Queue) string { return q.Name }, title: func(q setup.Queue) string { return q.Name },
		meta: func(q *setup.Queue) *setup.Meta { return &q.Meta }, check: s.checkQueue, used: s.queueUsed,
		team: func(_ context.Context, q setup.Queue) (string, error) { return q.TeamID, nil },
		hide: func(q *setup.Queue) { q.NotYet = q.Routing().NotYet() },
	})
	registerResource(s, resource[setup.Line]{
		kind: account.KindLine, idKind: id.Line, path: "/lines", name: "line", plural: "lines", tag: tagSetup,
		read: account.ActLinesRead, write: account.ActLines, required: []string{"name", "mode"}, fresh: setup.NewLine,
		key: func(l setup.Line) string { return l.Name }, title: func(l setup.Line) string { return l.Name },
		meta: func(l *setup.Line) *setup.Meta { return &l.Meta }, check: checkLine, used: s.lineUsed,
		hide: func(l *setup.Line) {
			l.HasPassword, l.Password = l.Password != "", ""
			if s.cfg.LineState != nil && l.Enabled {
				l.Registration = s.cfg.LineState(l.ID)
			}
		},
	})
	registerResource(s, resource[setup.Number]{
		kind: account.KindNumber, idKind: id.Number, path: "/numbers", name: "number", plural: "numbers", tag: tagSetup,
		read: account.ActNumbersRead, write: account.ActNumbers, required: []string{"number"},
		fresh: func() setup.Number { return setup.Number{LineIDs: []string{}, Enabled: true} },
		key:   func(n setup.Number) string { return n.Number }, title: func(n setup.Number) string { return n.Number },
		meta: func(n *setup.Number) *setup.Meta { return &n.Meta }, check: s.checkNumber,
	})
	registerResource(s, resource[setup.Device]{
		kind: account.KindDevice, idKind: id.Device, path: "/devices", name: "device", plural: "devices", tag: tagSetup,
		read: account.ActDevicesRead, write: account.ActDevices, required: []string{"name", "username", "password"},
		fresh: func() setup.Device { return setup.Device{Enabled: true} },
		key:   func(d setup.Device) string { return d.Username }, title: func(d setup.Device) string { return d.Username },
		meta: func(d *setup.Device) *setup.Meta { return &d.Meta }, check: checkDevice, used: s.deviceUsed,
		hide: func(d *setup.Device) {
			d.HasPassword, d.Password = d.Password != "", ""
			d.Online = s.cfg.DeviceOnline != nil && s.cfg.DeviceOnline(d.ID)
		},
	})
	registerResource(s, calendars)
	s.registerDays()
	registerResource(s, resource[setup.Break]{
		kind: account.KindBreak, path: "/breaks", name: "break", plural: "breaks", tag: tagSetup,
		read: account.ActBreaksRead, write: account.ActBreaks, required: []string{"names"},
		key: func(b setup.Break) string { return b.ID }, title: func(b setup.Break) string { return b.ID },
		meta:  func(b *setup.Break) *setup.Meta { return &b.Meta },
		check: func(_ context.Context, b *setup.Break, _ *setup.Break) error { return checkLabels("names", b.Names) },
	})
	registerResource(s, resource[setup.WrapUpCode]{
		kind: account.KindWrapUpCode, idKind: "wc", path: "/wrapup-codes", name: "wrapup-code", plural: "wrapup-codes", tag: tagSetup,
		read: account.ActWrapUpRead, write: account.ActWrapUpCodes, required: []string{"code", "names"},
		key: func(c setup.WrapUpCode) string { return c.Code }, title: func(c setup.WrapUpCode) string { return c.Code },
		meta: func(c *setup.WrapUpCode) *setup.Meta { return &c.Meta },
		check: func(ctx context.Context, c *setup.WrapUpCode, _ *setup.WrapUpCode) error {
			if err := s.refers(ctx, account.KindQueue, "queue_id", c.QueueID); err != nil {
				return err
			}
			return checkLabels("names", c.Names)
		},
		team: func(ctx context.Context, c setup.WrapUpCode) (string, error) {
			return s.teamOfQueue(ctx, "queue_id", c.QueueID)
		},
	})
}

// teamOfQueue is the team of a queue that a field names; empty for none.
func (s *Server) teamOfQueue(ctx context.Context, field, queueID string) (string, error) {
	if queueID == "" {
		return "", nil
	}
	r, err := s.cfg.Accounts.Record(ctx, account.KindQueue, queueID)
	if err != nil {
		return "", referenceError(field, queueID, err)
	}
	q, err := setup.Decode[setup.Queue](r)
	return q.TeamID, err
}

// routingFault turns a complaint of the agent package into one about a field.
func routingFault(err error) error {
	var f *agent.FieldError
	if errors.As(err, &f) {
		return invalid(f.Field, "invalid", "%s", f.Problem)
	}
	return err
}

func (s *Server) checkAgent(ctx context.Context, a *setup.Agent, was *setup.Agent) error {
	if err := routingFault(a.Routing().Validate()); err != nil {
		return err
	}
	if err := s.withinTeam(ctx, a, was); err != nil {
		return err
	}
	for _, ref := range []struct {
		kind       account.Kind
		field, val string
	}{{account.KindUser, "user_id", a.UserID}, {account.KindTeam, "team_id", a.TeamID}, {account.KindDevice, "device_id", a.DeviceID}} {
		if err := s.refers(ctx, ref.kind, ref.field, ref.val); err != nil {
			return err
		}
	}
	return s.refersAll(ctx, account.KindQueue, "queues", a.Queues)
}

// withinTeam keeps a supervisor with a team from giving an agent another team's
// calls, and from giving somebody else the agent's place.
func (s *Server) withinTeam(ctx context.Context, a, was *setup.Agent) error {
	by := actor(ctx)
	if by.Role != account.RoleSupervisor || by.User.TeamID == "" {
		return nil
	}
	if was == nil {
		was = &setup.Agent{}
	}
	if a.UserID != was.UserID || a.DeviceID != was.DeviceID {
		return problem(ProblemForbidden, "administrators choose the user and the device of an agent")
	}
	for i, queueID := range a.Queues {
		if slices.Contains(was.Queues, queueID) {
			continue
		}
		field := fmt.Sprintf("queues[%d]", i)
		team, err := s.teamOfQueue(ctx, field, queueID)
		if err != nil {
			return err
		}
		if team != "" && team != by.User.TeamID {
			return invalid(field, "scope", "expected a queue of one's own team, or of none")
		}
	}
	return nil
}

func (s *Server) checkQueue(ctx context.Context, q *setup.Queue, _ *setup.Queue) error {
	q.NotYet = nil
	if err := routingFault(q.Routing().Validate()); err != nil {
		return err
	}
	if q.Callback.OfferAfter > 0 {
		return invalid("callback.offer_after", "too_large", "callers cannot be offered to be called back yet: expected 0")
	}
	for i, o := range q.Overflow {
		if o.Kind == agent.OverflowTicket {
			return invalid(fmt.Sprintf("overflow[%d].kind", i), "one_of", "tickets cannot be made yet")
		}
	}
	if err := s.refers(ctx, account.KindTeam, "team_id", q.TeamID); err != nil {
		return err
	}
	for i, o := range q.Overflow {
		if o.Kind == agent.OverflowQueue {
			if err := s.refers(ctx, account.KindQueue, fmt.Sprintf("overflow[%d].target", i), o.Target); err != nil {
				return err
			}
		}
	}
	if err := s.refersAll(ctx, account.KindAgent, "order", q.Order); err != nil {
		return err
	}
	if err := checkLabels("record_notice_text", q.RecordNoticeText); err != nil {
		return err
	}
	if q.RecordRefusal != "" && !q.RecordNotice {
		return invalid("record_refusal", "invalid", "nobody can refuse what they are not told: expected record_notice")
	}
	return checkLabels("names", q.Names)
}

// codecs that a line may prefer.
var codecs = []string{"PCMA", "PCMU", "G722"}

func checkLine(_ context.Context, l *setup.Line, was *setup.Line) error {
	if was != nil && l.Password == "" {
		l.Password = was.Password // a change without a password keeps it
	}
	if l.Mode == setup.LineByAddress && len(l.Hosts) == 0 {
		return invalid("hosts", "required", "a line known by its address needs addresses")
	}
	if l.Mode == setup.LineByRegister && (l.Server == "" || l.Username == "") {
		return invalid("server", "required", "a line that we register to needs server and username")
	}
	for i, h := range l.Hosts {
		if !validHost(h) {
			return invalid(fmt.Sprintf("hosts[%d]", i), "format", "expected an address, a CIDR block or a host name")
		}
	}
	if l.Server != "" && !validHost(hostOnly(l.Server)) {
		return invalid("server", "format", "expected host or host:port")
	}
	for i, c := range l.Codecs {
		if !slices.Contains(codecs, c) || slices.Index(l.Codecs, c) < i {
			return invalid(fmt.Sprintf("codecs[%d]", i), "one_of", "expected each of %s at most once", strings.Join(codecs, ", "))
		}
	}
	return checkCountry("default_country", l.DefaultCountry)
}

func checkCountry(field, c string) error {
	if c != "" && (len(c) != 2 || strings.ToUpper(c) != c) {
		return invalid(field, "format", "expected two capital letters (ISO 3166), such as CN")
	}
	return nil
}

func hostOnly(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		return h
	}
	return s
}

// validHost accepts addresses, CIDR blocks and host names.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

func (s *Server) checkNumber(ctx context.Context, n *setup.Number, _ *setup.Number) error {
	if err := s.refersAll(ctx, account.KindLine, "line_ids", n.LineIDs); err != nil {
		return err
	}
	return s.refers(ctx, account.KindFlow, "flow_id", n.FlowID)
}

func checkDevice(_ context.Context, d *setup.Device, was *setup.Device) error {
	if was != nil && d.Password == "" {
		d.Password = was.Password
	}
	if len(d.Password) < account.MinPassword {
		return invalid("password", "too_small", "expected at least %d characters", account.MinPassword)
	}
	return nil
}
