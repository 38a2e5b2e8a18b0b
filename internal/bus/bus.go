// Package bus carries committed events to every node and commands to the node
// that owns a call. It rides on NATS, embedded in the process without a
// listener unless nodes are clustered or an external server is configured.
//
// The bus is never the only copy of anything: what it loses is read again from
// the journal by seq, and commands carry an id so that sending one again does
// nothing twice.
package bus

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/openhotline/hotline/omni"
)

// The errors of the bus. Test with errors.Is.
var (
	ErrConfig  = errors.New("bus: configuration")
	ErrNoNode  = errors.New("bus: the node does not answer")
	ErrNoName  = errors.New("bus: the node knows no such command")
	ErrBusy    = errors.New("bus: the node has too many commands at once")
	ErrTooLong = errors.New("bus: command or answer is too long")
	ErrClosed  = errors.New("bus: closed")
)

// Refill is where missed events are read again: the store.
type Refill interface {
	// Events returns at most limit events after a seq, in order.
	Events(ctx context.Context, after int64, limit int) ([]omni.Event, error)
	// Head is the seq of the last event.
	Head(ctx context.Context) (int64, error)
}

// Config of a bus. The zero value with a NodeID is a bus within the process.
type Config struct {
	// NodeID names this node among all; commands are addressed to it. Letters,
	// digits, - and _ only.
	NodeID string
	// URL is an external NATS server (nats://…); empty: one in the process.
	URL string
	// Cluster is the host:port on which the embedded server listens for the
	// other nodes' servers; empty: nowhere. Port 0 lets the kernel choose.
	Cluster string
	// Routes are the other nodes' Cluster addresses as host:port.
	Routes []string
	// Secret is shared by the nodes of a cluster; required with Cluster.
	Secret string
	// Buffer is how many events wait for a slow reader. Defaults to 1024.
	Buffer int
	// Poll is how often the head of the journal is compared with what arrived.
	// Defaults to 2 s.
	Poll time.Duration
	// CommandTimeout bounds a command whose context has no earlier end.
	// Defaults to 5 s.
	CommandTimeout time.Duration
	// Codes are the errors of command handlers that the sender's errors.Is
	// finds again, by a stable code.
	Codes map[string]error
}

func (c Config) withDefaults() Config {
	c.Buffer = cmp.Or(c.Buffer, 1024)
	c.Poll = cmp.Or(c.Poll, 2*time.Second)
	c.CommandTimeout = cmp.Or(c.CommandTimeout, 5*time.Second)
	return c
}

var nodeName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

func (c Config) check() error {
	switch {
	case !nodeName.MatchString(c.NodeID):
		return fmt.Errorf("%w: the node's id %q", ErrConfig, c.NodeID)
	case c.URL != "" && (c.Cluster != "" || len(c.Routes) > 0):
		return fmt.Errorf("%w: an external server and a cluster of our own exclude each other", ErrConfig)
	case c.Cluster == "" && len(c.Routes) > 0:
		return fmt.Errorf("%w: routes without a cluster address", ErrConfig)
	case c.Cluster != "" && len(c.Secret) < 16:
		return fmt.Errorf("%w: a cluster wants a secret of 16 characters or more", ErrConfig)
	case c.Buffer < 0 || c.Poll < 0 || c.CommandTimeout < 0:
		return fmt.Errorf("%w: negative value", ErrConfig)
	}
	return nil
}

// Bus is one node's end of the bus. It is safe for use by many goroutines.
type Bus struct {
	cfg    Config
	log    *slog.Logger
	refill Refill
	server *server.Server // nil with an external one
	conn   *nats.Conn

	password string // of the embedded server, made anew at each start

	arrivals chan batch
	ctx      context.Context
	stop     context.CancelFunc
	done     sync.WaitGroup

	commands commands

	mu      sync.Mutex
	readers map[*Reader]struct{}
	last    int64 // seq of the last event handed to readers
}

