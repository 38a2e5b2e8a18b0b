package omni

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/id"
)

// The kinds of identities in use.
const (
	IdentityPhone   = "phone"
	IdentityEmail   = "email"
	IdentityUnionID = "unionid"
	IdentityAppUser = "app_user"
)

// How an identity was verified. Caller ID can be forged and passed on, so it
// verifies nothing.
const (
	VerifiedByCallerID = "caller_id"
	VerifiedByOTP      = "otp"
	VerifiedBySMS      = "sms" // the same number wrote to us
	VerifiedByHMAC     = "hmac"
	VerifiedByProvider = "provider"
	VerifiedByAgent    = "agent"
)

// Strength says what may be concluded from an identity.
type Strength int

// The strengths of a match.
const (
	NoMatch   Strength = iota // says nothing about who it is
	Suggested                 // shown to the agent, who decides
	Certain                   // the same person
)

// Presented is the identity with which somebody turned up.
type Presented struct {
	Kind, Value, Scope string
	VerifiedBy         string // empty: nobody verified it
	Name               string // as shown by the network, for a new customer
	Language           string
}

// withheld are the user parts that networks put in place of a number.
var withheld = map[string]bool{
	"": true, "anonymous": true, "unknown": true, "unavailable": true, "restricted": true, "private": true, "asterisk": true,
}

// Strength tells what the presented identity is worth: a withheld number or
// one with an extension (a privacy number that many people share) nothing, a
// caller ID a suggestion, a verified identity certainty.
func (p Presented) Strength() Strength {
	v := strings.ToLower(strings.TrimSpace(p.Value))
	if withheld[v] {
		return NoMatch
	}
	if p.Kind == IdentityPhone && strings.ContainsAny(v, ",;xp#*") {
		return NoMatch
	}
	switch p.VerifiedBy {
	case VerifiedByOTP, VerifiedBySMS, VerifiedByHMAC, VerifiedByProvider, VerifiedByAgent:
		return Certain
	}
	return Suggested
}

// Recognition is what Recognise found out and what has to be written for it.
type Recognition struct {
	Customer Customer
	Identity Identity // zero when the presented identity is worth nothing
	Strength Strength
	New      bool // the customer was made just now
}

// Change holds the rows that make a new customer known; empty for a known one.
func (r Recognition) Change() Change {
	if !r.New {
		return Change{}
	}
	c := Change{Customers: []Customer{r.Customer}}
	if r.Identity.ID != "" {
		c.Identities = []Identity{r.Identity}
	}
	return c
}

// Finder is what Recognise needs of a Store.
type Finder interface {
	CustomerByIdentity(ctx context.Context, kind, value, scope string) (Customer, Identity, error)
}

// Recognise finds the customer behind a presented identity, or makes a new one
// that is not yet stored (see Recognition.Change). Certainty needs both sides:
// a verified identity presented now and one that was verified before; anything
// less only suggests. Nobody is ever merged here.
func Recognise(ctx context.Context, s Finder, p Presented, now time.Time) (Recognition, error) {
	worth := p.Strength()
	if worth != NoMatch {
		c, known, err := s.CustomerByIdentity(ctx, p.Kind, p.Value, p.Scope)
		if err == nil {
			before := Presented{Kind: known.Kind, Value: known.Value, VerifiedBy: known.VerifiedBy}.Strength()
			return Recognition{Customer: c, Identity: known, Strength: min(worth, before)}, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return Recognition{}, fmt.Errorf("recognise by %s: %w", p.Kind, err)
		}
	}
	r := Recognition{New: true, Strength: NoMatch}
	r.Customer = Customer{ID: id.New(id.Customer), Name: p.Name, Language: p.Language, CreatedAt: now, UpdatedAt: now}
	if worth != NoMatch {
		r.Identity = Identity{ID: id.New(id.Identity), CustomerID: r.Customer.ID, Kind: p.Kind, Value: p.Value,
			Scope: p.Scope, VerifiedBy: p.VerifiedBy, CreatedAt: now}
	}
	return r, nil
}
