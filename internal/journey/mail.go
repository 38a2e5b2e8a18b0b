package journey

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/internal/id"
)

// Bus carries commands between the nodes of an installation.
type Bus interface {
	// Command has a node carry out a command and returns its answer. Sent again
	// under the same id it is carried out once. ErrAway: the node does not answer.
	Command(ctx context.Context, commandID, nodeID, name string, payload []byte) ([]byte, error)
	// Handle registers who carries out the commands of a name here.
	Handle(name string, h func(ctx context.Context, payload []byte) ([]byte, error))
}

// letter is what a node tells another one without waiting for an answer.
type letter struct {
	Do           string          `json:"do"` // one of the words below
	Epoch        uint64          `json:"epoch,omitempty"`
	Agent        string          `json:"agent,omitempty"`
	Conversation string          `json:"conversation,omitempty"`
	Socket       string          `json:"socket,omitempty"`
	To           string          `json:"to,omitempty"`
	Kind         string          `json:"kind,omitempty"`
	Wish         uint64          `json:"wish,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
}

// The words of letters.
const (
	letterHello  = "hello"  // the sender is there
	letterOutput = "output" // the router, in the term Epoch, did Kind to a conversation of the receiver
	letterPage   = "page"   // message Kind for the pages of Agent, or for the one with Socket
	letterGone   = "gone"   // the page Socket, which was the softphone of Agent, is gone
	letterMoved  = "moved"  // the page Socket of Agent has the new connection To
	letterRing   = "ring"   // show Agent again that Conversation rings, if it does, or how it is recorded
	letterStands = "stands" // where Conversation stood with the router, in the term Epoch, after its wish Wish
	letterLost   = "lost"   // letters to the receiver were lost
)

const (
	letterQueue = 4096 // letters that wait for one node
	letterBatch = 100
	letterBytes = 200 << 10       // of a batch; the bus takes half a megabyte
	mailWithin  = 2 * time.Second // bounds one try
	mailLimit   = nodeSilence     // after that a node that lives gets its letters no more
	nodeSilence = 20 * time.Second
)

// bag is what one command carries.
type bag struct {
	From    string   `json:"from"`
	Letters []letter `json:"letters"`
}

// mail brings letters to the other nodes: each gets its letters in their order,
// once. A letter for a node that has died is dropped; a node that lives and did
// not get its letters is told so, as soon as it gets any, and looks what it
// missed.
type mail struct {
	node  string
	post  func(ctx context.Context, commandID, node string, b bag) error
	alive func(node string) bool
	log   *slog.Logger

	mu     sync.Mutex
	boxes  map[string]*box
	closed bool
	work   sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc
}

// box holds what waits for a node.
type box struct {
	letters chan letter
	full    atomic.Bool // some had no room
}

// newMail makes the mail of a node; post brings a bag to another one, once for
// each id, and is ErrAway when it does not answer.
func newMail(node string, post func(ctx context.Context, commandID, node string, b bag) error, alive func(string) bool, log *slog.Logger) *mail {
	m := &mail{node: node, post: post, alive: alive, log: log, boxes: map[string]*box{}}
	m.ctx, m.stop = context.WithCancel(context.Background())
	return m
}

// to posts a letter to a node; it does not block.
func (m *mail) to(node string, l letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || node == m.node || node == "" {
		return
	}
	b := m.boxes[node]
	if b == nil {
		b = &box{letters: make(chan letter, letterQueue)}
		m.boxes[node] = b
		m.work.Go(func() { m.carry(node, b) })
	}
	select {
	case b.letters <- l:
	default:
		b.full.Store(true)
		m.log.Error("letter lost: too many wait for the node", "to", node, "letter", l.Do)
	}
}

// close lets what waits go out, for a moment, and ends the carriers.
func (m *mail) close() {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		for _, b := range m.boxes {
			close(b.letters)
		}
	}
	m.mu.Unlock()
	defer time.AfterFunc(mailWithin, m.stop).Stop()
	m.work.Wait()
	m.stop()
}

// carry takes the letters of one box to their node.
func (m *mail) carry(node string, b *box) {
	lost := false
	for l := range b.letters {
		letters := gatherLetters(l, b.letters)
		if lost { // while the node was thought dead
			letters = append([]letter{{Do: letterLost}}, letters...)
		}
		lost = !m.deliver(node, letters)
		for {
			lost = b.full.Swap(false) || lost
			if !lost || !m.alive(node) || m.ctx.Err() != nil {
				break
			}
			lost = !m.deliver(node, []letter{{Do: letterLost}})
		}
	}
}

// gatherLetters takes along what waits behind the first letter.
func gatherLetters(first letter, box <-chan letter) []letter {
	letters, size := []letter{first}, len(first.Data)
	for len(letters) < letterBatch && size < letterBytes {
		select {
		case l, ok := <-box:
			if !ok {
				return letters
			}
			letters, size = append(letters, l), size+len(l.Data)
		default:
			return letters
		}
	}
	return letters
}

// deliver tries until the node has taken the letters; false: it did not.
func (m *mail) deliver(node string, letters []letter) bool {
	b := bag{m.node, letters}
	commandID := id.New("lt")
	until := time.Now().Add(mailLimit)
	for {
		ctx, cancel := context.WithTimeout(m.ctx, mailWithin)
		err := m.post(ctx, commandID, node, b)
		cancel()
		if err == nil {
			return true
		}
		if !m.alive(node) || time.Now().After(until) || m.ctx.Err() != nil {
			if !errors.Is(err, errWire) { // that is said already
				m.log.Warn("letters not delivered", "to", node, "letters", len(letters), "err", err)
			}
			return false
		}
		if !errors.Is(err, ErrAway) {
			commandID = id.New("lt") // the failure is kept for the old one
		}
		select {
		case <-time.After(sendEvery):
		case <-m.ctx.Done():
		}
	}
}
