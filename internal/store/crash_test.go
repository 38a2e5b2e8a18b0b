package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// TestMain turns the test binary into the process that is killed.
func TestMain(m *testing.M) {
	if url := os.Getenv("STORE_CRASH_URL"); url != "" {
		commitForEver(url)
		return
	}
	if dir := os.Getenv("STORE_FULL_DIR"); dir != "" {
		fmt.Println(keepOnFullDisk(dir))
		return
	}
	store.WithoutSync() // the process that is killed does not come here
	goleak.VerifyTestMain(stopping{m})
}

// stopping ends the shared database before goroutines are counted.
type stopping struct{ *testing.M }

func (s stopping) Run() int {
	defer storetest.StopShared()
	return s.M.Run()
}

// commitForEver prints the id of every event whose commit was acknowledged.
func commitForEver(url string) {
	ctx := context.Background()
	db, err := store.Open(ctx, url, nil)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				cv := storetest.Conversation(storetest.Now())
				e := storetest.Event(cv.ID, "x", storetest.Now())
				if _, err := db.Commit(ctx, store.Write{Omni: omni.Change{Conversations: []omni.Conversation{cv}, Events: []omni.Event{e}}}); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println("acknowledged", e.ID, cv.ID)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	urls := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "hotline.db")}
	if storetest.HasPostgres() {
		urls["postgres"] = storetest.SharedPostgres(t).New(t)
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			acknowledged := map[string]string{}
			for range 3 {
				killAfter(t, url, 150, acknowledged)
			}
			db := openAt(t, url)
			found := map[string]string{}
			total := 0
			storetest.Eventually(t, "every acknowledged event is in the journal", func() bool {
				clear(found)
				total = 0
				_ = db.EachEvent(t.Context(), 0, func(e omni.Event) error {
					found[e.ID] = e.ConversationID
					total++
					return nil
				})
				for id := range acknowledged {
					if found[id] == "" {
						return false
					}
				}
				return true
			})
			for _, cv := range found {
				c, err := db.Conversation(t.Context(), cv)
				if err != nil || c.EventCount != 1 {
					t.Fatalf("%s has %d events, %v", cv, c.EventCount, err)
				}
			}
			storetest.RequireGapless(t, db, total)
			t.Logf("%d acknowledged, %d in the journal", len(acknowledged), total)
		})
	}
}

// killAfter kills the committing process in the middle of its work, once it
// has said that n commits are durable.
func killAfter(t *testing.T, url string, n int, acknowledged map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_CRASH_URL="+url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] != "acknowledged" {
			if seen < n {
				t.Errorf("the process says %q", lines.Text())
			}
			continue // cut off by the kill
		}
		acknowledged[words[1]] = words[2]
		if seen == n {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
}

// keepOnFullDisk writes while no file may grow beyond 2 MiB, which is what a
// full disk does to the database, and then with room again.
func keepOnFullDisk(dir string) (err error) {
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "hotline.db"), nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.UseSpool(ctx, dir); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: was.Max}); err != nil {
		return err
	}
	sent := 0
	for ; sent < 5000 && db.Spooled() < 20; sent++ {
		cv := storetest.Conversation(storetest.Now())
		cv.WrapUpNote = strings.Repeat("x", 5000)
		w := store.Write{Omni: omni.Change{Conversations: []omni.Conversation{cv}, Events: []omni.Event{storetest.Event(cv.ID, "x", storetest.Now())}}}
		if err := db.Keep(ctx, w); err != nil {
			return fmt.Errorf("write %d: %w", sent, err)
		}
	}
	if db.Spooled() < 20 {
		return errors.New("the disk was never full")
	}
	if _, err := db.Commit(ctx, store.Write{}); !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("a commit gives %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if _, err := db.Commit(ctx, store.Write{}); err != nil { // replays first
		return err
	}
	head, err := db.Head(ctx)
	if err == nil && (head != int64(sent) || db.Spooled() != 0 || db.Rejected() != 0) {
		err = fmt.Errorf("%d events of %d, %d in the spool, %d set aside", head, sent, db.Spooled(), db.Rejected())
	}
	return err
}

func TestKeepOnAFullDisk(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_FULL_DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "<nil>" {
		t.Errorf("%v: %s", err, out)
	}
}
