package call

import (
	"fmt"
	"slices"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
)

// recording is a recording that runs.
type recording struct {
	path string
	file *wav.Recorder
	ear  media.Recorder // what the room gives its sound to: file, or who listens on the way there
}

// Recording is what became of a recording.
type Recording struct {
	Path     string
	Bytes    int64
	Duration time.Duration
}

// Record begins to record to a stereo file: the customer left, everybody else who
// is with them and prompts right. An existing file is continued. failed, which may be nil,
// is told once when the file can no longer be written; the call goes on.
func (c *Call) Record(path string, failed func(error)) error {
	return c.RecordWatched(path, failed, nil)
}

// RecordWatched is Record with an ear for whether the customer speaks; nil is
// none.
func (c *Call) RecordWatched(path string, failed func(error), watch *VoiceWatch) error {
	file, err := wav.Create(path, wav.RecorderConfig{OnError: func(err error) {
		c.log.Error("recording failed", "err", err)
		if failed != nil {
			failed(err)
		}
	}})
	if err != nil {
		return fmt.Errorf("record call %s: %w", c.id, err)
	}
	err = c.do(func() error {
		if c.rec != nil {
			return ErrRecording
		}
		c.rec = &recording{path: path, file: file, ear: file}
		if watch != nil {
			watch.file, c.rec.ear = file, watch
		}
		c.listen()
		return nil
	})
	if err != nil {
		_, _ = file.Close()
	}
	return err
}

// settleTime bounds the wait for frames that lag behind the clock.
const settleTime = 2 * time.Second

// StopRecording ends the recording; the file is complete when it returns. A
// call that is not being recorded gives a zero Recording.
func (c *Call) StopRecording() (Recording, error) {
	c.room.Settle(settleTime)
	var done Recording
	err := c.do(func() (err error) {
		done, err = c.stopRecording()
		return err
	})
	return done, err
}

// PauseRecording makes the recording, and any that begins meanwhile, silent on
// both sides for as long as it says, or lets it hear again. Silence takes the
// place of what is said, so that what follows keeps its time. Nobody in the
// call hears a difference.
func (c *Call) PauseRecording(paused bool) error {
	if !paused {
		c.room.Settle(settleTime) // frames that lag belong to the pause
	}
	return c.do(func() error {
		c.unheard = paused
		c.listen()
		return nil
	})
}

func (c *Call) isRecording() (yes bool) {
	_ = c.do(func() error { yes = c.rec != nil; return nil })
	return yes
}

func (c *Call) stopRecording() (Recording, error) {
	if c.rec == nil {
		return Recording{}, nil
	}
	rec := c.rec
	c.rec, c.heardRec = nil, [2][]string{}
	c.room.StopRecording()
	sum, err := rec.file.Close()
	return Recording{Path: rec.path, Bytes: sum.Bytes, Duration: sum.Duration}, err
}

// listen tells the room whom the recorder hears, when that changed. Music and
// other backgrounds are not recorded, prompts are.
func (c *Call) listen() {
	if c.rec == nil {
		return
	}
	var left, right []string
	if c.present && !c.muted {
		left = append(left, c.customer.ID())
	}
	for id, m := range c.members {
		if !m.muted && !c.isAside(m) && (m.role == Talk || m.role == Barge) {
			right = append(right, id)
		}
	}
	slices.Sort(right)
	if len(c.queue) > 0 {
		right = append(right, c.queue[0].player.ID())
	}
	if c.unheard {
		left, right = nil, nil
	}
	if c.heardRec[0] != nil && slices.Equal(c.heardRec[0], left) && slices.Equal(c.heardRec[1], right) {
		return
	}
	c.heardRec = [2][]string{left, right}
	c.room.Record(c.rec.ear, left, right)
}
