package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

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
	os.Exit(m.Run())
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
		urls["postgres"] = storetest.StartPostgres(t).New(t)
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			acknowledged := map[string]string{}
			for range 3 {
				killAfter(t, url, 400, acknowledged)
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
