package call_test

import (
	"context"
	_ "embed"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
)

//go:embed testdata/browser.html
var browserPage string

// chromium opens the page with a microphone that says 440 Hz.
func chromium(t *testing.T, url string) (kill func()) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium (apt-get install chromium)")
	}
	microphone := filepath.Join(t.TempDir(), "mic.wav")
	writeTone(t, microphone)
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+microphone,
		"--autoplay-policy=no-user-gesture-required", url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children die with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	kill = func() {
		once.Do(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		})
	}
	t.Cleanup(kill)
	return kill
}

// writeTone makes a 48 kHz file of 440 Hz at -10 dBFS, ten seconds long; the
// fake microphone plays it over and over.
func writeTone(t *testing.T, path string) {
	t.Helper()
	tone := prompt(440.0/6, 60*time.Second).Samples // at 8 kHz; six times as fast at 48 kHz
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 16, 0, 0, 0, 1, 0, 1, 0)
	b = binary.LittleEndian.AppendUint32(b, 48000)
	b = binary.LittleEndian.AppendUint32(b, 96000)
	b = append(b, 2, 0, 16, 0)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(2*len(tone)))
	for _, s := range tone {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// softphone serves the page and makes the leg of its offer.
type softphone struct {
	leg   chan *call.Leg
	heard chan string
}

func serveSoftphone(t *testing.T, h *hub, r call.BrowserRequest) (*softphone, string) {
	t.Helper()
	s := &softphone{leg: make(chan *call.Leg, 1), heard: make(chan string, 1)}
	made := make(chan *call.Leg, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, browserPage)
	})
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, req *http.Request) {
		offer, _ := io.ReadAll(req.Body)
		r.Offer = string(offer)
		leg, answer, err := h.ctl.NewBrowserLeg(req.Context(), r)
		if err != nil {
			s.heard <- err.Error()
			return
		}
		made <- leg
		s.leg <- leg
		_, _ = io.WriteString(w, answer)
	})
	mux.HandleFunc("POST /candidate", func(_ http.ResponseWriter, req *http.Request) {
		candidate, _ := io.ReadAll(req.Body)
		leg := <-made
		made <- leg
		if err := leg.AddCandidate(candidate); err != nil {
			t.Errorf("candidate: %v", err)
		}
	})
	for _, path := range []string{"POST /heard", "POST /failed"} {
		mux.HandleFunc(path, func(_ http.ResponseWriter, req *http.Request) {
			text, _ := io.ReadAll(req.Body)
			s.heard <- string(text)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

// TestChromium: a real browser talks to a telephone in both ways of answering.
func TestChromium(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opus  bool
		codec string
	}{{"G.711 both ways", false, "PCMA"}, {"Opus up", true, "opus"}} {
		t.Run(tt.name, func(t *testing.T) {
			h, p := newPair(t, hubOptions{})
			caller, _, c := connect(t, h, p, talkOptions{tone: 950})
			s, url := serveSoftphone(t, h, call.BrowserRequest{ID: "lg_tab", Transcribe: tt.opus})
			kill := chromium(t, url)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			var leg *call.Leg
			select {
			case leg = <-s.leg:
			case text := <-s.heard:
				t.Fatal(text)
			case <-ctx.Done():
				t.Fatal("the browser made no offer in 60 s")
			}
			lost := make(chan bool, 16)
			leg.OnMedia(func(l bool) { lost <- l })
			if err := c.Bridge(leg); err != nil {
				t.Fatal(err)
			}
			select {
			case text := <-s.heard:
				if text != "950" {
					t.Fatalf("browser: %s", text)
				}
			case <-ctx.Done():
				t.Fatal("the browser did not hear the caller in 60 s")
			}
			caller.ear.hears(t, "caller", 440)
			keys := ""
			for len(keys) < 3 {
				select {
				case d := <-leg.Digits():
					keys += string(d.Key)
				case <-ctx.Done():
					t.Fatalf("keys %q, want 12#", keys)
				}
			}
			if stats := leg.Stats(); keys != "12#" || !strings.EqualFold(stats.Codec, tt.codec) || c.Relaying() == tt.opus {
				t.Errorf("keys %q, relaying %v, %+v", keys, c.Relaying(), stats)
			}
			killed := time.Now()
			kill()
			for gone := false; !gone; {
				select {
				case gone = <-lost:
				case <-ctx.Done():
					t.Fatal("the killed browser is not lost")
				}
			}
			t.Logf("killed browser lost after %s", time.Since(killed))
		})
	}
}
