package omni

import "time"

// NodeState is what is known of a process of the installation.
type NodeState string

// The states of a node.
const (
	NodeLive    NodeState = "live"
	NodeStopped NodeState = "stopped" // ended by itself, with its calls
	NodeDead    NodeState = "dead"    // silent for too long; its conversations are closed
)

// Node is one process of the installation. It owns the conversations that name
// it in node_id.
type Node struct {
	ID        string
	State     NodeState
	StartedAt time.Time
	SeenAt    time.Time     // last sign of life
	Silent    time.Duration // since then, by the database's clock
}

// Alive tells whether the node gave a sign of life within limit.
func (n Node) Alive(limit time.Duration) bool { return n.State == NodeLive && n.Silent < limit }
