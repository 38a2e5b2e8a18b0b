package simulate

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// recordingOf makes a recording of so many frames and returns its bytes.
func recordingOf(t *testing.T, frames int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.wav")
	r, err := wav.Create(path, wav.RecorderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for range frames {
		r.Payload(media.Left, media.FormatPCMU, make([]byte, 160))
		r.Tick()
	}
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The simulator believes the file, not the row that describes it.
func TestRecordedReadsTheFile(t *testing.T) {
	whole := recordingOf(t, 50) // a second
	row := omni.Recording{ID: "rc_1", State: omni.RecordingReady, Bytes: int64(len(whole)), DurationMS: 1000}
	change := func(f func(*omni.Recording)) omni.Recording { r := row; f(&r); return r }
	for _, c := range []struct {
		name string
		file []byte
		row  omni.Recording
		want string // in the error; empty: none
	}{
		{"whole", whole, row, ""},
		{"cut off", whole[:len(whole)-1600], row, "header counts"},
		{"longer by its row", whole, change(func(r *omni.Recording) { r.DurationMS = 1500 }), "its row says 1500 ms"},
		{"larger by its row", whole, change(func(r *omni.Recording) { r.Bytes++ }), "its row says"},
		{"not a recording", bytes.Repeat([]byte{1}, 5000), row, "not a recording"},
		{"failed", whole, change(func(r *omni.Recording) { r.State, r.Failure = omni.RecordingFailed, omni.FailedDiskFull }), "failed disk_full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.ServeContent(w, r, "r.wav", time.Time{}, bytes.NewReader(c.file))
			}))
			defer srv.Close()
			s := &simulation{api: newClient(srv.URL)}
			length, err := s.recorded(context.Background(), c.row)
			switch {
			case c.want == "" && (err != nil || length != time.Second):
				t.Errorf("%s, %v", length, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want an error about %q", err, c.want)
			}
		})
	}
}
