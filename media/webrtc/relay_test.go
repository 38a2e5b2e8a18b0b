package webrtc

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/turn/v5"

	"github.com/openhotline/hotline/media"
)

// turnServer runs a TURN server on loopback and gives its address.
func turnServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "test", LoggerFactory: quiet(slog.New(slog.DiscardHandler)),
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(r.Username, "test", "secret"), r.Username == "hotline"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: conn, RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("TURN server: %v", err)
		}
	})
	return conn.LocalAddr().String()
}

// TestRelayedMedia talks through a TURN server alone, where nothing can go past
// pion.
func TestRelayedMedia(t *testing.T) {
	turnAt := turnServer(t)
	api, err := NewAPI(Config{
		Address: "127.0.0.1:0", IncludeLoopback: true, GatherTimeout: 5 * time.Second,
		ICEServers: []ICEServer{{URLs: []string{"turn:" + turnAt + "?transport=udp"}, Username: "hotline", Credential: "secret"}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	api.kinds = []ice.CandidateType{ice.CandidateTypeRelay}
	far := quietAPI(t)
	client, offer, err := far.NewClient(t.Context(), LegConfig{ID: "client"})
	if err != nil {
		t.Fatal(err)
	}
	leg, answer, err := api.NewLeg(t.Context(), LegConfig{ID: "leg"}, offer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, " typ relay") || strings.Contains(answer, " typ host") {
		t.Fatalf("answer has other candidates than a relay's:\n%s", answer)
	}
	if err := client.Connect(answer); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Leg{client, leg} {
		select {
		case <-l.Connected():
		case <-time.After(20 * time.Second):
			t.Fatalf("%s not connected", l.ID())
		}
	}
	if leg.target.Load() != nil {
		t.Error("a relayed leg has a way past pion")
	}
	ticker := time.NewTicker(media.FrameTime)
	defer ticker.Stop()
	frame := make([]int16, 160)
	for deadline := time.Now().Add(10 * time.Second); leg.Stats().PacketsReceived < 10 || client.Stats().PacketsReceived < 10; {
		<-ticker.C
		client.WriteFrame(frame)
		leg.WriteFrame(frame)
		if time.Now().After(deadline) {
			t.Fatalf("leg %+v, client %+v", leg.Stats(), client.Stats())
		}
	}
	if err := errors.Join(client.Close(), leg.Close()); err != nil {
		t.Error(err)
	}
}

func TestBadICEServers(t *testing.T) {
	for _, s := range []ICEServer{{URLs: []string{"http://example.com"}}, {URLs: []string{"turn:example.com"}}} {
		if _, err := NewAPI(Config{Address: "127.0.0.1:0", ICEServers: []ICEServer{s}}, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: error %v", s.URLs, err)
		}
	}
}
