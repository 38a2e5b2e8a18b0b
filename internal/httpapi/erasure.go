package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// Erasures reads what became of erasures; a store implements it and carries
// them out.
type Erasures interface {
	Erasure(ctx context.Context, id string) (omni.Erasure, error)
	// Erasures are those of a customer, newest first; all when empty.
	Erasures(ctx context.Context, customerID string) ([]omni.Erasure, error)
	// ErasurePreview is what an erasure of a customer would do now.
	ErasurePreview(ctx context.Context, customerID string) (omni.ErasurePreview, error)
}

type eraseInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for instance the date of the request; no personal data, since it stays"`
	}
}

type erasuresInput struct {
	CustomerID string `query:"customer_id" maxLength:"60" doc:"Empty: everybody's"`
}

func (s *Server) registerErasures() {
	erase := operation("erase-customer", http.MethodPost, "/customers/{id}/erasure", tagConversations,
		"Erase a customer's personal data: texts, notes, numbers, recordings; what is on legal hold is kept", account.ActErasures)
	erase.DefaultStatus = http.StatusAccepted
	register(s, erase, s.erase)
	register(s, operation("preview-erasure", http.MethodGet, "/customers/{id}/erasure", tagConversations,
		"What an erasure of the customer would erase now, and what a legal hold would keep", account.ActErasuresRead),
		func(ctx context.Context, in *idInput) (*one[omni.ErasurePreview], error) {
			p, err := s.cfg.Erasures.ErasurePreview(ctx, in.ID)
			return &one[omni.ErasurePreview]{p}, err
		})
	register(s, operation("list-erasures", http.MethodGet, "/erasures", tagConversations, "Erasures, newest first", account.ActErasuresRead),
		func(ctx context.Context, in *erasuresInput) (*list[omni.Erasure], error) {
			items, err := s.cfg.Erasures.Erasures(ctx, in.CustomerID)
			return newList(items, ""), err
		})
	register(s, operation("get-erasure", http.MethodGet, "/erasures/{id}", tagConversations,
		"An erasure, with its certificate once it is done", account.ActErasuresRead),
		func(ctx context.Context, in *idInput) (*one[omni.Erasure], error) {
			e, err := s.cfg.Erasures.Erasure(ctx, in.ID)
			return &one[omni.Erasure]{e}, err
		})
}

// erase writes the order; the store carries it out and goes on after a restart.
func (s *Server) erase(ctx context.Context, in *eraseInput) (*one[omni.Erasure], error) {
	c, err := s.cfg.Omni.Customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	reason := strings.Join(strings.Fields(in.Body.Reason), " ") // one line, as it is printed
	if reason == "" {
		return nil, invalid("reason", "required", "expected why the data is erased")
	}
	before, err := s.cfg.Erasures.Erasures(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, func(e omni.Erasure) bool { return e.State == omni.ErasureRunning }) {
		return nil, account.ErrState
	}
	e := omni.Erasure{ID: id.New("er"), CustomerID: c.ID, State: omni.ErasureRunning, Reason: reason,
		RequestedBy: actor(ctx).User.ID, RequestedAt: s.now().UTC().Truncate(time.Microsecond)}
	line := s.entry(ctx, "customer.erase", c.ID, "", nil, map[string]string{"erasure_id": e.ID, "reason": e.Reason})
	_, err = s.cfg.Commit(ctx, omni.Change{Erasures: []omni.Erasure{e}}, line)
	return &one[omni.Erasure]{e}, err
}
