package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// simulation is one run.
type simulation struct {
	cfg    Config
	api    *client
	log    *slog.Logger
	report *collector
	calls  *call.Control // of the callers
	desks  *call.Control // of the agents' desk phones: another socket, as in life
	phones *sip.Endpoint
	// headers of every call: the proof that it is simulated.
	headers []sip.Header

	mu      sync.Mutex
	rnd     *rand.Rand
	waiting map[string]chan struct{} // by caller's number, closed when an agent has the call
	workers []*worker
	device  map[string]*worker // by user name of the desk phone
	made    []string           // API paths to delete at the end
}

func (s *simulation) chance() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Float64()
}

func (s *simulation) around(mean time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return around(s.rnd, mean)
}

// expect returns a channel that is closed when an agent has this caller.
func (s *simulation) expect(number string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{})
	s.waiting[number] = ch
	return ch
}

func (s *simulation) forget(number string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, number)
}

// run sets up, calls, waits for the end, and asks the installation.
func (s *simulation) run(ctx context.Context, progress func(Progress)) (Report, error) {
	s.waiting, s.device = map[string]chan struct{}{}, map[string]*worker{}
	started := time.Now()
	if !s.cfg.Keep {
		defer s.cleanUp(context.WithoutCancel(ctx))
	}
	if err := s.hire(ctx); err != nil {
		return Report{}, err
	}
	g, gctx := errgroup.WithContext(ctx)
	gctx, stop := context.WithCancel(gctx)
	defer stop()
	if err := s.open(gctx, g); err != nil {
		stop()
		return Report{}, fmt.Errorf("telephones: %w (%w)", err, g.Wait())
	}
	cpu0, err := s.api.cpu(ctx)
	if err != nil {
		return Report{}, err
	}
	calling := time.Now()
	s.callAll(gctx, progress)
	took := time.Since(calling)
	cpu1, err := s.api.cpu(ctx)
	if err != nil {
		return Report{}, err
	}
	s.report.with(func(r *Report) {
		r.Seed, r.StartedAt, r.DurationS = s.cfg.Seed, started, took.Seconds()
		r.ServerCPUS = (cpu1 - cpu0).Seconds()
		if r.CallSeconds > 0 {
			r.CPUPerCallMS = 1000 * r.ServerCPUS / r.CallSeconds
		}
	})
	s.settle(ctx)
	stop()
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		s.log.Warn("simulated people", "err", err)
	}
	if err := s.audit(ctx, started); err != nil {
		return s.report.finish(), err
	}
	return s.report.finish(), nil
}

// open starts telephones, agents and the watch of the journal.
func (s *simulation) open(ctx context.Context, g *errgroup.Group) error {
	pool, err := rtp.NewPortPool(rtp.PoolConfig{IP: s.cfg.Bind})
	if err != nil {
		return err
	}
	engine := media.NewEngine(media.EngineConfig{})
	g.Go(func() error { return ended(ctx, engine.Run(ctx)) })
	if s.calls, _, err = s.endpoint(ctx, g, pool, engine); err != nil {
		return err
	}
	if s.desks, s.phones, err = s.endpoint(ctx, g, pool, engine); err != nil {
		return err
	}
	s.desks.OnInbound(func(leg *call.Leg) { s.ring(ctx, leg) })
	if err := s.register(ctx); err != nil {
		return err
	}
	g.Go(func() error { return s.watch(ctx) })
	for _, w := range s.workers {
		g.Go(func() error {
			if err := w.run(ctx); err != nil {
				s.report.agentError("%s: %v", w.name, err)
			}
			return nil
		})
	}
	return s.ready(ctx)
}

