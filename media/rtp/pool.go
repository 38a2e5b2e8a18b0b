package rtp

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/openhotline/hotline/media/udp"
)

// PoolConfig sets up a PortPool.
type PoolConfig struct {
	// IP is the local address of all sockets. Defaults to 0.0.0.0.
	IP netip.Addr
	// First and Last bound the even RTP ports; RTCP is the odd port above. Both
	// 0: the kernel chooses.
	First, Last uint16
	// Quarantine is how long a returned port is not given out again, so that a
	// late packet of the old call does not reach the new one. Defaults to 5s.
	Quarantine time.Duration
	// Readers receives for the legs; browsers may share it. Defaults to one of
	// the pool's own, made by the rule of udp.Config.
	Readers *udp.Group
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// PortPool gives out port pairs. A few goroutines receive for all legs, none
// per leg.
type PortPool struct {
	cfg  PoolConfig
	owns bool // Readers are the pool's own

	mu     sync.Mutex
	free   []uint16 // even ports, given out from the front
	used   int
	rested []rest // in the order of their time
	closed bool
}

// rest is a returned port in quarantine.
type rest struct {
	port  uint16
	until time.Time
}

// NewPortPool checks the range; the first leg starts the readers.
func NewPortPool(cfg PoolConfig) (*PortPool, error) {
	if !cfg.IP.IsValid() {
		cfg.IP = netip.IPv4Unspecified()
	}
	cfg.IP = cfg.IP.Unmap()
	cfg.Quarantine = cmp.Or(cfg.Quarantine, 5*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	p := &PortPool{cfg: cfg}
	if cfg.First != 0 || cfg.Last != 0 {
		for port := int(cfg.First) + int(cfg.First)%2; port+1 <= int(cfg.Last); port += 2 {
			if port > 0 {
				p.free = append(p.free, uint16(port))
			}
		}
		if len(p.free) == 0 {
			return nil, fmt.Errorf("%w: %d to %d holds no pair of ports", ErrNoPort, cfg.First, cfg.Last)
		}
	}
	if p.cfg.Readers == nil {
		var err error
		if p.cfg.Readers, err = udp.NewGroup(udp.Config{}); err != nil {
			return nil, fmt.Errorf("rtp: %w", err)
		}
		p.owns = true
	}
	return p, nil
}

// Free returns how many pairs are free now and how many there are; ports in
// quarantine are not free. Both are -1 when the kernel chooses.
func (p *PortPool) Free() (free, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.First == 0 && p.cfg.Last == 0 {
		return -1, -1
	}
	p.release(time.Now())
	return len(p.free), len(p.free) + len(p.rested) + p.used
}

// Close ends the pool and the receiving goroutines if they are its own, and
// waits for them. Close legs first.
func (p *PortPool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.owns {
		p.cfg.Readers.Close()
	}
}

// release moves ports whose quarantine is over to the free ones.
func (p *PortPool) release(now time.Time) {
	n := 0
	for n < len(p.rested) && !p.rested[n].until.After(now) {
		p.free = append(p.free, p.rested[n].port)
		n++
	}
	p.rested = p.rested[n:]
}

// take reserves a free port.
func (p *PortPool) take() (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, ErrClosed
	}
	p.release(time.Now())
	if len(p.free) == 0 {
		return 0, ErrNoPort
	}
	port := p.free[0]
	p.free = p.free[1:]
	p.used++
	return port, nil
}

// give returns a port that was taken.
func (p *PortPool) give(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.First == 0 && p.cfg.Last == 0 {
		return
	}
	p.used--
	p.rested = append(p.rested, rest{port, time.Now().Add(p.cfg.Quarantine)})
}

// open binds a pair of sockets. A port another program holds is passed over
// and rests like a returned one.
func (p *PortPool) open() (rtp, rtcp *udp.Socket, port uint16, err error) {
	if p.cfg.First == 0 && p.cfg.Last == 0 {
		return p.openAny()
	}
	var last error
	for {
		port, err := p.take()
		if err != nil {
			if last != nil {
				err = fmt.Errorf("%w: %w", err, last)
			}
			return nil, nil, 0, err
		}
		rtp, rtcp, err := bindPair(p.cfg.IP, port)
		if err == nil {
			return rtp, rtcp, port, nil
		}
		last = err
		p.give(port)
	}
}

// openAny lets the kernel choose until it chooses an even port whose upper
// neighbour is free.
func (p *PortPool) openAny() (rtp, rtcp *udp.Socket, port uint16, err error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, nil, 0, ErrClosed
	}
	for range 64 {
		s, err := udp.Bind(p.cfg.IP, 0)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%w: %w", ErrNoPort, err)
		}
		port := s.Port()
		if port%2 == 0 {
			if upper, err := udp.Bind(p.cfg.IP, port+1); err == nil {
				return s, upper, port, nil
			}
		}
		s.Close()
	}
	return nil, nil, 0, fmt.Errorf("%w: no even port with a free neighbour in 64 tries", ErrNoPort)
}

func bindPair(ip netip.Addr, port uint16) (rtp, rtcp *udp.Socket, err error) {
	if rtp, err = udp.Bind(ip, port); err != nil {
		return nil, nil, err
	}
	if rtcp, err = udp.Bind(ip, port+1); err != nil {
		rtp.Close()
		return nil, nil, err
	}
	return rtp, rtcp, nil
}
