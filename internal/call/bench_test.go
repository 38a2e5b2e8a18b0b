package call_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/sdp"
	"github.com/openhotline/hotline/media/udp"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/sip"
)

// generatorEnv makes the test binary a load generator: telephones that answer
// and browsers that offer, in a process of their own, so that the benchmark
// counts the CPU of the installation alone. generatorBinary may name another
// build's test binary, so that two builds are measured under the same load.
const (
	generatorEnv    = "HOTLINE_CALL_GENERATOR"
	generatorBinary = "HOTLINE_CALL_GENERATOR_BINARY"
)

// said is one line between the benchmark and its generator.
type said struct {
	URI   string // where the telephones are
	SDP   string // an offer, or its answer
	Heard int    // how many hear the other side, of all
}

func TestGenerator(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv(generatorEnv))
	if n == 0 {
		t.Skip("only in a process of the benchmark")
	}
	if err := generate(n, os.Stdin, os.NewFile(3, "benchmark")); err != nil {
		t.Fatal(err)
	}
}

// generate answers calls and offers n browsers until in is closed.
func generate(n int, in io.Reader, out io.Writer) error {
	log := slog.New(slog.DiscardHandler)
	// People do not speak in step: the shards' ticks lie evenly in a frame.
	engine := media.NewEngine(media.EngineConfig{Shards: 10})
	readers, err := udp.NewGroup(udp.Config{Readers: 1})
	if err != nil {
		return err
	}
	pool := portRange()
	pool.Readers = readers
	ports, err := rtp.NewPortPool(pool)
	if err != nil {
		return err
	}
	answer := &relayed{to: func(d *sip.Dialog) { go pick(d, engine, ports) }}
	endpoint, err := sip.New(sip.Config{UDP: "127.0.0.1:0"}, answer, log)
	if err != nil {
		return err
	}
	if err := endpoint.SetLines([]sip.Line{{ID: "ln_hub", Mode: sip.ModeIP, Hosts: []string{"127.0.0.1"}}}); err != nil {
		return err
	}
	go func() { _ = engine.Run(context.Background()) }()
	go func() { _ = endpoint.Run(context.Background()) }()
	<-endpoint.Ready()
	api, err := webrtc.NewAPI(webrtc.Config{Address: "127.0.0.1:0", IncludeLoopback: true, Readers: readers}, log)
	if err != nil {
		return err
	}
	lines, reply := bufio.NewScanner(in), json.NewEncoder(out)
	lines.Buffer(nil, 1<<20)
	if err := reply.Encode(said{URI: "sip:agent@" + endpoint.Addrs().UDP.String()}); err != nil {
		return err
	}
	var ears []*ear
	for i := range n {
		client, offer, err := api.NewClient(context.Background(), webrtc.LegConfig{ID: "tab"})
		if err != nil {
			return err
		}
		if err := reply.Encode(said{SDP: offer}); err != nil {
			return err
		}
		var back said
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &back) != nil {
			return fmt.Errorf("browser %d: no answer", i)
		}
		if err := client.Connect(back.SDP); err != nil {
			return err
		}
		select {
		case <-client.Connected():
		case <-time.After(patience):
			return fmt.Errorf("browser %d: not connected", i)
		}
		e := newEar()
		ears = append(ears, e)
		if err := talkInto(engine, client, 950, e); err != nil {
			return err
		}
	}
	for lines.Scan() { // each line asks who hears
		heard := 0
		for _, e := range ears {
			if s := e.forget(); len(s) > 1600 && onlyTones(s[len(s)-1600:], []float64{440}) {
				heard++
			}
		}
		if err := reply.Encode(said{Heard: heard}); err != nil {
			return err
		}
	}
	return nil
}

// pick answers a call and speaks 440 Hz.
func pick(d *sip.Dialog, engine *media.Engine, ports *rtp.PortPool) {
	leg, err := rtp.OpenLeg(rtp.LegConfig{ID: "phone", Pool: ports, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		_ = d.Reject(503, "")
		return
	}
	answer, n, err := sdp.NewSession(sdp.Local{Addr: loopback, Port: leg.LocalPort(), Codecs: []codec.Kind{codec.PCMA}}).Answer(d.Offer())
	if err == nil {
		err = leg.Configure(n.Params)
	}
	if err != nil || d.Answer(context.Background(), answer) != nil {
		return
	}
	_ = talkInto(engine, leg, 440, newEar())
}

// talkInto makes a party speak a tone, and an ear hear it.
func talkInto(engine *media.Engine, p media.Party, hz float64, e *ear) error {
	room := engine.NewRoom("generator")
	for _, party := range []media.Party{p, media.NewTone("mouth", hz, -10, media.Rate8k), media.NewListener("ear", media.Rate8k, e.hear)} {
		if err := room.Join(party); err != nil {
			return err
		}
	}
	return room.SetGains(media.GainChange{From: "mouth", To: p.ID(), Gain: 1}, media.GainChange{From: p.ID(), To: "ear", Gain: 1})
}

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBrowserCall measures the CPU of calls between a telephone and a
// browser, relayed in G.711 and recorded, in milliseconds per call-second, and
// that of their set-up.
func BenchmarkBrowserCall(b *testing.B) {
	const calls, seconds = 50, 10
	dir := b.TempDir()
	h := newHub(b, hubOptions{})
	cmd := exec.Command(cmp.Or(os.Getenv(generatorBinary), os.Args[0]), "-test.run=^TestGenerator$")
	cmd.Env = append(os.Environ(), generatorEnv+"="+strconv.Itoa(calls))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_ = write.Close()
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait(); _ = read.Close() })
	lines, ask := bufio.NewScanner(read), json.NewEncoder(in)
	lines.Buffer(nil, 1<<20)
	next := func() (s said) {
		if !lines.Scan() {
			b.Fatal("the generator is gone")
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			b.Fatal(err)
		}
		return s
	}
	uri := next().URI
	before := cpu(b)
	for i := range calls {
		customer, err := h.ctl.DialNumber(b.Context(), call.DialRequest{ID: fmt.Sprintf("lg_c%d", i), Party: call.Customer, URI: uri})
		if err != nil {
			b.Fatal(err)
		}
		await(b, "telephone", customer.Answered())
		c, err := h.ctl.NewCall(fmt.Sprintf("cv_%d", i), customer)
		if err != nil {
			b.Fatal(err)
		}
		leg, answer, err := h.ctl.NewBrowserLeg(b.Context(), call.BrowserRequest{ID: fmt.Sprintf("lg_a%d", i), Offer: next().SDP, Codec: customer.Info().Codec})
		if err == nil {
			err = ask.Encode(said{SDP: answer})
		}
		if err == nil {
			err = c.Record(filepath.Join(dir, fmt.Sprintf("%d.wav", i)), nil)
		}
		if err == nil {
			err = c.Bridge(leg)
		}
		if err != nil {
			b.Fatal(err)
		}
		await(b, "browser", leg.Answered())
	}
	setup := cpu(b) - before
	time.Sleep(time.Second)
	for b.Loop() {
		before = cpu(b)
		started := time.Now()
		time.Sleep(seconds * time.Second)
		used, took := cpu(b)-before, time.Since(started)
		b.ReportMetric(float64(used.Microseconds())/1000/(calls*took.Seconds()), "cpu-ms/call-s")
	}
	if err := ask.Encode(said{}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(setup.Microseconds())/1000/calls, "cpu-ms/set-up")
	b.ReportMetric(float64(next().Heard)/calls*100, "%-heard")
}