// endpoint opens a SIP address of ours with its call control and waits for it.
func (s *simulation) endpoint(ctx context.Context, g *errgroup.Group, pool *rtp.PortPool, engine *media.Engine) (*call.Control, *sip.Endpoint, error) {
	calls := call.New(call.Config{Ports: pool}, nil, engine, nil, s.log)
	free := netip.AddrPortFrom(s.cfg.Bind, 0).String()
	e, err := sip.New(sip.Config{UDP: free, TCP: free, UserAgent: callerName, ByeOnShutdown: true, SessionExpires: -1, CallRate: maxRate, MaxCalls: maxCalls},
		calls, s.log)
	if err != nil {
		return nil, nil, err
	}
	calls.SetEndpoint(e)
	g.Go(func() error { return ended(ctx, e.Run(ctx)) })
	select {
	case <-e.Ready():
		return calls, e, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// ring gives a call to the agent whose desk phone it is for.
func (s *simulation) ring(ctx context.Context, leg *call.Leg) {
	s.mu.Lock()
	w := s.device[leg.Info().Dialled]
	s.mu.Unlock()
	if w == nil {
		_ = leg.Reject(404, "Not Found")
		return
	}
	w.phoneRings(ctx, leg)
}

// register registers the desk phones and waits until all are.
func (s *simulation) register(ctx context.Context) error {
	var lines []sip.Line
	for _, w := range s.workers {
		if w.device != "" {
			lines = append(lines, sip.Line{ID: w.device, Name: w.name, Mode: sip.ModeRegister, Server: s.cfg.SIP, Username: w.device, Password: devicePassword})
		}
	}
	if err := s.phones.SetLines(lines); err != nil {
		return err
	}
	limit := time.Now().Add(30 * time.Second)
	for _, l := range lines {
		for {
			st, _ := s.phones.LineState(l.ID)
			if st.Registered {
				break
			}
			if time.Now().After(limit) || !pause(ctx, 50*time.Millisecond) {
				return fmt.Errorf("simulate: desk phone %s is not registered: %d %s", l.ID, st.Status, st.Error)
			}
		}
	}
	return nil
}

// ready waits until the wallboard shows every agent available.
func (s *simulation) ready(ctx context.Context) error {
	limit := time.Now().Add(30 * time.Second)
	for {
		b, err := s.wallboard(ctx)
		if err != nil {
			return err
		}
		n := 0
		for _, a := range b.Agents {
			if s.mine(a.AgentID) && a.Presence.State == agent.Available && a.Presence.Connected {
				n++
			}
		}
		if n == len(s.workers) {
			return nil
		}
		if time.Now().After(limit) || !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("simulate: %d of %d agents became available", n, len(s.workers))
		}
	}
}

type wallboard struct {
	Queues []agent.QueueSnapshot `json:"queues"`
	Agents []agent.AgentSnapshot `json:"agents"`
	Live   []omni.Conversation   `json:"live"`
}

func (s *simulation) wallboard(ctx context.Context) (wallboard, error) {
	var b wallboard
	err := s.api.call(ctx, http.MethodGet, "/wallboard", nil, &b)
	return b, err
}

func (s *simulation) mine(agentID string) bool {
	for _, w := range s.workers {
		if w.agentID == agentID {
			return true
		}
	}
	return false
}

// watch follows the journal to tell callers that an agent has them.
func (s *simulation) watch(ctx context.Context) error {
	conn, err := s.api.live(ctx)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer conn.Close()
	work.Go(func() {
		<-ctx.Done()
		_ = conn.SetReadDeadline(time.Now())
	})
	for {
		var m message
		if err := conn.ReadJSON(&m); err != nil {
			return ended(ctx, err)
		}
		if m.Type != omni.ConversationConnected {
			continue
		}
		var ev omni.Event
		if json.Unmarshal(m.Data, &ev) != nil || ev.ConversationID == "" {
			continue
		}
		work.Go(func() { s.connected(ctx, ev.ConversationID) })
	}
}

// connected tells the caller of a conversation that an agent is there.
func (s *simulation) connected(ctx context.Context, conversationID string) {
	var d omni.Detail
	if err := s.api.call(ctx, http.MethodGet, "/conversations/"+conversationID, nil, &d); err != nil {
		return // not ours, or over
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.waiting[d.Conversation.CallerNumber]; ch != nil {
		select {
		case <-ch:
		default:
			close(ch)
		}
	}
}

// callAll begins calls at the rate for the duration and waits for all to end.
func (s *simulation) callAll(ctx context.Context, progress func(Progress)) {
	var calls sync.WaitGroup
	slots := make(chan struct{}, s.cfg.MaxCalls)
	began := time.Now()
	gap := time.Duration(float64(time.Second) / s.cfg.Rate)
	over := make(chan struct{})
	if progress != nil {
		calls.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Second):
					progress(s.report.progress(time.Since(began)))
				}
			}
		})
	}
	var live sync.WaitGroup
	for n := 0; time.Since(began) < s.cfg.Duration; n++ {
		if !pause(ctx, time.Until(began.Add(time.Duration(n)*gap))) {
			break
		}
		select {
		case slots <- struct{}{}:
		default:
			continue // as many calls as there may be
		}
		m := s.pick()
		live.Go(func() {
			defer func() { <-slots }()
			s.caller(ctx, n, m)
		})
	}
	live.Wait()
	close(over)
	calls.Wait()
}

// pick draws what a caller does.
func (s *simulation) pick() Mix {
	var sum float64
	for _, m := range s.cfg.Mix {
		sum += m.Weight
	}
	x := s.chance() * sum
	for _, m := range s.cfg.Mix {
		if x -= m.Weight; x < 0 {
			return m
		}
	}
	return s.cfg.Mix[len(s.cfg.Mix)-1]
}
