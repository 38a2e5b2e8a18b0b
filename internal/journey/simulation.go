package journey

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
)

// SimulationHeader is the header of an INVITE that proves a call to be
// simulated: it holds a token of NewSimulation. Anything that a caller can set
// by themselves, such as a display name, proves nothing.
const SimulationHeader = "X-Hotline-Simulation"

// simulationKeyID names the record of the key that signs the tokens; all nodes
// of an installation share it.
const simulationKeyID = "simulation_key"

const simulationPrefix = "hlsim_"

// simulations signs and checks the tokens of simulations: an end in Unix
// seconds, random bytes, and HMAC-SHA-256 over both. Whoever needs the key first
// reads it; several at once read it each for themselves, so that nobody waits
// for somebody else's database.
type simulations struct {
	key atomic.Pointer[[]byte] // nil until it was needed
}

// NewSimulation returns a token with which calls count as simulated until it
// ends.
func (c *Center) NewSimulation(ctx context.Context, lasts time.Duration) (token string, ends time.Time, err error) {
	key, err := c.simulationKey(ctx, true)
	if err != nil {
		return "", time.Time{}, err
	}
	ends = c.now().Add(lasts).Truncate(time.Second)
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce) // never fails
	body := simulationPrefix + strconv.FormatInt(ends.Unix(), 10) + "." + base64.RawURLEncoding.EncodeToString(nonce)
	return body + "." + simulationMAC(key, body), ends, nil
}

// simulated tells whether a customer's leg belongs to a simulation that this
// installation allowed.
func (c *Center) simulated(ctx context.Context, leg *call.Leg) bool {
	token := leg.Header(SimulationHeader)
	if token == "" {
		return false
	}
	key, err := c.simulationKey(ctx, false)
	if err != nil {
		if !errors.Is(err, account.ErrNotFound) {
			c.log.Warn("simulation token not checked", "err", err)
		}
		return false
	}
	if !validSimulation(key, token, c.now()) {
		c.log.Warn("call with a simulation token that is not valid", "leg", leg.ID())
		return false
	}
	return true
}

func validSimulation(key []byte, token string, now time.Time) bool {
	i := strings.LastIndexByte(token, '.')
	rest, ok := strings.CutPrefix(token, simulationPrefix)
	if i < 0 || !ok || !hmac.Equal([]byte(token[i+1:]), []byte(simulationMAC(key, token[:i]))) {
		return false
	}
	end, _, _ := strings.Cut(rest, ".")
	s, err := strconv.ParseInt(end, 10, 64)
	return err == nil && now.Before(time.Unix(s, 0))
}

func simulationMAC(key []byte, body string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("hotline simulation\n" + body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// simulationKey reads the installation's key; wanted makes it when there is none.
func (c *Center) simulationKey(ctx context.Context, wanted bool) ([]byte, error) {
	if known := c.simulations.key.Load(); known != nil {
		return *known, nil
	}
	key, err := c.readSimulationKey(ctx)
	if errors.Is(err, account.ErrNotFound) && wanted {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // never fails
		body, encErr := json.Marshal(simulationKey{Key: fresh})
		if encErr != nil {
			return nil, encErr
		}
		record := account.Record{Kind: account.KindNote, ID: simulationKeyID, Key: simulationKeyID, Body: body}
		if _, err = c.store.Change(ctx, []account.Write{{Record: record}}, nil); err == nil || errors.Is(err, account.ErrTaken) {
			key, err = c.readSimulationKey(ctx) // ours, or that of a node that was faster
		}
	}
	if err != nil {
		return nil, fmt.Errorf("simulation key: %w", err)
	}
	c.simulations.key.Store(&key)
	return key, nil
}

// simulationKey is the body of the key's record.
type simulationKey struct {
	Key []byte `json:"key"`
}

func (c *Center) readSimulationKey(ctx context.Context) ([]byte, error) {
	r, err := c.store.Record(ctx, account.KindNote, simulationKeyID)
	if err != nil {
		return nil, err
	}
	var k simulationKey
	if err := json.Unmarshal(r.Body, &k); err != nil {
		return nil, err
	}
	if len(k.Key) < 32 {
		return nil, fmt.Errorf("%w: the record has no key", account.ErrNotFound)
	}
	return k.Key, nil
}
