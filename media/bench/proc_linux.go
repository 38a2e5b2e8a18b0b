package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns what a process has used, all threads, user and system, from
// /proc/PID/stat in ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold blanks: fields count from behind it.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// start starts a process on a core of its own, with precedence over other work
// of the machine. It does what it can: where that is forbidden, it measures
// without. The child inherits both from the thread that starts it, so that its
// runtime sees one core from the beginning.
func start(cmd *exec.Cmd, o options, core int) error {
	if !o.pin {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err == nil && before.IsSet(core) {
		one.Set(core)
		_ = unix.SchedSetaffinity(0, &one)
		defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -15)
	defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0) }()
	// Where the kernel shares time among sessions first (autogroup), precedence
	// counts only within one: the child has its own, and that goes before others.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", cmd.Process.Pid), []byte("-15"), 0)
	return nil
}
