package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const gib = 1 << 30

// bytesPerSecond of a recording: two channels of µ-law.
const bytesPerSecond = 16000

// disk checks that the folders of data and recordings can be written and have
// room.
func (d *doctor) disk() {
	d.folder(d.Config.Data, "data")
	if d.Config.Recordings.Dir != "" {
		d.folder(d.Config.Recordings.Dir, "recordings.dir")
	}
}

// folder checks one folder, named by a setting.
func (d *doctor) folder(dir, setting string) {
	at := dir // the folder, or the nearest one above it that exists
	for {
		if info, err := os.Stat(at); err == nil {
			if !info.IsDir() {
				d.add("disk", Fault, dir, at+" is not a folder", "set "+setting)
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
		d.add("disk", Fault, dir, "cannot be written: "+err.Error(), "give this user the folder, make room, or set "+setting)
		return
	}
	free, ok := FreeBytes(at)
	if !ok {
		d.add("disk", OK, dir, "can be written", "")
		return
	}
	reserve := d.Config.Reserve()
	hours := (free - min(free, reserve)) / bytesPerSecond / 3600
	message := fmt.Sprintf("%.1f GiB free: about %d hours of recordings", float64(free)/gib, hours)
	switch {
	case free < reserve:
		d.add("disk", Fault, dir, fmt.Sprintf("%d MiB free, less than recordings.reserve_mb (%d): calls are not recorded", free>>20, reserve>>20), "make room")
	case free < 10*gib:
		d.add("disk", Warning, dir, message, "make room, or lower recordings.days")
	default:
		d.add("disk", OK, dir, message, "")
	}
}

// failedSince is how far back failed recordings are looked for.
const failedSince = 24 * time.Hour

// recordings tells of recordings that failed lately.
func (d *doctor) recordings(ctx context.Context) {
	if d.FailedRecordings == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	n, last, err := d.FailedRecordings(ctx, d.Now().Add(-failedSince))
	switch {
	case err != nil: // the database's own check tells
	case n > 0:
		d.add("recordings", Warning, "last 24 hours", fmt.Sprintf("%d failed, the last at %s", n, last.UTC().Format(time.RFC3339)), "the conversations and the log tell why: room, rights or health of the disk")
	default:
		d.add("recordings", OK, "last 24 hours", "none failed", "")
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
