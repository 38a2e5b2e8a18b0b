package rtp

import (
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/dtmf"
)

// Times of a digit we send: ITU-T Q.24 wants at least 40 ms of each.
const (
	digitTime = 100 * time.Millisecond
	digitGap  = 100 * time.Millisecond
	pauseTime = 2 * time.Second
	maxQueued = 128
)

// keySender sends queued digits from a goroutine that lives as long as there
// are some, so it depends neither on the peer's packets nor on a room's ticks.
type keySender struct {
	mu      sync.Mutex
	queue   []byte
	running bool
	closed  bool
	stop    chan struct{}
	wg      sync.WaitGroup
}

func (k *keySender) init() { k.stop = make(chan struct{}) }

func (k *keySender) close() {
	k.mu.Lock()
	if !k.closed {
		k.closed = true
		close(k.stop)
	}
	k.mu.Unlock()
	k.wg.Wait()
}

// pop takes the next digit; false ends the goroutine.
func (k *keySender) pop() (byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || len(k.queue) == 0 {
		k.running = false
		return 0, false
	}
	d := k.queue[0]
	k.queue = k.queue[1:]
	return d, true
}

// SendDigits queues digits (0-9 * # A-D, comma for a pause of 2 s): as
// telephone-events when negotiated, as tones otherwise. It returns at once.
func (l *Leg) SendDigits(digits string) error {
	for i := range digits {
		if _, ok := dtmf.Code(digits[i]); !ok && digits[i] != ',' {
			return ErrDigit
		}
	}
	k := &l.out.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return ErrClosed
	case len(k.queue)+len(digits) > maxQueued:
		return ErrBusy
	}
	k.queue = append(k.queue, digits...)
	if !k.running && len(k.queue) > 0 {
		k.running = true
		k.wg.Go(l.out.sendKeys)
	}
	return nil
}

func (s *sender) sendKeys() {
	pace := pacer{stop: s.keys.stop, next: time.Now(), timer: time.NewTimer(0)}
	defer pace.timer.Stop()
	for {
		d, ok := s.keys.pop()
		if !ok {
			return
		}
		if d == ',' {
			if !pace.wait(pauseTime) {
				return
			}
			continue
		}
		if !s.sendKey(d, &pace) || !pace.wait(digitGap) {
			return
		}
	}
}

// sendKey sends one digit, 20 ms at a time; audio is held back meanwhile.
func (s *sender) sendKey(d byte, pace *pacer) bool {
	code, _ := dtmf.Code(d)
	s.mu.Lock()
	s.keying = true
	if int32(s.keyEnd-s.ts) > 0 {
		s.ts = s.keyEnd // no audio since the last digit: time has passed all the same
	}
	clock, start := s.event.Clock, s.ts
	s.keyEnd = start + uint32((digitTime+digitGap)/media.FrameTime)*frameBytes
	tones := dtmf.NewGenerator(d, s.codec.Rate())
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.keying = false
		s.mu.Unlock()
	}()
	var frame [media.MaxFrame]int16
	steps := int(digitTime / media.FrameTime)
	for i := 1; i <= steps; i++ {
		if clock == 0 {
			tones.Fill(frame[:s.codec.Rate().Frame()])
			s.sendTone(frame[:s.codec.Rate().Frame()], start+uint32(i-1)*frameBytes)
		} else {
			ticks := uint16(uint64(clock) * uint64(i) / 50)
			s.sendEvent(dtmf.Event{Code: code, Volume: 10, Duration: ticks}, start, i == 1)
		}
		if !pace.wait(media.FrameTime) {
			return false
		}
	}
	if clock != 0 {
		// The end goes out three times, so that one loss does not lengthen the key
		// (RFC 4733 §2.5.1.4).
		e := dtmf.Event{Code: code, End: true, Volume: 10, Duration: uint16(uint64(clock) * uint64(steps) / 50)}
		for range 3 {
			s.sendEvent(e, start, false)
		}
	}
	return true
}

// sendEvent sends an event packet; all packets of a digit carry the timestamp
// of its start.
func (s *sender) sendEvent(e dtmf.Event, ts uint32, marker bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready() || s.event.Clock == 0 {
		return
	}
	e.Append(s.buf[:12])
	seq := s.nums.Next()
	s.nums.Spend()
	s.begun, s.last = true, time.Now()
	s.transmit(s.event.Number, marker, seq, ts, dtmf.EventSize)
}

func (s *sender) sendTone(frame []int16, ts uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready() || s.enc == nil {
		return
	}
	n, err := s.enc.Encode(s.buf[12:12+frameBytes], frame)
	if err != nil || n != frameBytes {
		return
	}
	seq := s.nums.Next()
	s.nums.Spend()
	s.begun, s.last = true, time.Now()
	s.transmit(s.pt, false, seq, ts, n)
	if end := ts + frameBytes; int32(end-s.ts) > 0 {
		s.ts = end
	}
}

// pacer waits for absolute deadlines.
type pacer struct {
	stop  <-chan struct{}
	next  time.Time
	timer *time.Timer
}

// wait returns false when the leg is closed.
func (p *pacer) wait(d time.Duration) bool {
	p.next = p.next.Add(d)
	p.timer.Reset(time.Until(p.next))
	select {
	case <-p.stop:
		return false
	case <-p.timer.C:
		return true
	}
}

// notifier runs a leg's callbacks in order in a goroutine that lives as long
// as there is something to tell.
type notifier struct {
	mu        sync.Mutex
	onDigit   func(byte, time.Duration)
	onSilence func(time.Duration)
	queue     []func()
	running   bool
	closed    bool
}

// maxNotices bounds what waits for a slow callback.
const maxNotices = 256

func (n *notifier) setDigit(f func(byte, time.Duration)) {
	n.mu.Lock()
	n.onDigit = f
	n.mu.Unlock()
}

func (n *notifier) setSilence(f func(time.Duration)) {
	n.mu.Lock()
	n.onSilence = f
	n.mu.Unlock()
}

func (n *notifier) digit(p dtmf.Press) {
	n.push(func() {
		n.mu.Lock()
		f := n.onDigit
		n.mu.Unlock()
		if f != nil {
			f(p.Digit, p.Duration)
		}
	})
}

func (n *notifier) silence(d time.Duration) {
	n.push(func() {
		n.mu.Lock()
		f := n.onSilence
		n.mu.Unlock()
		if f != nil {
			f(d)
		}
	})
}

func (n *notifier) push(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.queue) >= maxNotices {
		return
	}
	n.queue = append(n.queue, f)
	if !n.running {
		n.running = true
		go n.run()
	}
}

func (n *notifier) run() {
	for {
		n.mu.Lock()
		if n.closed || len(n.queue) == 0 {
			n.running = false
			n.queue = nil
			n.mu.Unlock()
			return
		}
		f := n.queue[0]
		n.queue = n.queue[1:]
		n.mu.Unlock()
		f()
	}
}

// close drops what was not told yet; a callback that is running may finish.
func (n *notifier) close() {
	n.mu.Lock()
	n.closed, n.queue = true, nil
	n.mu.Unlock()
}
