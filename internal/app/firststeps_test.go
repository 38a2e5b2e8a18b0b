package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/httpapi"
)

// Commands that make no sense without an installation say so, and make none.
func TestCommandsNeedAnInstallation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{
		{"user", "list"}, {"user", "password", "a@example.org"}, {"backup", filepath.Join(t.TempDir(), "b")}, {"verify"}, {"demo", "remove"},
	} {
		got := hotline(t, nil, "a long password\n", append(args, "--data", dir)...)
		if got.code != 1 || !strings.Contains(got.err, "there is no installation here") || !strings.Contains(got.err, dir) {
			t.Errorf("%v: exit %d, %s", args, got.code, got.err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("one of them made the data folder")
	}
	if got := hotline(t, nil, "seven red kites over town\n", "user", "add", "a@example.org", "A", "admin", "--data", dir); got.code != 0 {
		t.Errorf("the first user: exit %d, %s", got.code, got.err)
	}
	if got := hotline(t, nil, "", "user", "list", "--data", dir); got.code != 0 || !strings.Contains(got.out, "a@example.org") {
		t.Errorf("list: exit %d, %s%s", got.code, got.out, got.err)
	}
}

func TestFlagsOfTheSameInstallation(t *testing.T) {
	cfg := config.Default()
	cfg.Data = "/var/lib/hotline"
	if got := sameInstallation(cfg); got != " --data /var/lib/hotline" {
		t.Errorf("without a file: %q", got)
	}
	cfg.File = "/etc/hotline/hotline.yaml"
	if got := sameInstallation(cfg); got != " --config /etc/hotline/hotline.yaml --data /var/lib/hotline" {
		t.Errorf("with a file: %q", got)
	}
}

func TestPhoneLink(t *testing.T) {
	key := []string{"HOTLINE_PHONE_KEY=a key of enough bytes"}
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		says    string
	}{
		{"no number", key, nil, "the numbers"},
		{"no key", nil, []string{"9000"}, "phone.key is not set"},
		{"no time", key, []string{"9000", "--for", "0s"}, "--for must be more than 0"},
	} {
		if got := hotline(t, c.environ, "", append([]string{"phone-link"}, c.args...)...); got.code == 0 || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: exit %d, %s", c.name, got.code, got.err)
		}
	}
	got := hotline(t, key, "", "phone-link", "9000", "9001", "--for", "1h", "--base", "https://call.example.org/")
	_, token, ok := strings.Cut(strings.TrimSpace(got.out), "token=")
	if got.code != 0 || !ok || !strings.HasPrefix(got.out, "https://call.example.org/phone?number=9000&token=") {
		t.Fatalf("exit %d, %s%s", got.code, got.out, got.err)
	}
	may, err := httpapi.ParsePhoneToken([]byte("a key of enough bytes"), token, time.Now())
	if err != nil || len(may.Numbers) != 2 || time.Until(may.Expires) > time.Hour {
		t.Errorf("%+v %v", may, err)
	}
}
