package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/openhotline/hotline/internal/id"
)

const (
	maxCommand  = 512 << 10       // bytes of a command's or an answer's payload
	maxRunning  = 256             // commands carried out at once by a node
	maxAnswers  = 10_000          // answers kept for commands that are sent again
	keepAnswers = 5 * time.Minute // and how long
	sendAgain   = time.Second     // without an answer, a command is sent again
	noNodeTries = 3
	noNodePause = 100 * time.Millisecond
)

// Handler carries out a command and returns its answer. A command that is sent
// again, because its answer was late, gets the answer of the first time.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// RemoteError is the error of a handler on another node. errors.Is finds the
// error of Config.Codes that it was.
type RemoteError struct {
	Command string
	Code    string
	Text    string
	is      error
}

func (e *RemoteError) Error() string { return "bus: " + e.Command + ": " + e.Text }

// Unwrap returns the error that Config.Codes has for the code, or nil.
func (e *RemoteError) Unwrap() error { return e.is }

type request struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Payload []byte `json:"payload,omitempty"`
	TTL     int64  `json:"ttl_us"` // what is left of the sender's time
}

type answer struct {
	Payload []byte `json:"payload,omitempty"`
	Code    string `json:"code,omitempty"`
	Text    string `json:"text,omitempty"`
	Failed  bool   `json:"failed,omitempty"`
}

// The codes of the bus itself.
const (
	codeNoName  = "bus.no_name"
	codeBusy    = "bus.busy"
	codeTooLong = "bus.too_long"
	codeClosed  = "bus.closed"
)

var ownCodes = map[string]error{codeNoName: ErrNoName, codeBusy: ErrBusy, codeTooLong: ErrTooLong, codeClosed: ErrClosed}

func subjectCommand(nodeID string) string { return "hotline.command." + nodeID }

// commands is what a node carries out.
type commands struct {
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	handlers map[string]Handler
	now      int // being carried out
	known    map[string]*known
	order    []*known // oldest first
}

// known is a command that was seen, with its answer once done is closed.
type known struct {
	id   string
	at   time.Time
	done chan struct{}
	answer
}

func (c *commands) init() {
	c.handlers, c.known = map[string]Handler{}, map[string]*known{}
}

// Handle registers who carries out the commands of a name on this node.
func (b *Bus) Handle(name string, h Handler) {
	b.commands.mu.Lock()
	defer b.commands.mu.Unlock()
	b.commands.handlers[name] = h
}

// Command has a node carry out a command and returns its answer. It is sent
// again until it is answered or the time is up, and carried out once. The
// error is ErrNoNode when no such node is there, ErrNoName when it has no
// handler, a *RemoteError from the handler, or the context's.
func (b *Bus) Command(ctx context.Context, nodeID, name string, payload []byte) ([]byte, error) {
	return b.CommandWithID(ctx, id.New("cm"), nodeID, name, payload)
}

