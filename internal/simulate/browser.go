package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/pion/interceptor"
	pionrtp "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// The tones by which callers and agents are told apart, in hertz.
const (
	callerTone = 440
	agentTone  = 950
)

// browser is the softphone of a simulated agent: a peer connection that offers,
// trickles, sends a tone in G.711 and listens.
type browser struct {
	pc     *webrtc.PeerConnection
	track  *webrtc.TrackLocalStaticRTP
	send   func(kind string, data map[string]any) error
	heard  chan time.Time
	closed chan struct{}
	once   sync.Once
	work   sync.WaitGroup

	mu      sync.Mutex
	pending []webrtc.ICECandidateInit // before the answer
	ready   bool
}

var browserAPI = sync.OnceValues(func() (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, PayloadType: 8,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	reg := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(reg); err != nil {
		return nil, err
	}
	var set webrtc.SettingEngine
	set.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(set)), nil
})

func newBrowser(send func(kind string, data map[string]any) error) (*browser, error) {
	api, err := browserAPI()
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	b := &browser{pc: pc, send: send, heard: make(chan time.Time, 1), closed: make(chan struct{})}
	b.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, "microphone", "agent")
	if err != nil {
		b.close()
		return nil, err
	}
	sender, err := pc.AddTrack(b.track)
	if err != nil {
		b.close()
		return nil, err
	}
	b.work.Go(func() { // drain RTCP, or nothing is measured
		buf := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(buf); err != nil {
				return
			}
		}
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.listen(t) })
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			_ = b.send("rtc.candidate", map[string]any{"candidate": c.ToJSON()}) // a lost one is made up for by others
		}
	})
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			b.work.Go(b.speak)
		}
	})
	return b, nil
}

// offer sends the session description.
func (b *browser) offer() error {
	sdp, err := b.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := b.pc.SetLocalDescription(sdp); err != nil {
		return err
	}
	return b.send("rtc.offer", map[string]any{"sdp": sdp.SDP})
}

// signal takes the installation's answer and candidates.
func (b *browser) signal(kind string, data json.RawMessage) error {
	if kind == "rtc.answer" {
		var m struct {
			SDP string `json:"sdp"`
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: m.SDP}); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ready = true
		for _, c := range b.pending {
			if err := b.pc.AddICECandidate(c); err != nil {
				return err
			}
		}
		return nil
	}
	var m struct {
		Candidate webrtc.ICECandidateInit `json:"candidate"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ready {
		b.pending = append(b.pending, m.Candidate)
		return nil
	}
	return b.pc.AddICECandidate(m.Candidate)
}

// listen waits for the caller's tone: only that counts as audio.
func (b *browser) listen(t *webrtc.TrackRemote) {
	var det detector
	var pkt pionrtp.Packet
	buf := make([]byte, 1500)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		if pkt.Unmarshal(buf[:n]) != nil || pkt.PayloadType != 8 {
			continue
		}
		if det.alaw(pkt.Payload, callerTone) {
			select {
			case b.heard <- time.Now():
			default:
			}
		}
	}
}

// speak sends the agent's tone on absolute deadlines.
func (b *browser) speak() {
	frame := media.Rate8k.Frame()
	tone := toneSamples(agentTone)
	payload := make([]byte, frame)
	pkt := pionrtp.Packet{Header: pionrtp.Header{Version: 2, PayloadType: 8, Marker: true}, Payload: payload}
	next := time.Now()
	for i := 0; ; i++ {
		codec.EncodePCMA(payload, tone[i*frame%len(tone):][:frame])
		if b.track.WriteRTP(&pkt) != nil {
			return
		}
		pkt.Marker = false
		pkt.SequenceNumber++
		pkt.Timestamp += uint32(frame)
		next = next.Add(media.FrameTime)
		select {
		case <-b.closed:
			return
		case <-time.After(time.Until(next)):
		}
	}
}

// firstAudio waits until the caller was heard.
func (b *browser) firstAudio(ctx context.Context, limit time.Duration) (time.Time, bool) {
	select {
	case at := <-b.heard:
		return at, true
	case <-b.closed:
	case <-ctx.Done():
	case <-time.After(limit):
	}
	return time.Time{}, false
}

func (b *browser) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

func (b *browser) close() {
	b.once.Do(func() {
		close(b.closed)
		_ = b.pc.Close()
		b.work.Wait()
	})
}
