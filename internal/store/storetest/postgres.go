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
	settings []string
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
	if !HasPostgres() {
		t.Skip("PostgreSQL is not installed (Debian package postgresql)")
	}
	p, err := launch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.remove)
	return p
}

var shared struct {
	sync.Mutex
	server *Postgres
}

// SharedPostgres is one server for all tests of the process that neither stop
// nor measure it: it does not wait for the disk, since no test takes the power
// away. StopShared ends it.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	if !HasPostgres() {
		t.Skip("PostgreSQL is not installed (Debian package postgresql)")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		p, err := launch("-c", "fsync=off", "-c", "full_page_writes=off")
		if err != nil {
			t.Fatal(err)
		}
		shared.server = p
	}
	return shared.server
}

// StopShared ends the shared server, if there is one; for TestMain.
func StopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.remove()
		shared.server = nil
	}
}

// launch makes a new folder with an empty installation and starts it with
// the given settings.
func launch(settings ...string) (*Postgres, error) {
	p := &Postgres{bin: binaries(), settings: settings}
	var err error
	if os.Geteuid() == 0 { // postgres refuses to run as root
		if p.as, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if p.dir, err = os.MkdirTemp("", "hotline-pg-"); err != nil {
		return nil, err
	}
	if p.as != nil {
		if err := os.Chown(p.dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return nil, err
		}
	}
	init := p.command("initdb", "-D", p.data(), "-U", "hotline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

// remove stops the server and deletes its folder.
func (p *Postgres) remove() {
	p.Stop()
	_ = os.RemoveAll(p.dir)
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

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Start starts the server again after Stop or Kill and waits until it answers.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
}

func (p *Postgres) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Reset()
	p.cmd = p.command("postgres", append([]string{"-D", p.data(), "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "logging_collector=off"}, p.settings...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := p.await(60 * time.Second); err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, p.out.String())
	}
	return nil
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
