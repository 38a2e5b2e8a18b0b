package ivr

import (
	"context"
	"fmt"
	"sync"
)

// Library keeps published flows ready to run. Flows come from a Store and are
// parsed once per version.
type Library struct {
	store Store

	mu    sync.Mutex
	flows map[string]*Flow // by identifier
}

// NewLibrary makes a library over a store.
func NewLibrary(store Store) *Library {
	return &Library{store: store, flows: make(map[string]*Flow)}
}

// Flow returns the published flow. It is ErrNotFound when nothing was published
// and ErrBroken when the text does not pass Parse any more.
func (l *Library) Flow(ctx context.Context, id string) (*Flow, error) {
	l.mu.Lock()
	f := l.flows[id]
	l.mu.Unlock()
	if f != nil {
		return f, nil
	}
	v, err := l.store.PublishedFlow(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("flow %s: %w", id, err)
	}
	f, err = compile(v)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.flows[id] = f
	l.mu.Unlock()
	return f, nil
}

// Changed forgets flows, so that the next call reads them again.
func (l *Library) Changed(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		delete(l.flows, id)
	}
}

// Publish checks a text and makes it the version that answers calls. Problems
// are returned with ErrBroken when they forbid it.
func (l *Library) Publish(ctx context.Context, v Version) (Version, []Problem, error) {
	_, problems := Parse([]byte(v.Text))
	if Failed(problems) {
		return Version{}, problems, fmt.Errorf("publish flow %s: %w", v.FlowID, ErrBroken)
	}
	v, err := l.store.PublishFlow(ctx, v)
	if err != nil {
		return Version{}, problems, fmt.Errorf("publish flow %s: %w", v.FlowID, err)
	}
	l.Changed(v.FlowID)
	return v, problems, nil
}

// Rollback makes an older version answer calls again. It is ErrBroken when that
// version does not pass Parse any more.
func (l *Library) Rollback(ctx context.Context, flowID string, version int) error {
	v, err := l.store.FlowVersion(ctx, flowID, version)
	if err != nil {
		return fmt.Errorf("roll back flow %s to version %d: %w", flowID, version, err)
	}
	if _, err := compile(v); err != nil {
		return err
	}
	if err := l.store.RollbackFlow(ctx, flowID, version); err != nil {
		return fmt.Errorf("roll back flow %s to version %d: %w", flowID, version, err)
	}
	l.Changed(flowID)
	return nil
}

// compile parses a stored version.
func compile(v Version) (*Flow, error) {
	f, problems := Parse([]byte(v.Text))
	if f == nil {
		return nil, fmt.Errorf("flow %s version %d: %w: %s", v.FlowID, v.Number, ErrBroken, first(problems))
	}
	f.ID, f.Version = v.FlowID, v.Number
	return f, nil
}

func first(problems []Problem) string {
	for _, p := range problems {
		if p.Severity == Error {
			return p.String()
		}
	}
	return ""
}
