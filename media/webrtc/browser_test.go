package webrtc_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/webrtc"
)

// browser is a pion client that offers what Chromium offers.
type browser struct {
	t     *testing.T
	pc    *pion.PeerConnection
	track *microphone
	up    chan struct{}

	mu    sync.Mutex
	early [][]byte // candidates before the leg is there
	leg   *webrtc.Leg
	heard []int16
	types map[uint8]int
	ssrc  map[uint32]int
	// reported is the leg's last sender report.
	reported *rtcp.SenderReport
	seq      uint16
	ts       uint32
}

// chromium is its list of audio codecs.
var chromium = []pion.RTPCodecParameters{
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: 111},
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypeG722, ClockRate: 8000}, PayloadType: 9},
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}, PayloadType: 0},
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMA, ClockRate: 8000}, PayloadType: 8},
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 48000}, PayloadType: 110},
	{RTPCodecCapability: pion.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 8000}, PayloadType: 126},
}

func newAPI(t *testing.T, lostAfter time.Duration) *webrtc.API {
	t.Helper()
	api, err := webrtc.NewAPI(webrtc.Config{Address: "127.0.0.1:0", IncludeLoopback: true, LostAfter: lostAfter}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Errorf("close API: %v", err)
		}
	})
	return api
}

// call connects a browser that sends mime with a leg of api.
func call(t *testing.T, api *webrtc.API, mime string, cfg webrtc.LegConfig) (*browser, *webrtc.Leg, string) {
	t.Helper()
	b := newBrowser(t, mime)
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	leg, answer, err := api.NewLeg(t.Context(), cfg, offer.SDP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leg.Close() })
	b.mu.Lock()
	b.leg = leg
	for _, c := range b.early {
		if err := leg.AddCandidate(c); err != nil {
			t.Error(err)
		}
	}
	b.mu.Unlock()
	if err := b.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	wait(t, "leg connected", leg.Connected())
	wait(t, "browser connected", b.up)
	return b, leg, answer
}

func newBrowser(t *testing.T, mime string) *browser {
	t.Helper()
	var codecs pion.MediaEngine
	for _, c := range chromium {
		if err := codecs.RegisterCodec(c, pion.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	var registry interceptor.Registry
	if err := pion.ConfigureRTCPReports(&registry); err != nil {
		t.Fatal(err)
	}
	var settings pion.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := pion.NewAPI(pion.WithMediaEngine(&codecs), pion.WithSettingEngine(settings), pion.WithInterceptorRegistry(&registry)).
		NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, pc: pc, up: make(chan struct{}), types: make(map[uint8]int), ssrc: make(map[uint32]int)}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	b.track = &microphone{mime: mime}
	if _, err := pc.AddTrack(b.track); err != nil {
		t.Fatal(err)
	}
	pc.OnICECandidate(b.candidate)
	var once sync.Once
	pc.OnConnectionStateChange(func(s pion.PeerConnectionState) {
		if s == pion.PeerConnectionStateConnected {
			once.Do(func() { close(b.up) })
		}
	})
	pc.OnTrack(func(track *pion.TrackRemote, r *pion.RTPReceiver) {
		go func() {
			for {
				packets, _, err := r.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					if report, ok := p.(*rtcp.SenderReport); ok && len(report.Reports) > 0 {
						b.mu.Lock()
						b.reported = report
						b.mu.Unlock()
					}
				}
			}
		}()
		b.listen(track)
	})
	return b
}

func (b *browser) candidate(c *pion.ICECandidate) {
	if c == nil {
		return
	}
	text, err := json.Marshal(c.ToJSON())
	if err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leg == nil {
		b.early = append(b.early, text)
		return
	}
	_ = b.leg.AddCandidate(text)
}

// listen decodes what comes from the leg.
func (b *browser) listen(track *pion.TrackRemote) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.types[p.PayloadType]++
		b.ssrc[p.SSRC]++
		frame := make([]int16, len(p.Payload))
		switch p.PayloadType {
		case 0:
			codec.DecodePCMU(frame, p.Payload)
			b.heard = append(b.heard, frame...)
		case 8:
			codec.DecodePCMA(frame, p.Payload)
			b.heard = append(b.heard, frame...)
		}
		b.mu.Unlock()
	}
}

// send writes a packet of the given type and advances the clock by ticks.
func (b *browser) send(pt uint8, ts uint32, payload []byte) {
	b.seq++
	b.track.write(rtp.Header{Version: 2, SequenceNumber: b.seq, Timestamp: ts, PayloadType: pt}, payload)
}

// microphone is a track that, unlike pion's, lets the test choose the payload
// type of every packet, as browsers do for digits.
type microphone struct {
	mime string

	mu   sync.Mutex
	out  pion.TrackLocalWriter
	ssrc uint32
}

func (m *microphone) Bind(c pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out, m.ssrc = c.WriteStream(), uint32(c.SSRC())
	for _, p := range c.CodecParameters() {
		if p.MimeType == m.mime {
			return p, nil
		}
	}
	return pion.RTPCodecParameters{}, pion.ErrUnsupportedCodec
}

func (m *microphone) Unbind(pion.TrackLocalContext) error { return nil }
func (m *microphone) ID() string                          { return "mic" }
func (m *microphone) RID() string                         { return "" }
func (m *microphone) StreamID() string                    { return "browser" }
func (m *microphone) Kind() pion.RTPCodecType             { return pion.RTPCodecTypeAudio }

func (m *microphone) write(h rtp.Header, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out != nil {
		h.SSRC = m.ssrc
		_, _ = m.out.WriteRTP(&h, payload)
	}
}

// wait fails the test when c is not closed in time.
func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: not in 10 s", what)
	}
}

// sine is one frame of a tone at 8 kHz and -10 dBFS.
func sine(hz float64, frame int) []int16 {
	const n, rate = 160, 8000
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(10362 * math.Sin(2*math.Pi*hz*float64(frame*n+i)/rate))
	}
	return out
}

// level is how much of a tone there is, in dBFS.
func level(samples []int16, hz float64) float64 {
	var re, im float64
	for i, s := range samples {
		w := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(s) * math.Cos(w)
		im -= float64(s) * math.Sin(w)
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(samples))/32768+1e-9)
}

// every20ms calls f until it tells that it is done, at most for 10 s.
func every20ms(t *testing.T, what string, f func(i int) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(media.FrameTime)
	defer ticker.Stop()
	for i := 0; !f(i); i++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}
