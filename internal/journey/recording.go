package journey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// The kinds of recordings.
const (
	recordCall      = "call"
	recordVoicemail = "voicemail"
)

// errLowDisk keeps recordings from taking the room that the database needs.
var errLowDisk = fmt.Errorf("journey: the disk has less than the reserve left: %w", syscall.ENOSPC)

// record begins a recording. One that cannot begin is written down as failed.
// watch, which may be nil, listens to the customer.
func (v *conversation) record(kind, agentID, queueID string, watch *call.VoiceWatch) (recordingID string, err error) {
	now := v.center.now()
	r := omni.Recording{ID: id.New(id.Recording), ConversationID: v.id, Kind: kind, State: omni.RecordingRunning, StartedAt: now}
	path := ""
	if v.center.disk.isLow() {
		err = errLowDisk
	} else {
		r.Path = now.Format("2006/01/02/") + r.ID + ".wav"
		path, err = v.center.recordingPath(r.Path)
	}
	if err == nil {
		err = v.call.RecordWatched(path, func(err error) { v.later(func() { v.recordingBroke(r.ID, err) })() }, watch)
	}
	if errors.Is(err, call.ErrEnded) {
		_ = os.Remove(path) // the customer was faster: there is nothing to hear
		return "", err
	}
	if err != nil {
		if path != "" {
			_ = os.Remove(path) // the row names none
		}
		r.Path, r.EndedAt = "", now
		v.failRecording(r, err)
		return "", err
	}
	r.DeleteAfter = v.center.cfg.Retention.DeleteAfter(kind, now)
	v.recorded = &r
	v.book.recording(r)
	v.book.event(omni.RecordingStarted, map[string]any{"recording_id": r.ID, "kind": kind}, of(agentID, queueID))
	v.recordingBegan()
	return r.ID, nil
}

// recordingBroke ends a recording whose file can no longer be written; the call
// goes on.
func (v *conversation) recordingBroke(recordingID string, why error) {
	if v.recorded == nil || v.recorded.ID != recordingID {
		return // it has ended, and its end knows
	}
	v.log.Error("recording broke off", "recording", recordingID, "err", why)
	v.finishRecording()
}

// diskLow ends a recording that would take the disk's last room, and diskBack
// records again what is still said.
func (v *conversation) diskLow() {
	if v.recorded != nil {
		v.endRecording(errLowDisk)
	}
}

func (v *conversation) diskBack() {
	if v.talking != nil && v.recorded == nil && !v.gone {
		v.startRecording(v.talking.offer.QueueID)
	}
}

// finishRecording completes the file and its row.
func (v *conversation) finishRecording() { v.endRecording(nil) }

// endRecording completes the file and its row; why, unless nil, is what keeps
// the recording from going on.
func (v *conversation) endRecording(why error) {
	if v.recorded == nil {
		return
	}
	r := *v.recorded
	v.recorded = nil
	defer v.tellRecording()
	m := v.message
	v.message = nil
	res, err := v.call.StopRecording()
	r.Bytes, r.DurationMS, r.EndedAt = res.Bytes, res.Duration.Milliseconds(), v.center.now()
	if errors.Is(err, call.ErrEnded) { // the call's own end has completed the file
		var info wav.Info
		info, err = wav.Check(v.center.pathOf(r.Path))
		r.Bytes, r.DurationMS = info.Bytes, info.Duration.Milliseconds()
	}
	if err := v.center.sum(context.WithoutCancel(v.ctx), &r); err != nil {
		v.log.Error("recording not sealed", "recording", r.ID, "err", err)
	}
	r.DeleteAfter = v.center.cfg.Retention.DeleteAfter(r.Kind, r.EndedAt)
	if err = errors.Join(err, why); err != nil {
		v.failRecording(r, err)
		m.over(err)
		return
	}
	defer m.over(nil)
	if m != nil && !m.watch.Spoke() {
		v.dropRecording(r)
		return
	}
	r.State = omni.RecordingReady
	v.book.recording(r)
	v.book.event(omni.RecordingReadyEvent, map[string]any{"recording_id": r.ID, "duration_ms": r.DurationMS, "bytes": r.Bytes})
	v.center.disk.recorded("")
}

