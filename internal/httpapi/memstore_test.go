package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// memory is a store for tests of the HTTP side; the real ones have their own
// conformance suite.
type memory struct {
	omni.Store // what is not overridden panics: no test may need it

	mu       sync.Mutex
	records  map[account.Kind]map[string]account.Record
	sessions map[string]account.Session
	audit    []account.Entry
	now      func() time.Time

	conversations map[string]omni.Detail
	customers     map[string]omni.Customer
	named         [][]string // whose names were asked for, by question
	recordings    map[string]omni.Recording
	erasures      []omni.Erasure

	events []omni.Event
	subs   map[int]func([]omni.Event)
	nextID int
}

func newMemory() *memory {
	return &memory{
		records: map[account.Kind]map[string]account.Record{}, sessions: map[string]account.Session{}, now: time.Now,
		conversations: map[string]omni.Detail{}, customers: map[string]omni.Customer{}, recordings: map[string]omni.Recording{},
		subs: map[int]func([]omni.Event){},
	}
}

func (m *memory) Record(_ context.Context, kind account.Kind, id string) (account.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[kind][id]
	if !ok {
		return r, account.ErrNotFound
	}
	return r, nil
}

func (m *memory) RecordByKey(_ context.Context, kind account.Kind, key string) (account.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records[kind] {
		if r.Key == key && key != "" {
			return r, nil
		}
	}
	return account.Record{}, account.ErrNotFound
}

func (m *memory) Records(_ context.Context, kind account.Kind, p account.Page) ([]account.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []account.Record
	for _, r := range m.records[kind] {
		if r.ID > p.After {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b account.Record) int { return cmp.Compare(a.ID, b.ID) })
	if p.Limit > 0 && len(out) > p.Limit {
		out = out[:p.Limit]
	}
	return out, nil
}

func (m *memory) Change(_ context.Context, writes []account.Write, audit []account.Entry) ([]account.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range writes {
		old, ok := m.records[w.Record.Kind][w.Record.ID]
		if w.Delete && !ok || !ok && w.Record.Version > 0 {
			return nil, account.ErrNotFound
		}
		if ok && w.Record.Version == 0 {
			return nil, account.ErrTaken
		}
		if ok && old.Version != w.Record.Version {
			return nil, account.ErrVersion
		}
		for id, r := range m.records[w.Record.Kind] {
			if !w.Delete && r.Key != "" && r.Key == w.Record.Key && id != w.Record.ID {
				return nil, account.ErrTaken
			}
		}
	}
	var out []account.Record
	for _, w := range writes {
		r := w.Record
		if m.records[r.Kind] == nil {
			m.records[r.Kind] = map[string]account.Record{}
		}
		if w.Delete {
			out = append(out, m.records[r.Kind][r.ID])
			delete(m.records[r.Kind], r.ID)
			continue
		}
		r.Version++
		r.CreatedAt, r.UpdatedAt = m.now(), m.now()
		m.records[r.Kind][r.ID] = r
		out = append(out, r)
	}
	m.audit = append(m.audit, audit...)
	return out, nil
}

func (m *memory) Audit(_ context.Context, q account.AuditQuery) ([]account.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []account.Entry
	for _, e := range slices.Backward(m.audit) {
		if q.Before != "" && e.ID >= q.Before || q.Action != "" && e.Action != q.Action && !(strings.HasSuffix(q.Action, ".") && strings.HasPrefix(e.Action, q.Action)) ||
			q.TargetID != "" && e.TargetID != q.TargetID || q.UserID != "" && e.UserID != q.UserID {
			continue
		}
		if out = append(out, e); len(out) == cmp.Or(q.Limit, 100) {
			break
		}
	}
	return out, nil
}

func (m *memory) Session(_ context.Context, hash string) (account.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[hash]
	if !ok {
		return s, account.ErrNotFound
	}
	return s, nil
}

func (m *memory) PutSession(_ context.Context, s account.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.Hash] = s
	return nil
}

func (m *memory) DeleteSessions(_ context.Context, f account.SessionFilter) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for h, s := range m.sessions {
		if f.Hash != "" && h != f.Hash || f.UserID != "" && s.UserID != f.UserID || f.ExceptHash != "" && h == f.ExceptHash ||
			!f.ExpiredBefore.IsZero() && !s.ExpiresAt.Before(f.ExpiredBefore) || !f.SeenBefore.IsZero() && !s.SeenAt.Before(f.SeenBefore) || f == (account.SessionFilter{}) {
			continue
		}
		delete(m.sessions, h)
		n++
	}
	return n, nil
}

func (m *memory) Conversation(_ context.Context, id string) (omni.Conversation, error) {
	d, ok := m.conversations[id]
	if !ok {
		return omni.Conversation{}, omni.ErrNotFound
	}
	return d.Conversation, nil
}

func (m *memory) Detail(_ context.Context, id string) (omni.Detail, error) {
	d, ok := m.conversations[id]
	if !ok {
		return d, omni.ErrNotFound
	}
	return d, nil
}

