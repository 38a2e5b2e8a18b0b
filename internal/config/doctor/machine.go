package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const gib = 1 << 30

// bytesPerSecond of a recording: two channels of µ-law.
const bytesPerSecond = 16000

// disk checks that the data folder can be written and has room.
func (d *doctor) disk() {
	dir := d.Config.Data
	at := dir // the folder, or the nearest one above it that exists
	for {
		if info, err := os.Stat(at); err == nil {
			if !info.IsDir() {
				d.add("disk", Fault, dir, at+" is not a folder", "set data")
				return
			}
			break
		}
		up := filepath.Dir(at)
		if up == at {
			break
		}
		at = up
	}
	if err := tryWrite(at); err != nil {
		d.add("disk", Fault, dir, "cannot be written: "+err.Error(), "give this user the folder, or set data")
		return
	}
	free, ok := freeBytes(at)
	if !ok {
		d.add("disk", OK, dir, "can be written", "")
		return
	}
	hours := free / bytesPerSecond / 3600
	message := fmt.Sprintf("%.1f GiB free: about %d hours of recordings", float64(free)/gib, hours)
	switch {
	case free < gib/4:
		d.add("disk", Fault, dir, message, "make room")
	case free < 10*gib:
		d.add("disk", Warning, dir, message, "make room, or lower recordings.days")
	default:
		d.add("disk", OK, dir, message, "")
	}
}

// tryWrite writes a file to the disk and removes it again.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".hotline-doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString("test\n"); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// limits compares the number of files that may be open with the calls.
func (d *doctor) limits() {
	have, ok := maxFiles()
	if !ok {
		return
	}
	need := uint64(d.Config.Limits.Calls)*6 + 1000 // two legs with RTP and RTCP, a recording, a connection
	if have < need {
		d.add("limits", Warning, "open files", fmt.Sprintf("%d are allowed, limits.calls of %d may need %d", have, d.Config.Limits.Calls, need), "raise the limit (LimitNOFILE= in systemd, ulimit -n)")
		return
	}
	d.add("limits", OK, "open files", fmt.Sprintf("%d are allowed", have), "")
}

// clock checks that the clock is plausible and kept right, and that time zones
// are known.
func (d *doctor) clock() {
	now := d.Now()
	if now.Year() < 2025 || now.Year() > 2100 {
		d.add("clock", Fault, "date", "the clock says "+now.Format(time.RFC3339), "set the clock")
	} else if synced, known := clockSynced(); known && !synced {
		d.add("clock", Warning, "synchronisation", "nothing keeps the clock right", "run chrony or systemd-timesyncd; times of calls and leases depend on it")
	} else {
		d.add("clock", OK, "date", now.UTC().Format(time.RFC3339), "")
	}
	if _, err := time.LoadLocation("Asia/Shanghai"); err != nil {
		d.add("clock", Fault, "time zones", "they are not installed", "install tzdata; business hours need them")
	}
}
