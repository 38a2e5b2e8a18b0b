package webrtc

import (
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
)

// report sends our RTCP report when it is due.
func (l *Leg) report(now time.Time) {
	out, in := &l.down, &l.up
	out.mu.Lock()
	first := out.report.IsZero()
	due := !first && !now.Before(out.report)
	if first || due {
		out.report = rtp.NextReport(now, first)
	}
	sent := rtp.Sent{SSRC: out.ssrc, Timestamp: out.next, Packets: out.packets.Load(), Octets: out.octets}
	out.mu.Unlock()
	s := l.session.Load()
	if !due || s == nil {
		return
	}
	in.mu.Lock()
	b := rtp.AppendReport(make([]byte, 0, 128+tagRoom), sent, &in.count, now)
	in.mu.Unlock()
	if b, ok := s.sealRTCP(b); ok {
		l.transmit(b)
	}
}

// Stats gives the figures so far.
func (l *Leg) Stats() rtp.Stats {
	r := &l.up
	r.mu.Lock()
	defer r.mu.Unlock()
	s := rtp.Stats{
		Codec: r.kind.String(), PacketsSent: l.down.packets.Load(), PacketsReceived: r.count.Received(),
		PacketsLost: r.count.Lost(), FramesConcealed: r.hidden, Jitter: r.count.Jitter(),
		RoundTrip: r.said.RoundTrip, RemoteLost: r.said.Lost, RemoteJitter: media.Rate8k.Duration(int(r.said.Jitter)),
		LastRTCP: r.saidAt,
	}
	if r.bytes != nil {
		s.PacketsLate, s.JitterBuffer = r.bytes.Late, r.bytes.Target()
	} else {
		s.PacketsLate, s.JitterBuffer = r.opus.late, r.opus.delay()
	}
	if at := l.heard.Load(); at > 0 {
		s.LastRTP = time.Unix(0, at)
	}
	if expected := r.count.Expected(); expected > 0 {
		loss := (float64(s.PacketsLost) + float64(s.PacketsLate)) / float64(expected)
		s.MOS = rtp.MOS(r.kind, s.RoundTrip/2+s.JitterBuffer+media.FrameTime, loss)
	}
	return s
}
