package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// CustomerDetail is a customer with identities and timeline.
type CustomerDetail struct {
	Customer   omni.Customer      `json:"customer"`
	Identities []omni.Identity    `json:"identities"`
	Consents   []omni.Consent     `json:"consents" doc:"What the customer said about being contacted and recorded, newest first; the newest of a kind holds"`
	Timeline   []ConversationItem `json:"timeline" doc:"Conversations on every channel that one may see, newest first"`
	Next       string             `json:"next,omitempty" doc:"Cursor of the timeline's next page; absent on the last"`
}

type customersInput struct {
	Paging
	Q string `query:"q" maxLength:"200" doc:"In names and identities"`
}

type customerInput struct {
	Paging
	ID string `path:"id" maxLength:"60"`
}

type customerPatch struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		UpdatedAt *time.Time `json:"updated_at,omitempty" doc:"updated_at of the customer that is being changed; the change is refused when somebody else changed it since. Absent: whatever it is"`
		Name      *string    `json:"name,omitempty" maxLength:"200"`
		Language  *string    `json:"language,omitempty" maxLength:"20" doc:"BCP 47; empty: unknown"`
		VIP       *bool      `json:"vip,omitempty"`
		Note      *string    `json:"note,omitempty" maxLength:"10000"`
	}
}

func (s *Server) registerCustomers() {
	register(s, operation("list-customers", http.MethodGet, "/customers", tagCustomers, "List customers", account.ActCustomersRead),
		func(ctx context.Context, in *customersInput) (*list[omni.Customer], error) {
			if actor(ctx).Role == account.RoleAgent && len([]rune(in.Q)) < 2 {
				return nil, problem(ProblemValidation, "", FieldError{Parameter: "q", Code: "too_small", Message: "agents search with at least two characters"})
			}
			g, err := s.sight(ctx)
			if err != nil {
				return nil, err
			}
			f := omni.CustomerFilter{Text: in.Q, View: g.customers()}
			items, next, err := s.cfg.Omni.Customers(ctx, f, omni.Page{Cursor: in.Cursor, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			return newList(items, next), nil
		})
	register(s, operation("get-customer", http.MethodGet, "/customers/{id}", tagCustomers, "Get a customer with identities and timeline", account.ActCustomersRead), s.getCustomer)
	register(s, operation("update-customer", http.MethodPatch, "/customers/{id}", tagCustomers, "Change a customer", account.ActCustomers), s.updateCustomer)
}

// customer returns one that the actor may see.
func (s *Server) customer(ctx context.Context, customerID string) (omni.Customer, sight, error) {
	g, err := s.sight(ctx)
	if err != nil {
		return omni.Customer{}, g, err
	}
	c, err := s.cfg.Omni.Customer(ctx, customerID)
	if err != nil {
		return c, g, err
	}
	sees, err := g.customer(ctx, customerID)
	if err == nil && !sees {
		err = account.ErrNotFound
	}
	return c, g, err
}

func (s *Server) getCustomer(ctx context.Context, in *customerInput) (*one[CustomerDetail], error) {
	c, g, err := s.customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ids, err := s.cfg.Omni.Identities(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view, err := g.conversations(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f := omni.Filter{CustomerID: in.ID, View: view}
	timeline, next, err := s.cfg.Omni.Conversations(ctx, f, omni.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	said, err := s.cfg.Omni.Consents(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	d := CustomerDetail{Customer: c, Identities: ids, Consents: said, Next: next}
	for _, conv := range timeline {
		d.Timeline = append(d.Timeline, ConversationItem{conv, c.Name})
	}
	return &one[CustomerDetail]{d}, nil
}

// updateCustomer writes the fields that are named and no others, so that two
// changes of different fields both last, whichever node they come to.
func (s *Server) updateCustomer(ctx context.Context, in *customerPatch) (*one[omni.Customer], error) {
	c, _, err := s.customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b, now := in.Body, s.now().UTC().Truncate(time.Microsecond) // as it is kept
	edit := omni.CustomerEdit{CustomerID: c.ID, Name: b.Name, Language: b.Language, VIP: b.VIP, Note: b.Note, At: now}
	if b.UpdatedAt != nil {
		if b.UpdatedAt.IsZero() {
			return nil, omni.ErrChanged
		}
		edit.Of = *b.UpdatedAt
	}
	event, err := omni.NewEvent("customer.updated", "", now, map[string]string{"customer_id": c.ID, "by": actor(ctx).User.ID})
	if err != nil {
		return nil, err
	}
	// The audit has who and what, not the personal data: that must stay erasable.
	line := s.entry(ctx, "customer.update", c.ID, "", nil, nil)
	change := omni.Change{CustomerEdits: []omni.CustomerEdit{edit}, Events: []omni.Event{event}}
	if _, err := s.cfg.Commit(ctx, change, line); err != nil {
		return nil, err
	}
	if c, err = s.cfg.Omni.Customer(ctx, c.ID); err != nil {
		return nil, err
	}
	return &one[omni.Customer]{c}, nil
}