// CommandWithID is Command with an id of the caller's: a caller who tries
// again with the same id within five minutes gets the answer of the first time.
func (b *Bus) CommandWithID(ctx context.Context, commandID, nodeID, name string, payload []byte) ([]byte, error) {
	if len(payload) > maxCommand {
		return nil, fmt.Errorf("%s: %w", name, ErrTooLong)
	}
	if !nodeName.MatchString(nodeID) {
		return nil, fmt.Errorf("%s: node %q: %w", name, nodeID, ErrNoNode)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.cfg.CommandTimeout, fmt.Errorf("%s: %w", name, ErrNoNode))
	defer cancel()
	deadline, _ := ctx.Deadline()
	req := request{ID: commandID, Name: name, Payload: payload, TTL: time.Until(deadline).Microseconds()}
	if nodeID == b.cfg.NodeID {
		k := b.accept(&req)
		select {
		case <-k.done:
			return b.opened(name, k.answer)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return b.ask(ctx, nodeID, &req, deadline)
}

// ask sends the command until it is answered.
func (b *Bus) ask(ctx context.Context, nodeID string, req *request, deadline time.Time) ([]byte, error) {
	for nobody := 0; ; {
		req.TTL = time.Until(deadline).Microseconds()
		body, err := json.Marshal(req)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", req.Name, err)
		}
		once, cancel := context.WithTimeout(ctx, sendAgain)
		msg, err := b.conn.RequestWithContext(once, subjectCommand(nodeID), body)
		cancel()
		if err == nil {
			var a answer
			if err := json.Unmarshal(msg.Data, &a); err != nil {
				return nil, fmt.Errorf("%s: answer: %w", req.Name, err)
			}
			return b.opened(req.Name, a)
		}
		if b.ctx.Err() != nil {
			return nil, ErrClosed
		}
		if errors.Is(err, nats.ErrNoResponders) {
			if nobody++; nobody == noNodeTries {
				return nil, fmt.Errorf("%s to %s: %w", req.Name, nodeID, ErrNoNode)
			}
		}
		pause := time.NewTimer(noNodePause)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// opened turns an answer back into what the handler returned.
func (b *Bus) opened(name string, a answer) ([]byte, error) {
	if !a.Failed {
		return a.Payload, nil
	}
	if own := ownCodes[a.Code]; own != nil {
		return nil, fmt.Errorf("%s: %w", name, own)
	}
	return nil, &RemoteError{Command: name, Code: a.Code, Text: a.Text, is: b.cfg.Codes[a.Code]}
}

// commanded takes another node's command.
func (b *Bus) commanded(m *nats.Msg) {
	var req request
	if err := json.Unmarshal(m.Data, &req); err != nil || req.ID == "" {
		b.log.Warn("command on the bus cannot be read", "error", err)
		return
	}
	k := b.accept(&req)
	b.commands.run(func() {
		select {
		case <-k.done:
		case <-b.ctx.Done():
			return
		}
		body, err := json.Marshal(k.answer)
		if err == nil {
			err = m.Respond(body)
		}
		if err != nil {
			b.log.Debug("answer not sent", "command", req.Name, "error", err) // it will be asked again
		}
	})
}

// accept begins to carry the command out unless it is known.
func (b *Bus) accept(req *request) *known {
	c := &b.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.known[req.ID]; k != nil {
		return k
	}
	k := &known{id: req.ID, at: time.Now(), done: make(chan struct{})}
	h := c.handlers[req.Name]
	switch {
	case c.closed:
		k.answer = answer{Failed: true, Code: codeClosed}
	case h == nil:
		k.answer = answer{Failed: true, Code: codeNoName}
	case c.now >= maxRunning:
		k.answer = answer{Failed: true, Code: codeBusy}
	default:
		c.remember(k)
		c.now++
		c.running.Go(func() { b.carryOut(h, req, k) })
		return k
	}
	close(k.done) // not remembered: it may be sent again later
	return k
}

// run runs f in a goroutine that Close waits for.
func (c *commands) run(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Go(f)
	}
}

// close waits for what runs and takes nothing more.
func (c *commands) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.running.Wait()
}

// remember forgets the oldest answers; mu is held.
func (c *commands) remember(k *known) {
	old := 0
	for old < len(c.order) && (len(c.order)-old >= maxAnswers || k.at.Sub(c.order[old].at) > keepAnswers) {
		delete(c.known, c.order[old].id)
		old++
	}
	c.order = append(c.order[old:], k)
	c.known[k.id] = k
}

func (b *Bus) carryOut(h Handler, req *request, k *known) {
	ttl := min(time.Duration(req.TTL)*time.Microsecond, 10*b.cfg.CommandTimeout)
	ctx, cancel := context.WithTimeout(b.ctx, ttl)
	defer cancel()
	payload, err := h(ctx, req.Payload)
	switch {
	case err != nil:
		k.answer = answer{Failed: true, Text: err.Error()}
		for code, known := range b.cfg.Codes {
			if errors.Is(err, known) {
				k.answer.Code = code
			}
		}
	case len(payload) > maxCommand:
		k.answer = answer{Failed: true, Code: codeTooLong}
	default:
		k.answer = answer{Payload: payload}
	}
	b.commands.mu.Lock()
	b.commands.now--
	b.commands.mu.Unlock()
	close(k.done)
}