func (m *memory) ConversationSegments(_ context.Context, id string) ([]omni.Segment, error) {
	return m.conversations[id].Segments, nil
}

func (m *memory) Conversations(_ context.Context, f omni.Filter, p omni.Page) ([]omni.Conversation, string, error) {
	if p.Cursor == "bad" {
		return nil, "", omni.ErrCursor
	}
	var out []omni.Conversation
	for _, d := range m.conversations {
		c := d.Conversation
		if f.AgentID != "" && c.AgentID != f.AgentID || f.QueueID != "" && c.QueueID != f.QueueID || f.CustomerID != "" && c.CustomerID != f.CustomerID ||
			len(f.States) > 0 && !slices.Contains(f.States, c.State) || f.View != nil && !f.View.Part(c, d.Segments) {
			continue
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b omni.Conversation) int { return cmp.Compare(b.ID, a.ID) })
	return out, "", nil
}

func (m *memory) LiveConversations(context.Context, string) ([]omni.Conversation, error) {
	var out []omni.Conversation
	for _, d := range m.conversations {
		if d.Conversation.State.Live() {
			out = append(out, d.Conversation)
		}
	}
	return out, nil
}

func (m *memory) Customer(_ context.Context, id string) (omni.Customer, error) {
	c, ok := m.customers[id]
	if !ok {
		return c, omni.ErrNotFound
	}
	return c, nil
}

func (m *memory) CustomerNames(_ context.Context, ids []string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.named = append(m.named, ids)
	names := map[string]string{}
	for _, id := range ids {
		if c, ok := m.customers[id]; ok {
			names[id] = c.Name
		}
	}
	return names, nil
}

func (m *memory) Customers(context.Context, omni.CustomerFilter, omni.Page) ([]omni.Customer, string, error) {
	return nil, "", nil
}

func (m *memory) Identities(context.Context, string) ([]omni.Identity, error) { return nil, nil }

func (m *memory) Consents(context.Context, string) ([]omni.Consent, error) { return nil, nil }

func (m *memory) Recording(_ context.Context, id string) (omni.Recording, error) {
	r, ok := m.recordings[id]
	if !ok {
		return r, omni.ErrNotFound
	}
	return r, nil
}

func (m *memory) Events(_ context.Context, after int64, limit int) ([]omni.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := min(int(after), len(m.events))
	return slices.Clone(m.events[from:min(from+limit, len(m.events))]), nil
}

func (m *memory) Head(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.events)), nil
}

func (m *memory) Subscribe(fn func([]omni.Event)) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextID++
	id := m.nextID
	m.subs[id] = fn
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.subs, id)
	}
}

// commit adds events; quiet ones are stored without telling anybody, as when
// the bus lost them.
func (m *memory) commit(quiet bool, events ...omni.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range events {
		events[i].Seq = int64(len(m.events) + 1)
		events[i].Time = m.now()
		m.events = append(m.events, events[i])
	}
	if quiet {
		return
	}
	for _, fn := range m.subs {
		fn(events)
	}
}

func (m *memory) Commit(_ context.Context, c omni.Change, audit ...account.Entry) ([]omni.Event, error) {
	for _, e := range c.CustomerEdits {
		cu := m.customers[e.CustomerID]
		if !e.Of.IsZero() && !e.Of.Equal(cu.UpdatedAt) {
			return nil, omni.ErrChanged
		}
		set(&cu.Name, e.Name)
		set(&cu.Language, e.Language)
		set(&cu.VIP, e.VIP)
		set(&cu.Note, e.Note)
		cu.UpdatedAt = e.At
		if m.customers[e.CustomerID].UpdatedAt.Compare(e.At) >= 0 {
			cu.UpdatedAt = m.customers[e.CustomerID].UpdatedAt.Add(time.Microsecond)
		}
		m.customers[e.CustomerID] = cu
	}
	m.mu.Lock()
	m.audit = append(m.audit, audit...)
	m.erasures = append(m.erasures, c.Erasures...)
	m.mu.Unlock()
	m.commit(false, c.Events...)
	return c.Events, nil
}

// put stores a record as if it had been there before.
func (m *memory) put(kind account.Kind, id, key string, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	if m.records[kind] == nil {
		m.records[kind] = map[string]account.Record{}
	}
	m.records[kind][id] = account.Record{Kind: kind, ID: id, Version: 1, Key: key, Body: b, CreatedAt: m.now(), UpdatedAt: m.now()}
}

func (m *memory) Erasure(_ context.Context, id string) (omni.Erasure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.erasures {
		if e.ID == id {
			return e, nil
		}
	}
	return omni.Erasure{}, omni.ErrNotFound
}

func (m *memory) Erasures(_ context.Context, customerID string) ([]omni.Erasure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.erasures), func(e omni.Erasure) bool { return customerID != "" && e.CustomerID != customerID }), nil
}

func (m *memory) ErasurePreview(ctx context.Context, customerID string) (omni.ErasurePreview, error) {
	_, err := m.Customer(ctx, customerID)
	return omni.ErasurePreview{CustomerID: customerID}, err
}
