package call

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/sip"
)

func TestKeypadMergesWays(t *testing.T) {
	type press struct {
		key byte
		by  way
		at  time.Duration
	}
	const ms = time.Millisecond
	tests := []struct {
		name    string
		presses []press
		want    string
	}{
		{"one way", []press{{'1', byMedia, 0}, {'1', byMedia, 200 * ms}}, "11"},
		{"both ways", []press{{'1', byMedia, 0}, {'1', byInfo, 100 * ms}}, "1"},
		{"info first", []press{{'1', byInfo, 0}, {'1', byMedia, 100 * ms}}, "1"},
		{"fast double by both ways", []press{{'1', byMedia, 0}, {'1', byMedia, 150 * ms}, {'1', byInfo, 160 * ms}, {'1', byInfo, 300 * ms}}, "11"},
		{"interleaved", []press{{'1', byMedia, 0}, {'2', byMedia, 90 * ms}, {'1', byInfo, 100 * ms}, {'2', byInfo, 190 * ms}}, "12"},
		{"far apart", []press{{'1', byMedia, 0}, {'1', byInfo, 900 * ms}}, "11"},
		{"no digits", []press{{'x', byMedia, 0}, {0, byInfo, 1 * ms}, {'D', byInfo, 2 * ms}}, "D"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, start := newKeypad(), time.Now()
			for _, p := range tt.presses {
				k.press(p.key, 0, p.by, start.Add(p.at))
			}
			got := ""
			for len(k.out) > 0 {
				got += string((<-k.out).Key)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestKeypadIsBounded(t *testing.T) {
	k, now := newKeypad(), time.Now()
	for i := range 3 * digitBuffer {
		k.press('1', 0, byMedia, now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(k.out) != digitBuffer || k.dropped.Load() != 2*digitBuffer {
		t.Errorf("%d kept, %d dropped", len(k.out), k.dropped.Load())
	}
}

func TestReasons(t *testing.T) {
	tests := []struct {
		name  string
		end   sip.End
		party Party
		want  Reason
	}{
		{"caller hangs up", sip.End{Cause: sip.CauseNormal, Status: 200}, Customer, CustomerDisconnect},
		{"caller gives up", sip.End{Cause: sip.CauseCancelled, Status: 487}, Customer, CustomerDisconnect},
		{"agent hangs up", sip.End{Cause: sip.CauseNormal, Status: 200}, Agent, AgentDisconnect},
		{"supervisor hangs up", sip.End{Cause: sip.CauseNormal, Status: 200}, Supervisor, AgentDisconnect},
		{"other number hangs up", sip.End{Cause: sip.CauseNormal, Status: 200}, External, ThirdPartyDisconnect},
		{"agent does not answer", sip.End{Cause: sip.CauseNoAnswer, Status: 408}, Agent, AgentTimeout},
		{"number does not answer", sip.End{Cause: sip.CauseNoAnswer, Status: 408}, External, TelecomProblem},
		{"agent busy", sip.End{Cause: sip.CauseRejected, Status: 486}, Agent, AgentRejected},
		{"agent declines", sip.End{Cause: sip.CauseRejected, Status: 603}, Agent, AgentRejected},
		{"agent not there", sip.End{Cause: sip.CauseRejected, Status: 480}, Agent, AgentTimeout},
		{"agent's phone broken", sip.End{Cause: sip.CauseRejected, Status: 500}, Agent, TelecomProblem},
		{"number busy", sip.End{Cause: sip.CauseRejected, Status: 486}, External, ThirdPartyDisconnect},
		{"line down", sip.End{Cause: sip.CauseRejected, Status: 503}, External, TelecomProblem},
		{"session expired", sip.End{Cause: sip.CauseExpired, Status: 200}, Customer, TelecomProblem},
		{"no ACK", sip.End{Cause: sip.CauseTimeout, Status: 200}, Customer, TelecomProblem},
		{"gone", sip.End{Cause: sip.CauseGone, Status: 200}, Customer, TelecomProblem},
		{"not sent", sip.End{Cause: sip.CauseTransport}, Agent, TelecomProblem},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := reasonOf(tt.end, tt.party); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// writeWAV makes a mono PCM file.
func writeWAV(t *testing.T, path string, samples int, value int16) {
	t.Helper()
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 16, 0, 0, 0, 1, 0, 1, 0)
	b = binary.LittleEndian.AppendUint32(b, 8000)
	b = binary.LittleEndian.AppendUint32(b, 16000)
	b = append(b, 2, 0, 16, 0)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(2*samples))
	for range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(value))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLibraryIsBoundedAndSeesChanges(t *testing.T) {
	dir := t.TempDir()
	l := newLibrary(2 * 2 * 800) // room for two prompts of 100 ms
	load := func(name string) media.Clip {
		t.Helper()
		clips, err := l.clips([]Prompt{{Path: filepath.Join(dir, name)}}, media.Rate8k)
		if err != nil {
			t.Fatal(err)
		}
		return clips[0]
	}
	for _, name := range []string{"a.wav", "b.wav", "c.wav"} {
		writeWAV(t, filepath.Join(dir, name), 800, 100)
		load(name)
	}
	if l.order.Len() != 2 || l.bytes != 2*2*800 || len(l.byKey) != 2 {
		t.Errorf("%d prompts of %d bytes", l.order.Len(), l.bytes)
	}
	first, again := load("c.wav"), load("c.wav")
	if &first.Samples[0] != &again.Samples[0] {
		t.Error("read twice")
	}
	writeWAV(t, filepath.Join(dir, "c.wav"), 400, 200)
	if changed := load("c.wav"); len(changed.Samples) != 400 {
		t.Errorf("old prompt of %d samples after a change", len(changed.Samples))
	}
	writeWAV(t, filepath.Join(dir, "long.wav"), 8000, 1)
	if long := load("long.wav"); len(long.Samples) != 8000 || l.bytes > l.limit {
		t.Errorf("%d samples, %d bytes cached", len(long.Samples), l.bytes)
	}
}

func TestMatrixOfSixParties(t *testing.T) {
	leg := func(id string, p Party) *Leg { return &Leg{info: Info{ID: id, Party: p}} }
	c := &Call{customer: leg("cu", Customer), present: true, members: map[string]*member{
		"a1": {leg: leg("a1", Agent)}, "a2": {leg: leg("a2", Agent)}, "ex": {leg: leg("ex", External)},
		"mo": {leg: leg("mo", Supervisor), role: Monitor}, "wh": {leg: leg("wh", Supervisor), role: Whisper},
	}}
	hearing := func(to string) (from []string) {
		for p := range c.matrix() {
			if p.to == to {
				from = append(from, p.from)
			}
		}
		slices.Sort(from)
		return from
	}
	check := func(what, to string, want ...string) {
		t.Helper()
		if got := hearing(to); !slices.Equal(got, want) {
			t.Errorf("%s: %s hears %v, want %v", what, to, got, want)
		}
	}
	check("talk", "cu", "a1", "a2", "ex")
	check("talk", "a1", "a2", "cu", "ex", "wh")
	check("talk", "ex", "a1", "a2", "cu")
	check("talk", "mo", "a1", "a2", "cu", "ex")
	check("talk", "wh", "a1", "a2", "cu", "ex")
	c.held = true
	check("hold", "cu")
	check("hold", "a1", "a2", "ex", "wh")
	check("hold", "mo", "a1", "a2", "ex")
	c.held, c.members["a1"].muted = false, true
	check("mute", "cu", "a2", "ex")
	check("mute", "a1", "a2", "cu", "ex", "wh")
	c.muted = true
	check("customer muted", "a2", "ex", "wh")
	c.present = false
	check("customer gone", "cu")
	check("customer gone", "ex", "a2")
}
