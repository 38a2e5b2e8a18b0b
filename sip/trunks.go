package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// lookupEvery is how often the host names of lines are looked up again.
const lookupEvery = time.Minute

// trunks keeps registrations of ours alive and knows the addresses of lines.
type trunks struct {
	e *Endpoint

	mu      sync.Mutex
	running bool
	lines   map[string]*Line
	live    map[string]*trunk
	leaving map[string]*trunk // replaced or removed, taking their registration back
	wake    chan struct{}     // look names up now
	stopped context.CancelFunc
}

// trunk is one registered line. Its goroutine owns the fields below mu.
type trunk struct {
	e      *Endpoint
	line   *Line
	cancel context.CancelFunc
	done   chan struct{}
	after  <-chan struct{} // the line's registration before this one, to be taken back first

	wake chan struct{} // its connection has closed: register again

	mu    sync.Mutex
	state LineState
	conn  *stream // it registered over, nil for UDP

	callID, tag string
	seq         uint32
	auth        *digestState
	bound       bool // the other side has a contact of ours
}

func newTrunks(e *Endpoint) *trunks {
	return &trunks{e: e, lines: map[string]*Line{}, live: map[string]*trunk{}, leaving: map[string]*trunk{}, wake: make(chan struct{}, 1)}
}

// set replaces the lines.
func (t *trunks) set(lines map[string]*Line) {
	t.mu.Lock()
	t.lines = lines
	running := t.running
	for id, tr := range t.leaving {
		select {
		case <-tr.done:
			delete(t.leaving, id)
		default:
		}
	}
	var old []*trunk
	for id, tr := range t.live {
		if l := lines[id]; l == nil || !sameRegistration(l, tr.line) {
			old = append(old, tr)
			delete(t.live, id)
			t.leaving[id] = tr
		}
	}
	t.mu.Unlock()
	t.refreshRanges(t.e.life, false)
	for _, tr := range old {
		tr.cancel()
	}
	if running {
		t.startMissing()
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

func sameRegistration(a, b *Line) bool {
	return a.Mode == b.Mode && a.Server == b.Server && a.Username == b.Username && a.Password == b.Password &&
		a.Transport == b.Transport && a.Domain == b.Domain && a.Expires == b.Expires
}

// start begins to register; the endpoint is listening.
func (t *trunks) start() {
	ctx, cancel := context.WithCancel(t.e.life)
	t.mu.Lock()
	t.running, t.stopped = true, cancel
	t.mu.Unlock()
	t.startMissing()
	t.e.group.spawn(func() { t.lookups(ctx) })
}

func (t *trunks) startMissing() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, l := range t.lines {
		if l.Mode != ModeRegister || t.live[id] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(t.e.life)
		tr := &trunk{
			e: t.e, line: l, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1),
			callID: t.e.token + "-" + randomText(20), tag: t.e.token + randomText(10),
			seq: uint32(1 + randomBelow(1<<16)), auth: newDigestState(l.Username, l.Password),
		}
		tr.state.Since = time.Now()
		if before := t.leaving[id]; before != nil {
			tr.after = before.done
			delete(t.leaving, id)
		}
		if t.e.group.spawn(func() { tr.run(ctx) }) {
			t.live[id] = tr
		} else {
			cancel()
		}
	}
}

// stop takes our registrations back and waits for that, or for ctx.
func (t *trunks) stop(ctx context.Context) {
	t.mu.Lock()
	t.running = false
	live := make([]*trunk, 0, len(t.live)+len(t.leaving))
	for _, m := range []map[string]*trunk{t.live, t.leaving} {
		for _, tr := range m {
			live = append(live, tr)
		}
	}
	clear(t.live)
	clear(t.leaving)
	if t.stopped != nil {
		t.stopped()
	}
	t.mu.Unlock()
	for _, tr := range live {
		tr.cancel()
	}
	for _, tr := range live {
		select {
		case <-tr.done:
		case <-ctx.Done():
			return
		}
	}
}

