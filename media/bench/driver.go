package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scenario is one row of the table.
type scenario struct {
	name   string
	setup  setup
	peer   bool    // measure rtpengine beside it
	budget float64 // ms of CPU per call-second; 0: the peer's figure
}

// setup tells the measured process what to build.
type setup struct {
	Groups   int      `json:"groups"`   // calls or rooms
	Codecs   []string `json:"codecs"`   // one per leg of a group
	Record   bool     `json:"record"`   // each group to a file of its own
	Relay    bool     `json:"relay"`    // expect packets to pass undecoded
	Ports    [][]int  `json:"ports"`    // of the load's sockets
	Folder   string   `json:"folder"`   // for recordings
	OneShard bool     `json:"oneShard"` // one core
}

// result is one run.
type result struct {
	CPU     float64       `json:"cpu_ms_per_call_second"`
	Lost    int           `json:"lost"`
	Packets int           `json:"packets"`
	Late    time.Duration `json:"late_p99_ns"` // of the ticks
	Skipped uint64        `json:"skipped"`     // ticks
	// Counters of the measured process over the whole run.
	Received    uint64        `json:"received"`
	Sent        uint64        `json:"sent"`
	InboundLost int64         `json:"inbound_lost"`
	P50         time.Duration `json:"latency_p50_ns"` // of relayed packets
	P99         time.Duration `json:"latency_p99_ns"`
}

// row is a row of the table: medians.
type row struct {
	Name   string  `json:"name"`
	Ours   result  `json:"ours"`
	Peer   *result `json:"rtpengine,omitempty"`
	Budget float64 `json:"budget,omitempty"`
	Runs   int     `json:"runs"`
}

func scenarios(o options) ([]scenario, error) {
	var list []scenario
	for _, text := range strings.Split(o.calls, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 5000 {
			return nil, fmt.Errorf("-calls %q: want numbers from 1 to 5000", o.calls)
		}
		list = append(list, scenario{
			name: fmt.Sprintf("relay, %d calls", n), peer: true,
			setup: setup{Groups: n, Codecs: []string{"PCMU", "PCMU"}, Relay: true},
		})
	}
	list = append(list,
		scenario{name: "relay + recorded, 300 calls", budget: 1.2, setup: setup{Groups: 300, Codecs: []string{"PCMU", "PCMU"}, Relay: true, Record: true}},
		scenario{name: "mixed + recorded, 300 calls, one core", budget: 1.2, setup: setup{Groups: 300, Codecs: []string{"PCMU", "PCMA"}, Record: true, OneShard: true}},
		scenario{name: "three-party room, recorded, 100 rooms", budget: 2.0, setup: setup{Groups: 100, Codecs: []string{"PCMU", "PCMU", "PCMU"}, Record: true}},
	)
	list = slices.DeleteFunc(list, func(s scenario) bool { return !strings.Contains(s.name, o.only) })
	return list, nil
}

// measure runs all scenarios, ours and the peer's in turn.
func measure(ctx context.Context, o options) ([]row, error) {
	list, err := scenarios(o)
	if err != nil {
		return nil, err
	}
	engine, peerErr := findRTPEngine()
	if peerErr != nil {
		fmt.Fprintln(os.Stderr, "bench: without comparison:", peerErr)
	}
	var rows []row
	for _, s := range list {
		var ours, peer []result
		for range o.runs {
			r, err := measureOurs(ctx, o, s.setup)
			if err != nil {
				return rows, fmt.Errorf("%s: %w", s.name, err)
			}
			ours = append(ours, r)
			if s.peer && peerErr == nil {
				r, err := measureRTPEngine(ctx, o, engine, s.setup)
				if err != nil {
					return rows, fmt.Errorf("%s with rtpengine: %w", s.name, err)
				}
				peer = append(peer, r)
			}
		}
		out := row{Name: s.name, Ours: median(ours), Budget: s.budget, Runs: o.runs}
		if len(peer) > 0 {
			m := median(peer)
			out.Peer = &m
		}
		rows = append(rows, out)
	}
	return rows, nil
}

// median takes each figure's median, and the worst loss.
func median(rs []result) result {
	out := result{
		CPU: mid(rs, func(r result) float64 { return r.CPU }), Late: mid(rs, func(r result) time.Duration { return r.Late }),
		P50: mid(rs, func(r result) time.Duration { return r.P50 }), P99: mid(rs, func(r result) time.Duration { return r.P99 }),
	}
	for _, r := range rs {
		out.Lost, out.Packets = max(out.Lost, r.Lost), max(out.Packets, r.Packets)
		out.Skipped, out.InboundLost = max(out.Skipped, r.Skipped), max(out.InboundLost, r.InboundLost)
		out.Received, out.Sent = max(out.Received, r.Received), max(out.Sent, r.Sent)
	}
	return out
}

