package udp

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openhotline/hotline/media"
)

// clock wakes a reader on the process's beat. It is a timer of the kernel that
// the runtime's poller waits for: waking a goroutine so takes half the thread
// switches of a timer of the runtime, whose ready goroutines make the scheduler
// start another thread each time.
type clock struct {
	fd     int
	file   *os.File
	conn   syscall.RawConn
	period time.Duration
	count  [8]byte
	expire func(fd uintptr) bool
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &clock{fd: fd, file: os.NewFile(uintptr(fd), "sweep")}
	if c.conn, err = c.file.SyscallConn(); err != nil {
		_ = c.file.Close()
		return nil, err
	}
	c.expire = func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&c.count)), uintptr(len(c.count)))
		return errno != unix.EAGAIN
	}
	return c, nil
}

// wait returns at the next multiple of period, at once when one has passed
// since the last wait.
func (c *clock) wait(period time.Duration) {
	if period != c.period {
		c.period = period
		first := media.UntilBeat(time.Now(), period)
		spec := unix.ItimerSpec{Interval: unix.NsecToTimespec(int64(period)), Value: unix.NsecToTimespec(int64(first))}
		_ = unix.TimerfdSettime(c.fd, 0, &spec, nil)
	}
	if err := c.conn.Read(c.expire); err != nil {
		time.Sleep(period) // the runtime cannot wait for it: never seen
	}
}

// stop ends the beat until the next wait: nobody is to be woken.
func (c *clock) stop() {
	c.period = 0
	_ = unix.TimerfdSettime(c.fd, 0, &unix.ItimerSpec{}, nil)
}

func (c *clock) close() { _ = c.file.Close() }
