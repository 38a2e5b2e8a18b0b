package rtp

import (
	"math"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// Stats are the figures of a leg.
type Stats struct {
	Codec            string        `json:"codec"`
	Remote           string        `json:"remote"` // where audio comes from, or is expected from
	PacketsSent      uint64        `json:"packets_sent"`
	PacketsReceived  uint64        `json:"packets_received"`
	PacketsLost      int64         `json:"packets_lost"`
	PacketsLate      uint64        `json:"packets_late"`      // came after their turn
	PacketsDuplicate uint64        `json:"packets_duplicate"` // same sequence number again
	PacketsRejected  uint64        `json:"packets_rejected"`  // wrong source or type, malformed
	SendErrors       uint64        `json:"send_errors"`
	FramesConcealed  uint64        `json:"frames_concealed"`
	Jitter           time.Duration `json:"jitter_ns"` // RFC 3550 §6.4.1
	JitterBuffer     time.Duration `json:"jitter_buffer_ns"`
	RoundTrip        time.Duration `json:"round_trip_ns"` // 0 until a report came
	RemoteLost       float64       `json:"remote_lost"`   // share the peer says it lost
	RemoteJitter     time.Duration `json:"remote_jitter_ns"`
	MOS              float64       `json:"mos"` // 1..4.5, E-model
	LastRTP          time.Time     `json:"last_rtp"`
	LastRTCP         time.Time     `json:"last_rtcp"`
}

// Stats returns the counters so far.
func (l *Leg) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.recv
	st := Stats{
		Codec:            l.codec.String(),
		PacketsReceived:  r.Received(),
		PacketsLost:      r.Lost(),
		PacketsLate:      l.buffer.Late,
		PacketsDuplicate: r.duplicate,
		PacketsRejected:  l.rejected,
		FramesConcealed:  l.buffer.Concealed,
		Jitter:           r.Jitter(),
		JitterBuffer:     l.buffer.Target(),
		RoundTrip:        l.peer.RoundTrip,
		RemoteLost:       l.peer.Lost,
		RemoteJitter:     media.Rate8k.Duration(int(l.peer.Jitter)),
		LastRTP:          l.lastRTP,
		LastRTCP:         l.lastRTCP,
	}
	if remote := l.latch.locked; remote.IsValid() {
		st.Remote = remote.String()
	} else if l.params.Remote.IsValid() {
		st.Remote = l.params.Remote.String()
	}
	l.out.mu.Lock()
	st.PacketsSent, st.SendErrors = l.out.packets, l.out.failed
	l.out.mu.Unlock()
	if r.begun {
		// Late packets are lost to the ear, too.
		loss := (float64(st.PacketsLost) + float64(st.PacketsLate)) / max(float64(r.Expected()), 1)
		delay := st.RoundTrip/2 + st.JitterBuffer + 20*time.Millisecond
		st.MOS = MOS(l.codec, delay, loss)
	}
	return st
}

// MOS estimates the listening quality (1 to 4.5) from one-way delay and the
// share of lost packets (0..1) with the E-model, ITU-T G.107 (06/2015):
//
//	R = Ro − Is − Idd − Ie,eff   with the default Ro − Is = 93.2 (§7.7)
//	Idd   §7.4, equations 7-27 and 7-28
//	Ie,eff = Ie + (95 − Ie)·Ppl/(Ppl/BurstR + Bpl)   §7.5, equation 7-29
//	MOS   annex B, equation B-4
//
// Ie and Bpl are those of ITU-T G.113 appendix I: G.711 with concealment has 0
// and 25.1. G.722 is rated on the narrow-band scale with G.711's values, losses
// as random (BurstR = 1).
func MOS(k codec.Kind, delay time.Duration, loss float64) float64 {
	ie, bpl := 0.0, 25.1
	if k == codec.Opus {
		ie, bpl = 0, 20.0 // no value in G.113: near that of wide-band codecs with concealment
	}
	ppl := 100 * min(max(loss, 0), 1)
	r := 93.2 - delayImpairment(delay) - (ie + (95-ie)*ppl/(ppl+bpl))
	switch {
	case r <= 6.5:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}

// delayImpairment is Idd of G.107 §7.4; zero up to 100 ms.
func delayImpairment(delay time.Duration) float64 {
	ta := float64(delay) / float64(time.Millisecond)
	if ta <= 100 {
		return 0
	}
	x := math.Log2(ta / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}
