// Package bus carries committed events to every node and commands to the node
// that owns a call. It rides on NATS, embedded in the process without a
// listener unless nodes are clustered or an external server is configured.
//
// The bus is never the only copy of anything: what it loses is read again from
// the journal by seq, and commands carry an id so that sending one again does
// nothing twice.
package bus

import (
	"context"
	"errors"
	"time"

	"github.com/openhotline/hotline/omni"
)

// The errors of the bus. Test with errors.Is.
var (
	ErrNoNode  = errors.New("bus: the node does not answer")
	ErrNoName  = errors.New("bus: the node knows no such command")
	ErrClosed  = errors.New("bus: closed")
	ErrTooLong = errors.New("bus: command is too long")
)

// Refill is where missed events are read again: the store.
type Refill interface {
	Events(ctx context.Context, after int64, limit int) ([]omni.Event, error)
	Head(ctx context.Context) (int64, error)
}

// Config of a bus. The zero value (with a NodeID) is a bus within the process.
type Config struct {
	// NodeID names this node among all; commands are addressed to it.
	NodeID string
	// URL is an external NATS server (nats://…); empty: one in the process.
	URL string
	// Cluster is the host:port on which the embedded server listens for the
	// other nodes' servers; empty: none. Port 0 lets the kernel choose.
	Cluster string
	// Routes are the other nodes' Cluster addresses, as nats://host:port.
	Routes []string
	// Secret is shared by the nodes of a cluster. Required with Cluster.
	Secret string
	// Buffer is how many events wait for a slow subscriber. Defaults to 1024.
	Buffer int
	// Poll is how often the head of the journal is compared with what arrived.
	// Defaults to 2 s.
	Poll time.Duration
	// CommandTimeout bounds a command whose context has no earlier end.
	// Defaults to 5 s.
	CommandTimeout time.Duration
}

// Handler carries out a command. It may be called again with the same payload
// only when the first call failed to be answered; the bus keeps answers by id.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)
