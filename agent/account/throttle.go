package account

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// ThrottledError says that there were too many failed log-ins.
type ThrottledError struct {
	RetryAfter time.Duration
}

// Error implements error.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("account: too many failed log-ins, try again in %s", e.RetryAfter.Round(time.Second))
}

// ThrottleConfig configures a Throttle.
type ThrottleConfig struct {
	Free        int           // failures without a wait, per account and address; defaults to 5
	FirstWait   time.Duration // after one more; doubles with each; defaults to 2s
	MaxWait     time.Duration // defaults to 5min
	Forget      time.Duration // after so long without failures; defaults to 15min
	AddressFree int           // failures per address over all accounts before it waits; defaults to 50
	MaxEntries  int           // bound of the memory; defaults to 20000
}

// Throttle slows down guessing of passwords, per account and address, so that
// nobody can lock somebody else out; and per address over all accounts.
// It is safe for concurrent use.
type Throttle struct {
	cfg ThrottleConfig
	mu  sync.Mutex
	m   map[throttleKey]*failures
}

type throttleKey struct {
	account string // empty: all accounts
	from    netip.Prefix
}

type failures struct {
	n     int
	last  time.Time
	until time.Time
}

// NewThrottle returns a throttle.
func NewThrottle(cfg ThrottleConfig) *Throttle {
	cfg.Free = cmp.Or(cfg.Free, 5)
	cfg.FirstWait = cmp.Or(cfg.FirstWait, 2*time.Second)
	cfg.MaxWait = cmp.Or(cfg.MaxWait, 5*time.Minute)
	cfg.Forget = cmp.Or(cfg.Forget, 15*time.Minute)
	cfg.AddressFree = cmp.Or(cfg.AddressFree, 50)
	cfg.MaxEntries = cmp.Or(cfg.MaxEntries, 20000)
	return &Throttle{cfg: cfg, m: make(map[throttleKey]*failures)}
}

// network is an IPv4 address, or the /64 of an IPv6 address.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// Wait tells how long this account must wait before the next try from there.
func (t *Throttle) Wait(account string, from netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	for _, k := range keysOf(account, from) {
		if f := t.m[k]; f != nil {
			wait = max(wait, f.until.Sub(now))
		}
	}
	return max(wait, 0)
}

// Failed notes a failed try.
func (t *Throttle) Failed(account string, from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, k := range keysOf(account, from) {
		f := t.m[k]
		if f == nil || now.Sub(f.last) > t.cfg.Forget {
			t.makeRoom(now)
			f = &failures{}
			t.m[k] = f
		}
		f.n++
		f.last = now
		free := t.cfg.Free
		if i == 1 {
			free = t.cfg.AddressFree
		}
		if over := f.n - free; over >= 0 {
			wait := t.cfg.MaxWait
			if over < 16 {
				wait = min(t.cfg.FirstWait<<over, t.cfg.MaxWait)
			}
			f.until = now.Add(wait)
		}
	}
}

// Succeeded forgets the failures of an account from there.
func (t *Throttle) Succeeded(account string, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, keysOf(account, from)[0])
}

func keysOf(account string, from netip.Addr) [2]throttleKey {
	n := network(from)
	return [2]throttleKey{{account, n}, {"", n}}
}

// makeRoom forgets what is old, and when that is not enough the oldest.
func (t *Throttle) makeRoom(now time.Time) {
	if len(t.m) < t.cfg.MaxEntries {
		return
	}
	var oldest throttleKey
	var at time.Time
	for k, f := range t.m {
		if now.Sub(f.last) > t.cfg.Forget {
			delete(t.m, k)
		} else if at.IsZero() || f.last.Before(at) {
			oldest, at = k, f.last
		}
	}
	if len(t.m) >= t.cfg.MaxEntries {
		delete(t.m, oldest)
	}
}
