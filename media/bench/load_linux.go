package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/mediatest"
)

// line is one phone of the load: a socket that sends 50 packets a second and
// checks what comes.
type line struct {
	fd       int
	to       unix.SockaddrInet4
	packet   []byte
	tone     []byte // payload, repeated
	seq      uint16
	ts       uint32
	first    uint16
	last     uint16
	received int
	begun    bool
}

// slices of a frame in which packets are sent: the load is even, not in bursts.
const sliceCount = 20

// load opens the sockets, tells their ports, and on an order sends and counts.
func load(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	enc := json.NewEncoder(out)
	if !lines.Scan() {
		return io.ErrUnexpectedEOF
	}
	var s setup
	if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
		return err
	}
	phones, ports, err := openLines(s)
	if err != nil {
		return err
	}
	if err := enc.Encode(ports); err != nil {
		return err
	}
	if !lines.Scan() {
		return io.ErrUnexpectedEOF
	}
	var o order
	if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
		return err
	}
	i := 0
	for _, group := range o.To {
		for _, port := range group {
			phones[i].to = unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
			i++
		}
	}
	r, err := talk(ctx, phones, o, s.Relay)
	if err != nil {
		return err
	}
	return enc.Encode(r)
}

func openLines(s setup) ([]*line, [][]int, error) {
	var phones []*line
	ports := make([][]int, s.Groups)
	for g := range ports {
		for i, name := range s.Codecs {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				return nil, nil, err
			}
			if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				return nil, nil, err
			}
			sa, err := unix.Getsockname(fd)
			if err != nil {
				return nil, nil, err
			}
			ports[g] = append(ports[g], sa.(*unix.SockaddrInet4).Port)
			kind, ok := codec.Parse(name)
			if !ok {
				return nil, nil, fmt.Errorf("codec %q", name)
			}
			phones = append(phones, newLine(fd, kind, 300+200*float64(i), uint32(len(phones)+1)))
		}
	}
	return phones, ports, nil
}

func newLine(fd int, kind codec.Kind, hz float64, ssrc uint32) *line {
	number, _ := kind.PayloadType()
	l := &line{fd: fd, packet: make([]byte, 172), tone: make([]byte, 8000)}
	enc, err := codec.NewEncoder(kind)
	if err != nil {
		panic(err) // only codecs of the table come here
	}
	_, _ = enc.Encode(l.tone, mediatest.Tone(hz, -20, media.Rate8k, 8000))
	l.packet[0], l.packet[1] = 0x80, number
	binary.BigEndian.PutUint32(l.packet[8:], ssrc)
	return l
}

// talk sends for the time of the order; what comes after the warm-up counts.
func talk(ctx context.Context, phones []*line, o order, stamped bool) (result, error) {
	start := time.Now()
	count, end := start.Add(o.Warm), start.Add(o.Warm+o.Length)
	var delays []time.Duration
	buf := make([]byte, 2048)
	for step := 0; ; step++ {
		deadline := start.Add(time.Duration(step) * media.FrameTime / sliceCount)
		if d := time.Until(deadline); d > 0 {
			time.Sleep(d)
		}
		now := time.Now()
		if now.After(end) {
			break
		}
		if ctx.Err() != nil {
			return result{}, ctx.Err()
		}
		part := step % sliceCount
		for _, p := range phones[part*len(phones)/sliceCount : (part+1)*len(phones)/sliceCount] {
			p.send()
		}
		// Look at each phone twice a frame.
		half := (step + sliceCount/4) % (sliceCount / 2)
		for _, p := range phones[half*len(phones)*2/sliceCount : (half+1)*len(phones)*2/sliceCount] {
			for range 4 {
				n, _, err := unix.Recvfrom(p.fd, buf, unix.MSG_DONTWAIT)
				if err != nil {
					break
				}
				if now.Before(count) || n < 12 {
					continue
				}
				p.count(buf[:n])
			}
		}
		if stamped && step%sliceCount == 7 {
			// One call a frame waits for its packet, to see the way's latency.
			if d, ok := probe(phones[step/sliceCount%len(phones)], phones, step/sliceCount, buf, now.After(count)); ok && now.After(count) {
				delays = append(delays, d)
			}
		}
	}
	return summary(phones, delays), nil
}

func (l *line) send() {
	binary.BigEndian.PutUint16(l.packet[2:], l.seq)
	binary.BigEndian.PutUint32(l.packet[4:], l.ts)
	at := int(l.ts) % 8000
	copy(l.packet[12:], l.tone[at:min(at+160, 8000)])
	l.seq++
	l.ts += 160
	_ = unix.Sendto(l.fd, l.packet, unix.MSG_DONTWAIT, &l.to)
}

func (l *line) count(b []byte) {
	if b[1] >= 192 && b[1] <= 223 {
		return // RTCP to the neighbour's port
	}
	seq := binary.BigEndian.Uint16(b[2:])
	if !l.begun {
		l.begun, l.first, l.last = true, seq, seq
	}
	if int16(seq-l.last) > 0 {
		l.last = seq
	}
	l.received++
}

// probe sends a phone's next packet and waits for it at its partner.
func probe(p *line, phones []*line, index int, buf []byte, counts bool) (time.Duration, bool) {
	i := index % len(phones)
	partner := phones[i^1]
	for range 16 { // what waits there is older
		n, _, err := unix.Recvfrom(partner.fd, buf, unix.MSG_DONTWAIT)
		if err != nil {
			break
		}
		if counts && n >= 12 {
			partner.count(buf[:n])
		}
	}
	began := time.Now()
	p.send()
	for {
		n, _, err := unix.Recvfrom(partner.fd, buf, unix.MSG_DONTWAIT)
		if err == nil {
			if counts && n >= 12 {
				partner.count(buf[:n])
			}
			return time.Since(began), true
		}
		if time.Since(began) > 5*time.Millisecond {
			return 0, false
		}
	}
}

func summary(phones []*line, delays []time.Duration) result {
	var r result
	for _, p := range phones {
		if !p.begun {
			r.Lost += 1000 // heard nothing at all
			continue
		}
		r.Packets += p.received
		r.Lost += max(int(p.last-p.first)+1-p.received, 0)
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		r.P50, r.P99 = delays[len(delays)/2], delays[len(delays)*99/100]
	}
	return r
}
