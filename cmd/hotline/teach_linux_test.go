package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/app"
)

// desk is a folder that is taught by commands.
type desk struct {
	t   *testing.T
	dir string
}

// run runs a command on the folder and returns its exit code and what it said.
func (d desk) run(in io.Reader, args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o screen
	code, errs = d.runOn(in, &o, args...)
	return code, o.String(), errs
}

// runOn is run that says on a screen what it says.
func (d desk) runOn(in io.Reader, out *screen, args ...string) (code int, errs string) {
	var e bytes.Buffer
	code = app.Run(context.Background(), append(args, "--packs", d.dir, "--pack", "desk", "--lang", "en"), app.Streams{In: in, Out: out, Err: &e, Environ: []string{"USER=ann"}})
	return code, e.String()
}

// screen keeps what is said, and may be read meanwhile.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (d desk) wants(code int, says string, args ...string) string {
	d.t.Helper()
	got, out, errs := d.run(strings.NewReader(""), args...)
	if got != code || !strings.Contains(out+errs, says) {
		d.t.Errorf("%q: exit %d, want %d and %q:\n%s%s", args, got, code, says, out, errs)
	}
	return out
}

func TestTeachByCommands(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := desk{t, folder(t)}
	d.wants(2, "correct, withdraw, corrections", "bot")
	d.wants(2, "and one TEXT", "bot", "correct")
	d.wants(2, "flags only", "bot", "versions", "now")
	d.wants(2, "what shall the article be called", "bot", "draft", "x")
	d.wants(1, `intent "fly" is not one of out_of_scope, parcel, refund`, "bot", "correct", "nothing came yet", "--intent", "fly")
	d.wants(1, "intent or article must be named", "bot", "correct", "nothing came yet")
	d.wants(0, "no corrections", "bot", "corrections")
	d.wants(0, "nothing to learn", "bot", "retrain")

	d.wants(0, "version 1 is in use; 1 of 1 corrections learned", "bot", "correct", "nothing came yet", "--intent", "parcel")
	kept := d.wants(0, "kept as cr_", "bot", "correct", "sing a song", "--out-of-scope", "--later", "--json")
	var lessons []struct{ ID, By string }
	if err := json.Unmarshal([]byte(kept), &lessons); err != nil || len(lessons) != 1 || lessons[0].By != "ann" {
		t.Fatalf("%s, %v", kept, err)
	}
	d.wants(0, "not in use  out_of_scope: sing a song", "bot", "corrections")
	d.wants(0, "version 2 is in use; 2 of 2", "bot", "retrain")
	d.wants(0, "2 corrections  in use", "bot", "rollback", "2")
	d.wants(1, "no such version: 9", "bot", "rollback", "9")
	d.wants(1, "no such version", "bot", "rollback", "last")
	var versions []struct {
		Version int
		InUse   bool `json:"in_use"`
	}
	if err := json.Unmarshal([]byte(d.wants(0, "", "bot", "rollback", "1", "--json")), &versions); err != nil || len(versions) != 2 || versions[0].InUse || !versions[1].InUse {
		t.Errorf("%+v, %v", versions, err)
	}
	d.wants(0, "version 3 is in use; 0 of 0", "bot", "withdraw", firstID(t, d))
}

func firstID(t *testing.T, d desk) string {
	t.Helper()
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(d.wants(0, "", "bot", "corrections", "--json")), &list); err != nil || len(list) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list[0].ID
}

// A chat keeps what was not answered and learns from /wrong while it goes on.
func TestTeachInAChat(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := desk{t, folder(t)}
	in, typed := io.Pipe()
	var out screen
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if code, errs := d.runOn(in, &out, "chat"); code != 0 {
			t.Errorf("exit %d: %s", code, errs)
		}
		_ = in.Close() // nobody reads any more
	}()
	say := func(line string) {
		if _, err := io.WriteString(typed, line+"\n"); err != nil {
			t.Error(err)
		}
	}
	say("/wrong parcel")
	say("do you take bitcoin")
	say("can I pay with bitcoin")
	say("/wrong fly")
	say("nothing came yet")
	say("/wrong parcel")
	// It says so when the version is in use; in the file it stands before.
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(out.String(), "version 1 is in use"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing is learned:\n%s", out.String())
		}
	}
	say("/new")
	say("nothing came yet")
	say("/quit")
	<-ended
	said := out.String()
	for _, want := range []string{"nothing was said yet", `intent "fly" is not one of`, "kept as cr_", "It is on its way."} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}

	label := strings.TrimSpace(strings.Split(strings.SplitN(d.wants(0, "bitcoin", "bot", "gaps"), "× ", 2)[1], "\n")[0])
	d.wants(1, "no such group", "bot", "draft", "dogs", "--id", "dogs")
	d.wants(0, "has the article bitcoin now", "bot", "draft", label, "--id", "bitcoin")
	if got := d.wants(0, "", "bot", "gaps"); strings.Contains(got, label+"\n") {
		t.Errorf("still a gap:\n%s", got)
	}
}
