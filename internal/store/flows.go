package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/ivr"
)

// Flows and their versions are administered records: the flow says which
// version answers, a version never changes once it is written.

// PublishedFlow returns the version that answers calls now.
func (db *DB) PublishedFlow(ctx context.Context, flowID string) (ivr.Version, error) {
	v, err := setup.PublishedFlow(ctx, db, flowID)
	if err != nil {
		return ivr.Version{}, err
	}
	return flowVersion(v), nil
}

func flowVersion(v setup.FlowVersion) ivr.Version {
	return ivr.Version{FlowID: v.FlowID, Number: v.Version, Text: v.Text, Note: v.Note, PublishedBy: v.PublishedBy, PublishedAt: v.PublishedAt}
}

// FlowVersion returns one version of a flow.
func (db *DB) FlowVersion(ctx context.Context, flowID string, version int) (ivr.Version, error) {
	r, err := db.Record(ctx, account.KindFlowVersion, setup.FlowVersionID(flowID, version))
	if err != nil {
		return ivr.Version{}, err
	}
	v, err := setup.Decode[setup.FlowVersion](r)
	return flowVersion(v), err
}

// PublishFlow stores v as the next version and makes it the published one, in
// one transaction.
func (db *DB) PublishFlow(ctx context.Context, v ivr.Version) (ivr.Version, error) {
	for try := 1; ; try++ {
		out, err := db.publishFlow(ctx, v)
		if try == maxTries || !errors.Is(err, ErrVersion) {
			return out, err
		}
	}
}

func (db *DB) publishFlow(ctx context.Context, v ivr.Version) (ivr.Version, error) {
	r, f, err := db.flow(ctx, v.FlowID)
	if err != nil {
		return ivr.Version{}, err
	}
	v.Number = f.Latest + 1
	body, err := json.Marshal(setup.FlowVersion{FlowID: v.FlowID, Version: v.Number, Text: v.Text, Note: v.Note,
		PublishedBy: v.PublishedBy, PublishedAt: v.PublishedAt})
	if err != nil {
		return ivr.Version{}, fmt.Errorf("publish %s: %w", v.FlowID, err)
	}
	if r.Body, err = setNumbers(r.Body, map[string]int{"published": v.Number, "latest": v.Number}); err != nil {
		return ivr.Version{}, fmt.Errorf("publish %s: %w", v.FlowID, err)
	}
	id := setup.FlowVersionID(v.FlowID, v.Number)
	_, err = db.Change(ctx, []account.Write{{Record: r}, {Record: account.Record{Kind: account.KindFlowVersion, ID: id, Key: id, Body: body}}}, nil)
	return v, err
}

// RollbackFlow makes an older version the published one.
func (db *DB) RollbackFlow(ctx context.Context, flowID string, version int) error {
	for try := 1; ; try++ {
		err := db.rollbackFlow(ctx, flowID, version)
		if try == maxTries || !errors.Is(err, ErrVersion) {
			return err
		}
	}
}

func (db *DB) rollbackFlow(ctx context.Context, flowID string, version int) error {
	if _, err := db.FlowVersion(ctx, flowID, version); err != nil {
		return err
	}
	r, _, err := db.flow(ctx, flowID)
	if err != nil {
		return err
	}
	if r.Body, err = setNumbers(r.Body, map[string]int{"published": version}); err != nil {
		return fmt.Errorf("roll back %s: %w", flowID, err)
	}
	_, err = db.Change(ctx, []account.Write{{Record: r}}, nil)
	return err
}

func (db *DB) flow(ctx context.Context, id string) (account.Record, setup.Flow, error) {
	r, err := db.Record(ctx, account.KindFlow, id)
	if err != nil {
		return r, setup.Flow{}, err
	}
	f, err := setup.Decode[setup.Flow](r)
	return r, f, err
}

// setNumbers changes fields of a JSON object and leaves the others as they are.
func setNumbers(body json.RawMessage, fields map[string]int) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, err
	}
	for k, n := range fields {
		object[k] = json.RawMessage(strconv.Itoa(n))
	}
	return json.Marshal(object)
}
