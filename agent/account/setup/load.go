package setup

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openhotline/hotline/agent/account"
)

// Installation is everything that is administered but users, tokens and the
// texts of flow versions (see PublishedFlow).
type Installation struct {
	Teams       []Team
	Agents      []Agent
	Queues      []Queue
	Lines       []Line
	Numbers     []Number
	Devices     []Device
	Flows       []Flow
	Calendars   []Calendar
	Breaks      []Break
	WrapUpCodes []WrapUpCode
}

// Load reads the whole installation. Secrets (passwords of lines and devices)
// are in it: it is for the processes that use them.
func Load(ctx context.Context, s account.Store) (Installation, error) {
	var in Installation
	for _, load := range []func() error{
		func() (err error) { in.Teams, err = All[Team](ctx, s, account.KindTeam); return },
		func() (err error) { in.Agents, err = All[Agent](ctx, s, account.KindAgent); return },
		func() (err error) { in.Queues, err = All[Queue](ctx, s, account.KindQueue); return },
		func() (err error) { in.Lines, err = All[Line](ctx, s, account.KindLine); return },
		func() (err error) { in.Numbers, err = All[Number](ctx, s, account.KindNumber); return },
		func() (err error) { in.Devices, err = All[Device](ctx, s, account.KindDevice); return },
		func() (err error) { in.Flows, err = All[Flow](ctx, s, account.KindFlow); return },
		func() (err error) { in.Calendars, err = All[Calendar](ctx, s, account.KindCalendar); return },
		func() (err error) { in.Breaks, err = All[Break](ctx, s, account.KindBreak); return },
		func() (err error) { in.WrapUpCodes, err = All[WrapUpCode](ctx, s, account.KindWrapUpCode); return },
	} {
		if err := load(); err != nil {
			return Installation{}, err
		}
	}
	return in, nil
}

// All reads every record of a kind as T, which must be the type of its body.
func All[T any](ctx context.Context, s account.Store, kind account.Kind) ([]T, error) {
	records, err := s.Records(ctx, kind, account.Page{})
	if err != nil {
		return nil, fmt.Errorf("load %s records: %w", kind, err)
	}
	out := make([]T, 0, len(records))
	for _, r := range records {
		v, err := Decode[T](r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Decode turns a record into T, which must be the type of its body.
func Decode[T any](r account.Record) (T, error) {
	var v T
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return v, fmt.Errorf("record %s: %w", r.ID, err)
	}
	if m, ok := any(&v).(interface{ setMeta(Meta) }); ok {
		m.setMeta(Meta{ID: r.ID, Version: r.Version, Demo: r.Demo, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt})
	}
	return v, nil
}

func (m *Meta) setMeta(n Meta) { *m = n }

// FlowVersionID is the id and key of the record of a flow's version.
func FlowVersionID(flowID string, version int) string { return fmt.Sprintf("%s@%d", flowID, version) }

// PublishedFlow returns the text that answers calls now.
// It is account.ErrNotFound when nothing was published.
func PublishedFlow(ctx context.Context, s account.Store, flowID string) (FlowVersion, error) {
	r, err := s.Record(ctx, account.KindFlow, flowID)
	if err != nil {
		return FlowVersion{}, err
	}
	f, err := Decode[Flow](r)
	if err != nil {
		return FlowVersion{}, err
	}
	v, err := s.Record(ctx, account.KindFlowVersion, FlowVersionID(flowID, f.Published))
	if err != nil {
		return FlowVersion{}, err
	}
	return Decode[FlowVersion](v)
}