func (t *trunks) state(id string) (LineState, bool) {
	t.mu.Lock()
	tr := t.live[id]
	t.mu.Unlock()
	if tr == nil {
		return LineState{}, false
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.state, true
}

// lookups keeps the addresses of named hosts fresh.
func (t *trunks) lookups(ctx context.Context) {
	tick := time.NewTicker(lookupEvery)
	defer tick.Stop()
	for {
		t.refreshRanges(ctx, true)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-t.wake:
		}
	}
}

// refreshRanges computes whose address belongs to which line. Without lookup
// only literal addresses count.
func (t *trunks) refreshRanges(ctx context.Context, lookup bool) {
	t.mu.Lock()
	lines := make([]*Line, 0, len(t.lines))
	for _, l := range t.lines {
		lines = append(lines, l)
	}
	t.mu.Unlock()
	slices.SortFunc(lines, func(a, b *Line) int { return strings.Compare(a.ID, b.ID) })
	old := *t.e.sources.lines.Load()
	var ranges []lineRange
	for _, l := range lines {
		hosts := l.Hosts
		if l.Mode == ModeRegister || len(hosts) == 0 {
			hosts = append(slices.Clone(hosts), l.Server)
		}
		for _, h := range hosts {
			found := literal(h)
			if found == nil && lookup {
				found = t.named(ctx, h, l)
			}
			if found == nil { // keep what was known
				for _, r := range old {
					if r.line.ID == l.ID && r.prefix.IsSingleIP() {
						found = append(found, r.prefix)
					}
				}
			}
			for _, p := range found {
				ranges = append(ranges, lineRange{p, l})
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.sources.setLines(ranges)
}

// literal is a host that needs no lookup, nil for names.
func literal(h string) []netip.Prefix {
	if p, err := netip.ParsePrefix(h); err == nil {
		return []netip.Prefix{p.Masked()}
	}
	host, _, err := splitHostPort(h)
	if err != nil {
		return nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	a = a.Unmap()
	return []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}
}

func (t *trunks) named(ctx context.Context, h string, l *Line) []netip.Prefix {
	host, port, err := splitHostPort(h)
	if err != nil || host == "" {
		return nil
	}
	u := sipgo.Uri{Scheme: "sip", Host: host, Port: port}
	hops, err := t.e.names.hops(ctx, &u, strings.ToUpper(l.Transport))
	if err != nil {
		t.e.log.Warn("host of a line not found", "line", l.ID, "error", err)
		return nil
	}
	var out []netip.Prefix
	for _, h := range hops {
		out = append(out, netip.PrefixFrom(h.addr.Addr(), h.addr.Addr().BitLen()))
	}
	return out
}

// run registers, refreshes at three quarters of the interval, and tries again
// with a growing, jittered delay. When ctx ends it takes the registration back.
func (tr *trunk) run(ctx context.Context) {
	defer close(tr.done)
	defer tr.cancel()
	if tr.after != nil { // else it would take back what we register now
		select {
		case <-tr.after:
		case <-ctx.Done():
			<-tr.after
			return
		}
	}
	delay := tr.e.cfg.LineRetry
	for {
		granted, status, err := tr.register(ctx, tr.line.Expires)
		if ctx.Err() != nil {
			break
		}
		tr.note(status, err)
		wait := granted * 3 / 4
		if err != nil {
			wait = delay*8/10 + time.Duration(randomBelow(1+int(delay*4/10)))
			delay = min(2*delay, 32*tr.e.cfg.LineRetry)
		} else {
			delay = tr.e.cfg.LineRetry
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
			continue
		case <-tr.wake:
			t.Stop()
			if tr.pause(ctx, tr.e.cfg.LineRetry/10) {
				continue
			}
		case <-ctx.Done():
			t.Stop()
		}
		break
	}
	if !tr.bound {
		return
	}
	last, cancel := context.WithTimeout(tr.e.life, 2*time.Second)
	defer cancel()
	_, _, _ = tr.register(last, 0)
}

// pause waits about d; false when ctx ended.
func (tr *trunk) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + time.Duration(randomBelow(1+int(d/2))))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lost has lines register again whose connection has closed, since they cannot
// be called before.
func (t *trunks) lost(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tr := range t.live {
		tr.mu.Lock()
		if tr.conn == s {
			tr.conn = nil
			select {
			case tr.wake <- struct{}{}:
			default:
			}
		}
		tr.mu.Unlock()
	}
}

func (tr *trunk) note(status int, err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	ok := err == nil
	if ok != tr.state.Registered || tr.state.Status == 0 {
		tr.state.Since = time.Now()
		tr.e.log.Info("line registration changed", "line", tr.line.ID, "registered", ok, "status", status, "error", err)
	}
	tr.state.Registered, tr.state.Status, tr.state.Error = ok, status, ""
	if err != nil {
		tr.state.Error = err.Error()
	}
}

// register sends REGISTER until it is accepted or refused for good.
func (tr *trunk) register(ctx context.Context, expires time.Duration) (time.Duration, int, error) {
	u, err := tr.line.uri("")
	if err != nil {
		return 0, 0, err
	}
	hops, err := tr.e.names.hops(ctx, &u, strings.ToUpper(tr.line.Transport))
	if err != nil {
		return 0, 0, err
	}
	var last error
	status := 0
	for _, h := range hops[:min(len(hops), maxTargets)] {
		for range 4 { // challenge, stale nonce, interval too brief
			res, err := tr.exchange(ctx, u, h, expires)
			if err != nil {
				last = err
				break
			}
			status = res.StatusCode
			switch {
			case status < 300:
				tr.bound = expires > 0
				return granted(res, expires), status, nil
			case (status == 401 || status == 407) && tr.auth.learn(res):
				continue
			case status == 423:
				if least, ok := parseSeconds(headerValue(res, "Min-Expires")); ok && least > expires && least <= 24*time.Hour {
					expires = least
					continue
				}
			}
			return 0, status, statusError(res)
		}
	}
	return 0, status, last
}

// granted is the interval the other side gave us.
func granted(res *sipgo.Response, asked time.Duration) time.Duration {
	out := asked
	if v, ok := parseSeconds(headerValue(res, "Expires")); ok && v > 0 {
		out = v
	}
	if c := res.Contact(); c != nil {
		if v, ok := parseSeconds(c.Params.GetOr("expires", "")); ok && v > 0 {
			out = v
		}
	}
	return max(min(out, 24*time.Hour), 10*time.Second)
}

// exchange sends one REGISTER and waits for its final response.
func (tr *trunk) exchange(ctx context.Context, u sipgo.Uri, h hop, expires time.Duration) (*sipgo.Response, error) {
	tr.seq++
	req := sipgo.NewRequest(sipgo.REGISTER, u)
	aor := sipgo.Uri{Scheme: "sip", User: escapeUser(tr.line.Username), Host: tr.line.Domain}
	from := &sipgo.FromHeader{Address: aor}
	from.Params.Add("tag", tr.tag)
	callID := sipgo.CallIDHeader(tr.callID)
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(from)
	req.AppendHeader(&sipgo.ToHeader{Address: aor})
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: tr.seq, MethodName: sipgo.REGISTER})
	req.AppendHeader(&maxForwards)
	req.AppendHeader(tr.e.contact(h.network, h.addr.Addr(), escapeUser(tr.line.Username), false))
	req.AppendHeader(sipgo.NewHeader("Expires", seconds(expires)))
	req.AppendHeader(sipgo.NewHeader("Supported", supported))
	req.AppendHeader(sipgo.NewHeader("User-Agent", tr.e.cfg.UserAgent))
	tr.auth.apply(req)

	type result struct {
		res *sipgo.Response
		err error
	}
	final := make(chan result, 1)
	tx := tr.e.request(req, h, func(res *sipgo.Response, err error) {
		if err != nil || res.StatusCode >= 200 {
			select {
			case final <- result{res, err}:
			default:
			}
		}
	})
	select {
	case r := <-final:
		tr.mu.Lock()
		tr.conn = tx.hop().conn
		tr.mu.Unlock()
		if r.err != nil {
			return nil, fmt.Errorf("register line %s: %w", tr.line.ID, r.err)
		}
		return r.res, nil
	case <-ctx.Done():
		tx.terminate()
		return nil, errors.Join(context.Cause(ctx), ErrTimeout)
	}
}
