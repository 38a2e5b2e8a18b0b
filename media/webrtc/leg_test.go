package webrtc_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
	"github.com/openhotline/hotline/media/webrtc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBothDirectionsCarryTones(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind codec.Kind
		mime string
		pt   uint8
	}{
		{"PCMA", codec.PCMA, pion.MimeTypePCMA, 8},
		{"PCMU", codec.PCMU, pion.MimeTypePCMU, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := newAPI(t, time.Second)
			b, leg, answer := call(t, api, tt.mime, webrtc.LegConfig{ID: "a", Prefs: webrtc.Prefs{Codecs: []codec.Kind{tt.kind}}})
			if !strings.Contains(answer, "a=candidate") || strings.Contains(answer, "opus") {
				t.Errorf("answer lacks candidates or has Opus:\n%s", answer)
			}
			encoder, err := codec.NewEncoder(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			var said []int16
			payload, frame := make([]byte, 160), make([]int16, 160)
			every20ms(t, "tones", func(i int) bool {
				n, _ := encoder.Encode(payload, sine(440, i))
				b.send(tt.pt, b.ts, payload[:n])
				b.ts += 160
				leg.WriteFrame(sine(950, i))
				if leg.ReadFrame(frame) {
					said = append(said, frame...)
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				return len(said) >= 6400 && len(b.heard) >= 6400
			})
			if l := level(said[len(said)-3200:], 440); l < -13 || l > -7 {
				t.Errorf("room hears the browser at %.1f dBFS, want -10", l)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if l := level(b.heard[len(b.heard)-3200:], 950); l < -13 || l > -7 {
				t.Errorf("browser hears the room at %.1f dBFS, want -10", l)
			}
			if s := leg.Stats(); s.PacketsReceived == 0 || s.PacketsSent == 0 || s.PacketsLost != 0 || s.MOS < 4 {
				t.Errorf("stats %+v", s)
			}
			if leg.Format() != tt.kind.Format() {
				t.Errorf("format %v, want %v", leg.Format(), tt.kind.Format())
			}
		})
	}
}

func TestOpusUpGetsAsymmetricAnswer(t *testing.T) {
	api := newAPI(t, time.Second)
	_, leg, answer := call(t, api, pion.MimeTypeOpus, webrtc.LegConfig{ID: "a", Prefs: webrtc.Prefs{Codecs: []codec.Kind{codec.PCMU}, OpusUp: true}})
	if !strings.Contains(answer, "UDP/TLS/RTP/SAVPF 111 0 110\r\n") {
		t.Errorf("answer does not list 111 0 110:\n%s", answer)
	}
	if !strings.Contains(answer, "usedtx=1") {
		t.Errorf("answer does not switch DTX on:\n%s", answer)
	}
	if leg.Rate() != media.Rate16k || leg.Format() != media.FormatNone || leg.UpCodec() != codec.Opus || leg.Codec() != codec.PCMU {
		t.Errorf("rate %d, format %d, up %v, down %v", leg.Rate(), leg.Format(), leg.UpCodec(), leg.Codec())
	}
}

func TestEachDigitComesOnce(t *testing.T) {
	api := newAPI(t, time.Second)
	pressed := make(chan byte, 16)
	b, _, _ := call(t, api, pion.MimeTypePCMA, webrtc.LegConfig{ID: "a", OnDigit: func(d byte, _ time.Duration) { pressed <- d }})
	for i, key := range []byte("1#1") {
		code, _ := dtmf.Code(key)
		start := uint32(16000 * (i + 1))
		for n := range 8 {
			e := dtmf.Event{Code: code, Volume: 10, Duration: uint16(160 * (min(n, 5) + 1)), End: n >= 5}
			b.send(126, start, e.Append(nil))
		}
	}
	var got []byte
	for range 3 {
		select {
		case d := <-pressed:
			got = append(got, d)
		case <-time.After(5 * time.Second):
			t.Fatalf("got %q, want 1#1", got)
		}
	}
	if string(got) != "1#1" || len(pressed) != 0 {
		t.Errorf("got %q and %d more, want 1#1", got, len(pressed))
	}
}

func TestSilentBrowserIsLostAndComesBack(t *testing.T) {
	api := newAPI(t, 300*time.Millisecond)
	told := make(chan bool, 8)
	b, leg, _ := call(t, api, pion.MimeTypePCMA, webrtc.LegConfig{ID: "a", OnLost: func(lost bool) { told <- lost }})
	expect := func(want bool) {
		t.Helper()
		select {
		case got := <-told:
			if got != want || leg.Lost() != want {
				t.Fatalf("told lost=%v (now %v), want %v", got, leg.Lost(), want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("not told lost=%v", want)
		}
	}
	b.send(8, 0, make([]byte, 160))
	expect(true)
	b.send(8, 1600, make([]byte, 160))
	expect(false)
	_ = b.pc.Close()
	expect(true)
}

func TestCloseDuringSetup(t *testing.T) {
	api := newAPI(t, time.Second)
	b := newBrowser(t, pion.MimeTypePCMA)
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		leg, _, err := api.NewLeg(t.Context(), webrtc.LegConfig{ID: "a"}, offer.SDP)
		if err != nil {
			t.Fatal(err)
		}
		if err := leg.Close(); err != nil {
			t.Error(err)
		}
	}
	if api.Legs() != 0 {
		t.Errorf("%d legs left", api.Legs())
	}
}

func TestBadOffers(t *testing.T) {
	api := newAPI(t, time.Second)
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	tests := []struct {
		name, offer string
		want        error
	}{
		{"empty", "", webrtc.ErrOffer},
		{"not SDP", "hello", webrtc.ErrOffer},
		{"no audio", head, webrtc.ErrOffer},
		{"no common codec", head + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 speex/8000\r\n", webrtc.ErrCodec},
		{"no fingerprint", head + "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n", webrtc.ErrOffer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := api.NewLeg(t.Context(), webrtc.LegConfig{ID: "a"}, tt.offer); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	if api.Legs() != 0 {
		t.Errorf("%d legs left", api.Legs())
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []webrtc.Config{{Address: "nowhere"}, {ExternalIPs: []string{"here"}}, {LostAfter: -1}} {
		if _, err := webrtc.NewAPI(cfg, nil); !errors.Is(err, webrtc.ErrConfig) {
			t.Errorf("%+v: error %v", cfg, err)
		}
	}
}

// TestReportsGoBothWays: the browser gets our reports, which another
// implementation reads, and answers with what tells the round trip.
func TestReportsGoBothWays(t *testing.T) {
	api := newAPI(t, time.Second)
	b, leg, _ := call(t, api, pion.MimeTypePCMA, webrtc.LegConfig{ID: "a"})
	payload := make([]byte, 160)
	every20ms(t, "reports", func(i int) bool {
		leg.WriteFrame(sine(950, i))
		b.send(8, b.ts, payload)
		b.ts += 160
		b.mu.Lock()
		defer b.mu.Unlock()
		s := leg.Stats()
		return b.reported != nil && s.RoundTrip > 0 && !s.LastRTCP.IsZero()
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.reported
	if r.PacketCount == 0 || r.OctetCount != 160*r.PacketCount || b.ssrc[r.SSRC] == 0 {
		t.Errorf("report %+v does not fit the stream of %v", r, b.ssrc)
	}
	if len(r.Reports) != 1 || r.Reports[0].FractionLost != 0 || r.Reports[0].LastSequenceNumber == 0 {
		t.Errorf("report %+v about what the browser sends", r.Reports)
	}
	if s := leg.Stats(); s.RoundTrip > 5*time.Second {
		t.Errorf("round trip %s", s.RoundTrip)
	}
}

func TestClientAgainstLeg(t *testing.T) {
	api := newAPI(t, time.Second)
	other := newAPI(t, time.Second)
	pressed, told := make(chan byte, 16), make(chan byte, 16)
	client, offer, err := other.NewClient(t.Context(), webrtc.LegConfig{ID: "client", OnDigit: func(d byte, _ time.Duration) { told <- d }})
	if err != nil {
		t.Fatal(err)
	}
	leg, answer, err := api.NewLeg(t.Context(), webrtc.LegConfig{
		ID: "leg", Prefs: webrtc.Prefs{Codecs: []codec.Kind{codec.PCMU}}, OnDigit: func(d byte, _ time.Duration) { pressed <- d },
	}, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Connect(answer); err != nil {
		t.Fatal(err)
	}
	wait(t, "client", client.Connected())
	wait(t, "leg", leg.Connected())
	if client.Codec() != codec.PCMU || leg.Codec() != codec.PCMU {
		t.Fatalf("codecs %v and %v, want PCMU", client.Codec(), leg.Codec())
	}
	if err := client.SendDigits("7"); err != nil {
		t.Fatal(err)
	}
	if err := leg.SendDigits("8,9"); err != nil {
		t.Fatal(err)
	}
	if err := leg.SendDigits("x"); !errors.Is(err, webrtc.ErrState) {
		t.Errorf("digit x: %v", err)
	}
	frame := make([]int16, 160)
	var heard []int16
	var got string
	every20ms(t, "audio and digits", func(i int) bool {
		client.WriteFrame(sine(440, i))
		leg.WriteFrame(sine(950, i))
		if leg.ReadFrame(frame) {
			heard = append(heard, frame...)
		}
		select {
		case d := <-told:
			got += string(d)
		default:
		}
		return got == "89" && len(pressed) == 1 && len(heard) > 16000
	})
	if d := <-pressed; d != '7' {
		t.Errorf("leg got %q, want 7", d)
	}
	if l := level(heard[len(heard)-3200:], 440); l < -13 || l > -7 {
		t.Errorf("heard at %.1f dBFS, want -10", l)
	}
	if err := errors.Join(client.Close(), leg.Close(), leg.Close()); err != nil {
		t.Error(err)
	}
	leg.WriteFrame(frame) // harmless
	leg.ReadFrame(frame)
	if api.Legs() != 0 {
		t.Error("closed leg lives")
	}
}
