package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"runtime"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/wav"
)

// report is what the measured process tells at the end.
type report struct {
	Engine media.EngineStats `json:"engine"`
	Legs   rtp.Stats         `json:"legs"` // counters added up
	Error  string            `json:"error,omitempty"`
}

// server is the measured process: rooms of legs, and nothing else.
type server struct {
	setup     setup
	engine    *media.Engine
	pool      *rtp.PortPool
	legs      []*rtp.Leg
	recorders []*wav.Recorder
}

// serve builds what the first line of in asks for, answers with the ports, and
// obeys "reset" and "report" until in ends.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	enc := json.NewEncoder(out)
	s := &server{}
	if !lines.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(lines.Bytes(), &s.setup); err != nil {
		return err
	}
	shards := runtime.GOMAXPROCS(0)
	if s.setup.OneShard {
		shards = 1
		runtime.GOMAXPROCS(1)
	}
	pool, err := rtp.NewPortPool(rtp.PoolConfig{IP: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		return err
	}
	s.pool, s.engine = pool, media.NewEngine(media.EngineConfig{Shards: shards})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.engine.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
		s.close()
	}()
	ports, err := s.build()
	if err != nil {
		return err
	}
	if err := enc.Encode(ports); err != nil {
		return err
	}
	for lines.Scan() {
		switch lines.Text() {
		case `"reset"`:
			s.engine.ResetStats()
		case `"report"`:
			if err := enc.Encode(s.report()); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func (s *server) build() ([][]int, error) {
	ports := make([][]int, s.setup.Groups)
	for g := range ports {
		room := s.engine.NewRoom(fmt.Sprint(g))
		var gains []media.GainChange
		for i, name := range s.setup.Codecs {
			kind, _ := codec.Parse(name)
			number, _ := kind.PayloadType()
			l, err := rtp.OpenLeg(rtp.LegConfig{ID: fmt.Sprint(i), Pool: s.pool})
			if err != nil {
				return nil, err
			}
			s.legs = append(s.legs, l)
			remote := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.setup.Ports[g][i]))
			err = l.Configure(rtp.Params{Remote: remote, Send: rtp.PayloadType{Number: number, Codec: kind}, Sending: true, Receiving: true})
			if err != nil {
				return nil, err
			}
			if err := room.Join(l); err != nil {
				return nil, err
			}
			ports[g] = append(ports[g], int(l.LocalPort()))
			for k := range i {
				gains = append(gains, media.GainChange{From: fmt.Sprint(i), To: fmt.Sprint(k), Gain: 1},
					media.GainChange{From: fmt.Sprint(k), To: fmt.Sprint(i), Gain: 1})
			}
		}
		if err := room.SetGains(gains...); err != nil {
			return nil, err
		}
		if s.setup.Record {
			rec, err := wav.Create(filepath.Join(s.setup.Folder, fmt.Sprint(g, ".wav")), wav.RecorderConfig{})
			if err != nil {
				return nil, err
			}
			s.recorders = append(s.recorders, rec)
			room.Record(rec, []string{"0"}, []string{"1", "2"}[:len(s.setup.Codecs)-1])
		}
	}
	return ports, nil
}

// report checks that what was measured is what was meant.
func (s *server) report() report {
	r := report{Engine: s.engine.Stats()}
	for _, l := range s.legs {
		st := l.Stats()
		r.Legs.PacketsSent += st.PacketsSent
		r.Legs.PacketsReceived += st.PacketsReceived
		r.Legs.PacketsLost += st.PacketsLost
		r.Legs.PacketsLate += st.PacketsLate
		r.Legs.PacketsRejected += st.PacketsRejected
		r.Legs.SendErrors += st.SendErrors
		r.Legs.FramesConcealed += st.FramesConcealed
	}
	relaying := 0
	if s.setup.Relay {
		relaying = s.setup.Groups
	}
	if r.Engine.Relaying != relaying {
		r.Error = fmt.Sprintf("%d of %d rooms relay, want %d", r.Engine.Relaying, s.setup.Groups, relaying)
	}
	for i, rec := range s.recorders {
		if d := rec.Duration(); d < time.Second {
			r.Error = fmt.Sprintf("recording %d has only %v", i, d)
		}
	}
	return r
}

func (s *server) close() {
	for _, l := range s.legs {
		_ = l.Close()
	}
	for _, rec := range s.recorders {
		_, _ = rec.Close()
	}
	s.pool.Close()
}
