// Package storetest holds what every store must pass, and starts the real
// databases for it. It is used by tests only.
package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the databases made here
)

// Postgres is a PostgreSQL server of its own, on a free port of the loopback
// interface, in a temporary folder.
type Postgres struct {
	bin, dir string
	port     int
	as       *syscall.Credential

	mu  sync.Mutex
	cmd *exec.Cmd
	out bytes.Buffer
	dbs int
}

// StartPostgres starts a server for this test; it is stopped at the test's
// end. Without PostgreSQL installed the test is skipped.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	bin := binaries()
	if bin == "" {
		t.Skip("PostgreSQL is not installed (Debian package postgresql)")
	}
	p := &Postgres{bin: bin}
	if os.Geteuid() == 0 { // postgres refuses to run as root
		as, err := unprivileged()
		if err != nil {
			t.Skip("no unprivileged user to run PostgreSQL: ", err)
		}
		p.as = as
	}
	dir, err := os.MkdirTemp("", "hotline-pg-")
	if err != nil {
		t.Fatal(err)
	}
	p.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if p.as != nil {
		if err := os.Chown(dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	p.tool(t, "initdb", "-D", p.data(), "-U", "hotline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
	p.port = freePort(t)
	t.Cleanup(p.Stop)
	p.Start(t)
	return p
}

// HasPostgres tells whether PostgreSQL is installed.
func HasPostgres() bool { return binaries() != "" }

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// binaries finds the newest installed server.
func binaries() string {
	found, _ := fs.Glob(os.DirFS("/"), "usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		if path, err := exec.LookPath("postgres"); err == nil {
			return filepath.Dir(path)
		}
		return ""
	}
	slices.Sort(found)
	return filepath.Dir("/" + found[len(found)-1])
}

func unprivileged() (*syscall.Credential, error) {
	var last error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			last = err
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			last = fmt.Errorf("user %s has no numbers", name)
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, last
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (p *Postgres) tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := p.command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Start starts the server again after Stop or Kill and waits until it answers.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Reset()
	p.cmd = p.command("postgres", "-D", p.data(), "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=100",
		"-c", "shared_buffers=64MB", "-c", "logging_collector=off")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.await(30 * time.Second); err != nil {
		t.Fatalf("PostgreSQL does not answer: %v\n%s", err, p.out.String())
	}
}

func (p *Postgres) await(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Stop shuts the server down at once (SIGINT: sessions are ended). Stopping
// twice is fine.
func (p *Postgres) Stop() { p.end(syscall.SIGINT) }

// Kill ends the server's main process with SIGQUIT, as a crash does: without a
// checkpoint, so that it recovers from its log at the next start.
func (p *Postgres) Kill() { p.end(syscall.SIGQUIT) }

func (p *Postgres) end(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	_ = p.cmd.Wait()
	p.cmd = nil
}

func (p *Postgres) url(db string) string {
	return fmt.Sprintf("postgres://hotline@127.0.0.1:%d/%s?sslmode=disable", p.port, db)
}

// New makes an empty database and returns its URL.
func (p *Postgres) New(t testing.TB) string {
	t.Helper()
	p.mu.Lock()
	p.dbs++
	name := "t" + strconv.Itoa(p.dbs)
	p.mu.Unlock()
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return p.url(name)
}