func mid[T cmp.Ordered](rs []result, get func(result) T) T {
	v := make([]T, len(rs))
	for i, r := range rs {
		v[i] = get(r)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// warmUp is how long the load runs before it counts.
const warmUp = 1500 * time.Millisecond

// measureOurs runs one scenario against our engine in a process of its own.
func measureOurs(ctx context.Context, o options, s setup) (result, error) {
	l, err := startLoad(ctx, o, s)
	if err != nil {
		return result{}, err
	}
	defer l.stop()
	folder, err := os.MkdirTemp("", "hotline-bench-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	s.Ports, s.Folder = l.ports, folder
	server, err := startSelf(ctx, o, 0, "role=serve")
	if err != nil {
		return result{}, err
	}
	defer server.stop()
	if err := server.send(s); err != nil {
		return result{}, err
	}
	var to [][]int
	if err := server.receive(&to); err != nil {
		return result{}, fmt.Errorf("measured process: %w", err)
	}
	r, err := l.run(server.cmd.Process.Pid, o.length, to, s, func() error { return server.send("reset") })
	if err != nil {
		return result{}, err
	}
	if err := server.send("report"); err != nil {
		return result{}, err
	}
	var rep report
	if err := server.receive(&rep); err != nil {
		return result{}, fmt.Errorf("report: %w", err)
	}
	if rep.Error != "" {
		return result{}, errors.New(rep.Error)
	}
	r.Late, r.Skipped = rep.Engine.LateP99, rep.Engine.Skipped
	r.Received, r.Sent, r.InboundLost = rep.Legs.PacketsReceived, rep.Legs.PacketsSent, rep.Legs.PacketsLost
	return r, nil
}

// loader is the load generator's process.
type loader struct {
	*child
	ports [][]int
}

func startLoad(ctx context.Context, o options, s setup) (*loader, error) {
	c, err := startSelf(ctx, o, 1, "role=load")
	if err != nil {
		return nil, err
	}
	l := &loader{child: c}
	if err = c.send(s); err == nil {
		err = c.receive(&l.ports)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("load: %w", err)
	}
	return l, nil
}

// order tells the load where to send and how long.
type order struct {
	To     [][]int       `json:"to"`
	Warm   time.Duration `json:"warm"`
	Length time.Duration `json:"length"`
}

// run loads the process pid and returns its CPU time per group and second.
func (l *loader) run(pid int, length time.Duration, to [][]int, s setup, warm func() error) (result, error) {
	if err := l.send(order{To: to, Warm: warmUp, Length: length}); err != nil {
		return result{}, err
	}
	time.Sleep(warmUp + 200*time.Millisecond)
	if err := warm(); err != nil {
		return result{}, err
	}
	before, err := cpuTime(pid)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	time.Sleep(length - 400*time.Millisecond)
	after, err := cpuTime(pid)
	if err != nil {
		return result{}, err
	}
	elapsed := time.Since(began)
	var r result
	if err := l.receive(&r); err != nil {
		return result{}, fmt.Errorf("load: %w", err)
	}
	r.CPU = float64(after-before) / float64(time.Millisecond) / float64(s.Groups) / elapsed.Seconds()
	return r, nil
}

// child is this program in another role; lines of JSON go both ways.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startSelf(ctx context.Context, o options, core int, role string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self, role)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReaderSize(out, 1<<20)
	return c, start(c.cmd, o, core)
}

func (c *child) send(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = c.in.Write(append(b, '\n'))
	return err
}

func (c *child) receive(v any) error {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// stop closes the child's input, which ends it, and waits.
func (c *child) stop() {
	_ = c.in.Close()
	done := make(chan struct{})
	go func() {
		_ = c.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-done
	}
}

func printTable(w io.Writer, rows []row) {
	const line = "%-40s %10s %10s %7s %8s %7s %9s %9s %s\n"
	_, _ = fmt.Fprintf(w, line, "ms CPU per call-second (room-second)", "ours", "rtpengine", "ratio", "budget", "lost", "tick p99", "added p50", "added p99 (rtpengine)")
	for _, r := range rows {
		peer, ratio, budget, added := "-", "-", "-", "-"
		if r.Peer != nil {
			peer, ratio = fmt.Sprintf("%.3f", r.Peer.CPU), fmt.Sprintf("%.2f", r.Ours.CPU/r.Peer.CPU)
			budget = "≤ 1.00×"
		}
		if r.Budget > 0 {
			budget = fmt.Sprintf("≤ %.2f", r.Budget)
		}
		if r.Ours.P99 > 0 {
			added = fmt.Sprint(r.Ours.P99.Round(10 * time.Microsecond))
			if r.Peer != nil {
				added += fmt.Sprintf(" (%v)", r.Peer.P99.Round(10*time.Microsecond))
			}
		}
		_, _ = fmt.Fprintf(w, line, r.Name, fmt.Sprintf("%.3f", r.Ours.CPU), peer, ratio, budget,
			fmt.Sprintf("%d/%d", r.Ours.Lost, r.Ours.Packets), r.Ours.Late.Round(10*time.Microsecond).String(),
			r.Ours.P50.Round(10*time.Microsecond).String(), added)
	}
}
