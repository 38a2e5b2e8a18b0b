package webrtc

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/udp"
)

// protections are the profiles that we offer.
var protections = []srtp.ProtectionProfile{
	srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80,
}

// sessions makes both ends of a connection.
func sessions(t testing.TB, profile srtp.ProtectionProfile) (a, b *session) {
	t.Helper()
	keyLen, err := profile.KeyLen()
	if err != nil {
		t.Fatal(err)
	}
	saltLen, err := profile.SaltLen()
	if err != nil {
		t.Fatal(err)
	}
	bytes := func(with byte, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = with + byte(i)
		}
		return b
	}
	keys := srtp.SessionKeys{
		LocalMasterKey: bytes(1, keyLen), LocalMasterSalt: bytes(2, saltLen),
		RemoteMasterKey: bytes(3, keyLen), RemoteMasterSalt: bytes(4, saltLen),
	}
	if a, err = keyed(srtp.Config{Profile: profile, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	keys.LocalMasterKey, keys.RemoteMasterKey = keys.RemoteMasterKey, keys.LocalMasterKey
	keys.LocalMasterSalt, keys.RemoteMasterSalt = keys.RemoteMasterSalt, keys.LocalMasterSalt
	if b, err = keyed(srtp.Config{Profile: profile, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// rtpPacket is one with room for a tag behind it.
func rtpPacket(seq uint16) []byte {
	b := make([]byte, headerSize+160, 2048)
	b[0], b[2], b[3], b[7], b[11] = 0x80, byte(seq>>8), byte(seq), byte(seq), 9
	for i := range 160 {
		b[headerSize+i] = byte(i)
	}
	return b
}

func TestSessionProtects(t *testing.T) {
	for _, profile := range protections {
		t.Run(profile.String(), func(t *testing.T) {
			a, b := sessions(t, profile)
			plain := rtpPacket(1)
			sealed, ok := a.sealRTP(append([]byte(nil), plain...))
			if !ok || bytes.Contains(sealed, plain[headerSize:headerSize+16]) || len(sealed) > len(plain)+tagRoom {
				t.Fatalf("sealed %v, %d bytes of %d", ok, len(sealed), len(plain))
			}
			copyOf := func() []byte { return append(make([]byte, 0, 2048), sealed...) }
			forged := copyOf()
			forged[headerSize] ^= 1
			if _, ok := b.openRTP(forged); ok {
				t.Error("took a forged packet")
			}
			if got, ok := b.openRTP(copyOf()); !ok || !bytes.Equal(got, plain) {
				t.Error("not what was sealed")
			}
			if _, ok := b.openRTP(copyOf()); ok {
				t.Error("took a packet twice")
			}
			report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: 8}}}})
			if err != nil {
				t.Fatal(err)
			}
			sealedReport, ok := a.sealRTCP(append(make([]byte, 0, 2048), report...))
			if !ok || len(sealedReport) > len(report)+tagRoom+4 {
				t.Fatalf("sealed report %v, %d bytes of %d", ok, len(sealedReport), len(report))
			}
			again := append(make([]byte, 0, 2048), sealedReport...)
			if got, ok := b.openRTCP(sealedReport); !ok || !bytes.Equal(got, report) {
				t.Error("not the report that was sealed")
			}
			if _, ok := b.openRTCP(again); ok {
				t.Error("took a report twice")
			}
		})
	}
}

// wiredLeg is a connected leg of api whose packets go to an address. far is
// what the browser seals with.
func wiredLeg(t testing.TB, api *API, profile srtp.ProtectionProfile, to netip.AddrPort) (l *Leg, far *session) {
	t.Helper()
	l = bareLeg(t, pcmu())
	l.api, l.port = api, api.port
	near, far := sessions(t, profile)
	l.session.Store(near)
	var target udp.Target
	if !api.port.socket.Aim(&target, to) {
		t.Fatalf("cannot send to %s", to)
	}
	l.target.Store(&target)
	return l, far
}

