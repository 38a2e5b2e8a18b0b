package webrtc

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// offerOf makes an offer whose audio section has further lines.
func offerOf(session, audio string) string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + session +
		"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:7\r\n" + audio
}

const credentials = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdabcdabcdabcdabcdabcd\r\na=fingerprint:sha-256 AA:BB\r\n"

func TestDescriptionIsRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		check      func(*description) bool
	}{
		{"section", offerOf("", credentials+"a=rtcp-mux\r\na=setup:actpass\r\na=recvonly\r\na=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n"), func(d *description) bool {
			return d.ufrag == "abcd" && d.setup == "actpass" && d.direction == "recvonly" && d.answerDirection() == "sendonly" &&
				len(d.candidates) == 1 && d.prints[0] == fingerprinted{"sha-256", "AA:BB"} && !d.bundled && !d.lite
		}},
		{"session", offerOf(credentials+"a=ice-lite\r\na=group:BUNDLE 7 8\r\na=setup:active\r\n", "a=rtcp-mux\r\na=rtcp-rsize\r\n"), func(d *description) bool {
			return d.ufrag == "abcd" && d.lite && d.bundled && d.reduced && !d.answersActive() && len(d.prints) == 1 && d.answerDirection() == "sendrecv"
		}},
		{"section before session", offerOf(credentials, "a=ice-ufrag:other\r\na=rtcp-mux\r\na=fingerprint:sha-384 CC\r\na=fingerprint:sha-256 DD\r\n"), func(d *description) bool {
			return d.ufrag == "other" && len(d.prints) == 2 && d.prints[0].value == "CC"
		}},
	} {
		d, err := parseDescription(tt.text)
		if err != nil || d.check() != nil || !tt.check(d) {
			t.Errorf("%s: %+v, %v", tt.name, d, err)
		}
	}
}

func TestIncompleteDescriptions(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"credentials", offerOf("", "a=rtcp-mux\r\na=fingerprint:sha-256 AA\r\n"), "ICE credentials"},
		{"fingerprint", offerOf("", "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcd\r\n"), "fingerprint"},
		{"rtcp-mux", offerOf("", credentials), "rtcp-mux"},
		{"refused audio", strings.Replace(offerOf("", credentials), "audio 9", "audio 0", 1), "audio section"},
	} {
		d, err := parseDescription(tt.text)
		if err == nil {
			err = d.check()
		}
		if !errors.Is(err, ErrOffer) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

// TestAnswerRefusesWhatIsNotAudio: a browser that offers video as well gets a
// section for each of its own, in its order.
func TestAnswerRefusesWhatIsNotAudio(t *testing.T) {
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v a d\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\na=rtcp-mux\r\n" + credentials +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n"
	d, err := parseDescription(offer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := choose(d.formats, Prefs{})
	if err != nil {
		t.Fatal(err)
	}
	o := ours{
		to: d, formats: c.formats(), ufrag: "u", pwd: "p", fingerprint: "AA", setup: "active", direction: "sendrecv", ssrc: 5,
		candidates: []string{"1 1 udp 2130706431 10.0.0.1 5 typ host"}, complete: true,
	}
	lines := strings.Split(o.String(), "\r\n")
	lines[1] = "o=" // random
	want := []string{
		"v=0", "o=", "s=-", "t=0 0", "a=group:BUNDLE a",
		"m=video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:v", "a=inactive",
		"m=audio 9 UDP/TLS/RTP/SAVPF 0 126", "c=IN IP4 0.0.0.0", "a=setup:active", "a=mid:a", "a=ice-ufrag:u", "a=ice-pwd:p",
		"a=ice-options:trickle", "a=fingerprint:sha-256 AA", "a=rtcp-mux", "a=rtpmap:0 PCMU/8000", "a=rtpmap:126 telephone-event/8000",
		"a=msid:hotline audio", "a=ssrc:5 cname:faaaaaaafaaaaaaa", "a=ssrc:5 msid:hotline audio", "a=sendrecv",
		"a=candidate:1 1 udp 2130706431 10.0.0.1 5 typ host", "a=end-of-candidates",
		"m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:d", "a=inactive", "",
	}
	for i := range max(len(lines), len(want)) {
		if i >= len(lines) || i >= len(want) || lines[i] != want[i] {
			t.Fatalf("line %d differs:\n%s\nwant\n%s", i, strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestFingerprintIsChecked(t *testing.T) {
	mine, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		prints []fingerprinted
		ok     bool
	}{
		{"fits", []fingerprinted{{"sha-256", strings.ToLower(mine.fingerprint)}}, true},
		{"one of several", []fingerprinted{{"sha-512", "00"}, {"SHA-256", mine.fingerprint}}, true},
		{"another's", []fingerprinted{{"sha-256", other.fingerprint}}, false},
		{"unknown algorithm", []fingerprinted{{"rot13", mine.fingerprint}}, false},
		{"none", nil, false},
	} {
		err := verify(tt.prints)(mine.tls.Certificate, nil)
		if ok := err == nil; ok != tt.ok || !ok && !errors.Is(err, errFingerprint) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := verify(nil)(nil, nil); !errors.Is(err, errFingerprint) {
		t.Errorf("no certificate: %v", err)
	}
}