// New starts the bus: the embedded server if one is wanted, the connection and
// the distribution of events that follow the journal's present head. Close it.
func New(ctx context.Context, cfg Config, refill Refill, log *slog.Logger) (*Bus, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{cfg: cfg.withDefaults(), log: log.With("node", cfg.NodeID), refill: refill,
		arrivals: make(chan batch, 256), readers: map[*Reader]struct{}{}}
	b.commands.init()
	b.ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	if b.last, err = refill.Head(ctx); err != nil {
		b.stop()
		return nil, fmt.Errorf("bus: head of the journal: %w", err)
	}
	if err := b.connect(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.done.Go(b.distribute)
	return b, nil
}

const (
	startTimeout = 10 * time.Second
	maxPayload   = 1 << 20
)

func (b *Bus) connect() error {
	opts := []nats.Option{nats.Name("hotline " + b.cfg.NodeID), nats.NoEcho(), nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true), nats.Timeout(startTimeout),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if b.ctx.Err() == nil {
				b.log.Warn("bus disconnected", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.Info("bus connected again") }),
	}
	to := b.cfg.URL
	if to == "" {
		if err := b.embed(); err != nil {
			return err
		}
		opts = append(opts, nats.InProcessServer(b.server), nats.UserInfo(serverUser, b.password))
	}
	var err error
	if b.conn, err = nats.Connect(to, opts...); err != nil {
		return fmt.Errorf("bus: connect: %w", err)
	}
	if _, err := b.conn.Subscribe(subjectEvents, b.arrived); err != nil {
		return fmt.Errorf("bus: subscribe: %w", err)
	}
	if _, err := b.conn.Subscribe(subjectCommand(b.cfg.NodeID), b.commanded); err != nil {
		return fmt.Errorf("bus: subscribe: %w", err)
	}
	return nil
}

const serverUser = "hotline"

// embed starts the server within the process. It listens for nobody, but in a
// cluster: there it waits for its own client port before it looks for other
// nodes, so it gets one on the loopback interface that only this process knows
// the password of.
func (b *Bus) embed() error {
	b.password = rand.Text()
	opts := &server.Options{ServerName: b.cfg.NodeID, DontListen: true, NoSigs: true, NoLog: true, MaxPayload: maxPayload,
		Username: serverUser, Password: b.password}
	if b.cfg.Cluster != "" {
		opts.DontListen, opts.Host, opts.Port = false, "127.0.0.1", server.RANDOM_PORT
		u, err := url.Parse("nats://" + b.cfg.Cluster)
		if err != nil || u.Hostname() == "" {
			return fmt.Errorf("%w: cluster address %q", ErrConfig, b.cfg.Cluster)
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return fmt.Errorf("%w: port of the cluster address %q", ErrConfig, b.cfg.Cluster)
		}
		opts.Cluster = server.ClusterOpts{Name: "hotline", Host: u.Hostname(), Port: cmp.Or(port, server.RANDOM_PORT),
			Username: serverUser, Password: b.cfg.Secret, ConnectRetries: -1, ConnectBackoff: true}
		for _, r := range b.cfg.Routes {
			opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: r, User: url.UserPassword(serverUser, b.cfg.Secret)})
		}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Shutdown()
		return errors.New("bus: the embedded server does not start; is the cluster address in use?")
	}
	b.server = s
	return nil
}

// ClusterAddr is where the embedded server listens for other nodes, as
// host:port; empty when it does not.
func (b *Bus) ClusterAddr() string {
	if b.server == nil {
		return ""
	}
	if a := b.server.ClusterAddr(); a != nil {
		return a.String()
	}
	return ""
}

// Nodes is how many other servers the embedded one is connected to.
func (b *Bus) Nodes() int {
	if b.server == nil {
		return 0
	}
	return b.server.NumRoutes()
}

// Close ends distribution, readers and connection. Closing twice is fine.
func (b *Bus) Close() error {
	b.stop()
	b.done.Wait()
	b.commands.close()
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return nil
}