// failRecording writes down why a recording is incomplete, and what was kept.
func (v *conversation) failRecording(r omni.Recording, why error) {
	r.State, r.Failure = omni.RecordingFailed, failureOf(why)
	v.log.Error("recording failed", "recording", r.ID, "kept_ms", r.DurationMS, "reason", r.Failure, "err", why)
	v.book.recording(r)
	v.book.event(omni.RecordingFailedEvent, failedData(r), of(v.book.conv.AgentID, v.book.conv.QueueID))
	v.center.disk.recorded(r.Failure)
}

func failedData(r omni.Recording) map[string]any {
	return map[string]any{"recording_id": r.ID, "kind": r.Kind, "reason": r.Failure, "duration_ms": r.DurationMS, "bytes": r.Bytes}
}

func failureOf(err error) omni.RecordingFailure {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return omni.FailedDiskFull
	case errors.Is(err, wav.ErrTooLong):
		return omni.FailedTooLong
	case errors.Is(err, wav.ErrFormat):
		return omni.FailedDamaged
	}
	return omni.FailedWrite
}

// pathOf is where a recording is.
func (c *Center) pathOf(rel string) string {
	return filepath.Join(c.cfg.Recordings, filepath.FromSlash(rel))
}

// sum notes the hash of a finished recording's file, by which the store seals
// it. Without a file there is nothing to seal. It ends early with ctx.
func (c *Center) sum(ctx context.Context, r *omni.Recording) error {
	if r.Bytes == 0 {
		return nil
	}
	f, err := os.Open(c.pathOf(r.Path))
	if err != nil {
		return fmt.Errorf("hash of a recording: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, readUntil{ctx, f}); err != nil {
		return fmt.Errorf("hash of a recording: %w", err)
	}
	r.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

// readUntil reads until ctx ends.
type readUntil struct {
	ctx context.Context
	io.Reader
}

func (r readUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// recordingPath makes the folder of a recording.
func (c *Center) recordingPath(rel string) (string, error) {
	path := c.pathOf(rel)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("recordings folder: %w", err)
	}
	return path, nil
}

// ---- the disk

// diskEvery is how often the disk's room is looked at.
const diskEvery = time.Second

// diskWatch knows whether there is room to record, and what became of the last
// recordings.
type diskWatch struct {
	mu     sync.Mutex
	low    bool
	free   uint64
	known  bool
	last   omni.RecordingFailure // of the recording that ended last; empty: it is complete
	failed map[omni.RecordingFailure]int
}

func (d *diskWatch) isLow() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.low
}

// recorded notes how a recording ended.
func (d *diskWatch) recorded(failure omni.RecordingFailure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = failure
	if failure == "" {
		return
	}
	if d.failed == nil {
		d.failed = map[omni.RecordingFailure]int{}
	}
	d.failed[failure]++
}

// look takes the disk's room in and tells whether it became low or is no longer.
func (d *diskWatch) look(free, reserve uint64) (changed, low bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.low
	d.free, d.known, d.low = free, true, free < reserve
	if !d.low && d.last == omni.FailedDiskFull {
		d.last = "" // there is room again
	}
	return was != d.low, d.low
}

// watchDisk looks at the recordings' disk until ctx ends. When it gets low,
// what is being recorded ends as failed before the database cannot write any
// more; with room again, calls that run are recorded on.
func (c *Center) watchDisk(ctx context.Context) {
	if c.cfg.Free == nil {
		return
	}
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for {
		if free, ok := c.cfg.Free(); ok {
			changed, low := c.disk.look(free, c.cfg.Reserve)
			switch {
			case changed && low:
				c.log.Error("disk is full: calls are not recorded", "free_bytes", free, "reserve_bytes", c.cfg.Reserve)
				c.each(func(v *conversation) { v.post(v.diskLow) })
			case changed:
				c.log.Info("the disk has room again: calls are recorded", "free_bytes", free)
				c.each(func(v *conversation) { v.post(v.diskBack) })
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// RecordingHealth tells operators whether calls are recorded.
type RecordingHealth struct {
	Failing   omni.RecordingFailure // why calls are not recorded now; empty: they are
	Failed    map[omni.RecordingFailure]int
	Free      uint64 // bytes on the recordings' disk
	FreeKnown bool
}

// RecordingHealth tells how recording goes in this process.
func (c *Center) RecordingHealth() RecordingHealth {
	d := &c.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	h := RecordingHealth{Failing: d.last, Failed: maps.Clone(d.failed), Free: d.free, FreeKnown: d.known}
	if d.low {
		h.Failing = omni.FailedDiskFull
	}
	return h
}
