package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asProgram is set where this binary is started as the program itself.
const asProgram = "HOTLINE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main() // exits
	}
	os.Exit(m.Run())
}

// folder is a pack of two intents, trained in a moment.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var gone, parcel, refund strings.Builder
	for _, in := range []string{"greeting", "goodbye", "thanks", "complaint", "bot_identity", "opening_hours", "repeat", "affirm", "deny", "human_agent"} {
		fmt.Fprintf(&gone, "  %s: {remove: true}\n", in)
	}
	for _, thing := range []string{"lamp", "table", "coat", "book", "phone"} {
		fmt.Fprintf(&parcel, "  where is my %s\n  has the %s been sent\n", thing, thing)
		fmt.Fprintf(&refund, "  money back for the %s\n  I want a refund for the %s\n", thing, thing)
	}
	for name, text := range map[string]string{
		"shared/pack.yaml":     "intents:\n" + gone.String(),
		"desk/pack.yaml":       "pack: desk\ntitle: {zh-CN: 台, en: Desk, ja: 台}\ngroups:\n  front: {title: {zh-CN: 前台, en: Front, ja: 受付}}\nintents:\n  parcel: {group: front}\n  refund: {group: front}\n",
		"desk/en/intents.yaml": "parcel: |\n" + parcel.String() + "refund: |\n" + refund.String(),
		"desk/en/texts.yaml":   "intents:\n  parcel: {label: Parcel, answer: It is on its way.}\n  refund: {label: Refund, answer: You get it back.}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// program is the command with a cache of models of its own.
func program(t *testing.T, cache string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "XDG_CACHE_HOME="+cache, "USER=ann")
	return cmd
}

// terminal is a pseudo terminal with a program at its other end.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd
	ended  chan struct{} // the screen has been read to its end

	mu     sync.Mutex
	screen bytes.Buffer
	change chan struct{}
}

func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, slave: slave, cmd: cmd, ended: make(chan struct{}), change: make(chan struct{}, 1)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.read()
	t.Cleanup(func() {
		_ = slave.Close()
		_ = master.Close()
		<-x.ended
	})
	return x
}

func (x *terminal) read() {
	defer close(x.ended)
	buf := make([]byte, 4096)
	for {
		n, err := x.master.Read(buf)
		x.mu.Lock()
		x.screen.Write(buf[:n])
		x.mu.Unlock()
		select {
		case x.change <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// until waits for a text on the screen.
func (x *terminal) until(text string) {
	x.t.Helper()
	late := time.After(2 * time.Minute)
	for !strings.Contains(x.text(), text) {
		select {
		case <-x.change:
		case <-late:
			x.t.Fatalf("%q does not come: %q", text, x.text())
		}
	}
}

func (x *terminal) typed(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.master, keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) modes() unix.Termios {
	x.t.Helper()
	m, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *m
}

const ctrlC = "\x03"

// Ctrl+C ends a chat as /quit does: exit code 0, the cursor on a line of its own,
// the terminal as it was.
func TestChatEndsWithCtrlC(t *testing.T) {
	t.Parallel()
	x := openTerminal(t, program(t, t.TempDir(), "chat", "--packs", folder(t), "--pack", "desk", "--lang", "en"))
	before := x.modes()
	x.until("> ")
	x.typed("where is my lamp\r")
	x.until("It is on its way.\r\n> ") // the prompt too: typed before it, the echo comes before it
	x.typed("half a sente" + ctrlC)
	if err := x.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v: %q", err, x.text())
	}
	if x.modes() != before {
		t.Error("the terminal is not as it was")
	}
	x.until("^C\r\n")
	if screen := x.text(); strings.Contains(screen, "hotline:") || !strings.HasSuffix(screen, "\n") {
		t.Errorf("the screen ends with %q", screen[max(0, len(screen)-100):])
	}
}

// While a model is made Ctrl+C ends at once, with an error's exit code.
func TestCtrlCEndsLoading(t *testing.T) {
	t.Parallel()
	x := openTerminal(t, program(t, t.TempDir(), "chat", "--pack", "retail", "--lang", "ja"))
	before := x.modes()
	x.until("loading")
	x.typed(ctrlC)
	var exit *exec.ExitError
	if err := x.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v", err)
	}
	x.until("interrupted while loading")
	if x.modes() != before {
		t.Error("the terminal is not as it was")
	}
}

// A correction that was acknowledged outlives the process that would have
// learned it: killed at any moment, the next one learns it.
func TestCorrectionsOutliveAKill(t *testing.T) {
	t.Parallel()
	for try := 1; !learnsAfterAKill(t); try++ {
		if try == 10 {
			t.Fatal("it always learned before it could be killed")
		}
	}
}

// learnsAfterAKill tells whether the process could be killed before it was done.
func learnsAfterAKill(t *testing.T) bool {
	t.Helper()
	dir, cache := folder(t), t.TempDir()
	flags := []string{"--packs", dir, "--pack", "desk", "--lang", "en"}
	cmd := program(t, cache, append([]string{"bot", "correct", "nothing came yet", "--intent", "parcel"}, flags...)...)
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() && !strings.Contains(lines.Text(), "kept as") {
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	if cmd.Wait() == nil {
		return false
	}
	out, err := program(t, cache, append([]string{"bot", "retrain", "--json"}, flags...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var trial struct {
		Accepted             bool
		Corrections, Learned int
	}
	if err := json.Unmarshal(out, &trial); err != nil || !trial.Accepted || trial.Corrections != 1 || trial.Learned != 1 {
		t.Errorf("%s, %v", out, err)
	}
	return true
}