func quietAPI(t testing.TB) *API {
	t.Helper()
	api, err := NewAPI(Config{Address: "127.0.0.1:0", IncludeLoopback: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return api
}

// TestSecurePacketsDoNotAllocate takes packets from the socket's buffer through
// decryption, relay and encryption to the socket's queue.
func TestSecurePacketsDoNotAllocate(t *testing.T) {
	api := quietAPI(t)
	for _, profile := range protections {
		in, far := wiredLeg(t, api, profile, netip.MustParseAddrPort("127.0.0.1:9"))
		out, _ := wiredLeg(t, api, profile, netip.MustParseAddrPort("127.0.0.1:9"))
		in.RelayTo(out)
		seq, now, b := uint16(0), time.Now(), make([]byte, 0, 2048)
		n := testing.AllocsPerRun(500, func() {
			seq, now = seq+1, now.Add(media.FrameTime)
			b = append(b[:0], rtpPlain(seq)...)
			sealed, _ := far.sealRTP(b)
			in.datagram(sealed, now)
		})
		if s := in.Stats(); s.PacketsReceived != 501 || out.Stats().PacketsSent != 501 {
			t.Errorf("%s: received %d, sent %d, want 501", profile, s.PacketsReceived, out.Stats().PacketsSent)
		}
		if n != 0 && !poolsForget {
			t.Errorf("%s: %v allocations per packet, want 0", profile, n)
		}
	}
}

var plainPacket = rtpPacket(0)

// rtpPlain is a packet in a buffer that the next call reuses.
func rtpPlain(seq uint16) []byte {
	ts := uint32(seq) * 160
	plainPacket[2], plainPacket[3] = byte(seq>>8), byte(seq)
	plainPacket[4], plainPacket[5], plainPacket[6], plainPacket[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
	return plainPacket
}

// TestStrangersAreNotHeard sends to the port from an address that no browser
// has, and forgeries in a browser's name.
func TestStrangersAreNotHeard(t *testing.T) {
	api := quietAPI(t)
	browser, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = browser.Close() }()
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	from := browser.LocalAddr().(*net.UDPAddr).AddrPort()
	l, far := wiredLeg(t, api, protections[0], from)
	api.port.know(from, l)
	to := api.Addr()
	seal := func(seq uint16) []byte {
		b, _ := far.sealRTP(rtpPacket(seq))
		return b
	}
	honest := seal(1)
	forged := append([]byte(nil), honest...)
	forged[3]++
	for _, b := range [][]byte{seal(2), honest, {0x80, 200}, {22, 254, 253, 0}, {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}} {
		_, _ = stranger.WriteToUDPAddrPort(b, to)
	}
	for _, b := range [][]byte{forged, {0x80}, {0x80, 200, 0}, make([]byte, 1900), honest, honest, seal(3)} {
		_, _ = browser.WriteToUDPAddrPort(b, to)
	}
	for deadline := time.Now().Add(10 * time.Second); l.Stats().PacketsReceived < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("stats %+v", l.Stats())
		}
	}
	// Of three sequence numbers the second was the stranger's alone.
	if s := l.Stats(); s.PacketsReceived != 2 || s.PacketsLost != 1 || !s.LastRTCP.IsZero() {
		t.Errorf("stats %+v, want packets 1 and 3", s)
	}
	api.port.forget(from, bareLeg(t, pcmu())) // another leg's end is not ours
	api.port.mu.RLock()
	known := api.port.legs[from]
	api.port.mu.RUnlock()
	if known != l {
		t.Error("forgotten by another leg's end")
	}
	api.port.forget(from, l)
}

// BenchmarkSecureRelay is a browser's packet on its way to another browser, but
// for the system calls.
func BenchmarkSecureRelay(b *testing.B) {
	for _, profile := range protections {
		b.Run(profile.String(), func(b *testing.B) {
			api := quietAPI(b)
			in, far := wiredLeg(b, api, profile, netip.MustParseAddrPort("127.0.0.1:9"))
			out, _ := wiredLeg(b, api, profile, netip.MustParseAddrPort("127.0.0.1:9"))
			in.RelayTo(out)
			const made = 1 << 15
			var sealed [][]byte
			for i := range made {
				s, _ := far.sealRTP(append(make([]byte, 0, 200), rtpPlain(uint16(i))...))
				sealed = append(sealed, s)
			}
			buf, now := make([]byte, 2048), time.Now()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i == made {
					b.StopTimer() // the same packets are refused: another connection
					near, _ := sessions(b, profile)
					in.session.Store(near)
					i = 0
					b.StartTimer()
				}
				now = now.Add(media.FrameTime)
				in.datagram(buf[:copy(buf, sealed[i])], now)
				i++
			}
		})
	}
}
