package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script runs one of the page scripts of web/e2e in a real Chromium.
func (s *server) script(limit time.Duration, env []string, args ...string) {
	s.t.Helper()
	need(s.t, "chromium")
	need(s.t, "node")
	web, err := filepath.Abs(filepath.Join("..", "..", "web"))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil {
		s.t.Fatal("the page tools are not installed: make web")
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = web
	cmd.Env = append(os.Environ(), append([]string{"BASE_URL=" + s.http, "PASSWORD=" + password, "SHOTS=" + os.Getenv("SHOTS")}, env...)...)
	out, err := cmd.CombinedOutput()
	s.t.Logf("%s", out)
	if err != nil {
		s.t.Errorf("%v: %v", args, err)
	}
}

// The whole way of a call through the pages: the test phone in one browser
// reaches the agent in another, both are heard, hold, keypad, reload in the
// call, wrap-up by keyboard, recording. HOTLINE_E2E_LANGUAGES=en,zh-CN,ja has it
// in all languages.
func TestCallThroughThePages(t *testing.T) {
	languages := []string{"ja"} // the other scripts are in English and Chinese
	if all := os.Getenv("HOTLINE_E2E_LANGUAGES"); all != "" {
		languages = strings.Split(all, ",")
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			start(t).script(5*time.Minute, []string{"LANGUAGE_UNDER_TEST=" + language}, "e2e/call.mjs")
		})
	}
}

// A supervisor listens, whispers, joins and takes over through the pages.
func TestSupervisionThroughThePages(t *testing.T) {
	start(t).script(5*time.Minute, []string{"LANGUAGE_UNDER_TEST=zh-CN"}, "e2e/supervise.mjs")
}

// Three agents consult, make a conference and leave it through the pages.
func TestConsultThroughThePages(t *testing.T) {
	start(t).script(5*time.Minute, []string{"LANGUAGE_UNDER_TEST=ja"}, "e2e/consult.mjs")
}

// Every page in Chinese in the dark and in English in the light, and those with
// the most text in Japanese: no fault of axe, no complaint on the console. With
// SHOTS=DIR, for people to look at, every page in Japanese too. The languages go
// side by side, each in an installation of its own, and beside nothing else.
func TestPages(t *testing.T) {
	japanese := []string{"inbox-closed", "call", "wallboard", "figures", "settings", "admin-queue", "admin-flow"}
	if os.Getenv("SHOTS") != "" {
		japanese = nil // none named: all
	}
	for _, run := range []struct {
		language, theme string
		pages           []string
	}{{"en", "light", nil}, {"zh-CN", "dark", nil}, {"ja", "light", japanese}} {
		t.Run(run.language, func(t *testing.T) {
			t.Parallel()
			env := []string{"THEMES=" + run.theme, "LANGUAGES=" + run.language}
			start(t).script(8*time.Minute, env, append([]string{"e2e/pages.mjs"}, run.pages...)...)
		})
	}
}

// What goes wrong at a desk: the caller leaves while it rings, a second tab takes
// the softphone over, the socket falls in a call, offers are rejected by key.
func TestFaultsInThePages(t *testing.T) {
	start(t).script(5*time.Minute, nil, "e2e/faults.mjs")
}

// Administration by hand: records are made, changed and refused with reasons; a
// flow is edited, checked, published and rolled back.
func TestAdministrationPages(t *testing.T) {
	start(t).script(5*time.Minute, nil, "e2e/admin.mjs")
}
