package journey

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
)

// voice is a call as its flow sees it.
type voice struct {
	v    *conversation
	info ivr.Info
	keys *ivr.Keypad
	// dismissed, of the conversation's goroutine: another flow has taken its place.
	dismissed bool
	mu        sync.Mutex
	lang      string
}

var _ ivr.Session = (*voice)(nil)

// newVoice is called in the conversation's goroutine.
func newVoice(v *conversation) *voice {
	c := v.book.conv
	s := &voice{v: v, lang: c.Language, keys: ivr.NewKeypad(), info: ivr.Info{
		ConversationID: v.id, Channel: string(c.Channel), Caller: c.CallerNumber, Dialled: c.DialledNumber, LineID: c.LineID,
		NumberID: c.NumberID, Language: c.Language, CustomerID: c.CustomerID, Simulated: c.Simulated,
	}}
	return s
}

// Info implements ivr.Session.
func (s *voice) Info() ivr.Info { return s.info }

// Human implements ivr.Session.
func (s *voice) Human() string { return s.v.center.humanQueue() }

// SetLanguage implements ivr.Session.
func (s *voice) SetLanguage(ctx context.Context, language string) error {
	s.mu.Lock()
	s.lang = language
	s.mu.Unlock()
	return s.v.ask(ctx, func() error { s.v.book.conv.Language, s.v.book.dirty = language, true; return nil })
}

func (s *voice) language() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lang
}

// Step implements ivr.Session.
func (s *voice) Step(_ context.Context, st ivr.Step) { s.v.post(func() { s.v.stepped(st) }) }

// Play implements ivr.Session.
func (s *voice) Play(ctx context.Context, prompts []ivr.Prompt, opt ivr.PlayOptions) (ivr.Played, error) {
	return s.keys.Play(ctx, opt, func(ctx context.Context) error {
		clips := s.v.center.speak(ctx, prompts...)
		if len(clips) == 0 {
			return nil
		}
		err := s.v.sound.play(ctx, clips...)
		if errors.Is(err, call.ErrEnded) {
			return ivr.ErrHangup
		}
		return err
	})
}

// Collect implements ivr.Session.
func (s *voice) Collect(ctx context.Context, spec ivr.KeySpec) (ivr.Keys, error) {
	return s.keys.Collect(ctx, spec)
}

// Sensitive implements ivr.Session.
func (s *voice) Sensitive(ctx context.Context, on bool) error {
	if err := ended(s.v.ask(ctx, func() error {
		if s.dismissed {
			return ErrEnded
		}
		return s.v.sensitiveKeys(on)
	})); err != nil {
		return err
	}
	if on {
		s.keys.Clear() // what was typed ahead may have been recorded
	}
	return nil
}

// Echo implements ivr.Session.
func (s *voice) Echo(ctx context.Context) error {
	return s.during(ctx, (*call.Call).Echo)
}

// Tone implements ivr.Session.
func (s *voice) Tone(ctx context.Context, hz, _ float64) error {
	return s.during(ctx, func(c *call.Call) error { return c.Tone(hz) })
}

// during lets something sound until ctx ends.
func (s *voice) during(ctx context.Context, start func(*call.Call) error) error {
	if err := s.v.sound.background(start); err != nil {
		return err
	}
	<-ctx.Done()
	s.v.sound.stop()
	return context.Cause(ctx)
}

// Queue implements ivr.Session: music and announcements until an agent has the
// customer, and on until everything is over.
func (s *voice) Queue(ctx context.Context, req ivr.QueueRequest) (ivr.QueueResult, error) {
	if err := s.handsOn(ctx); err != nil {
		return ivr.QueueResult{}, err
	}
	if err := s.tellOfRecording(ctx, req.Queue); err != nil {
		return ivr.QueueResult{}, err
	}
	if err := s.v.ask(ctx, func() error { return s.v.joinQueue(req) }); err != nil {
		return ivr.QueueResult{}, ended(err)
	}
	music := req.Music
	if q, ok := s.v.center.setup().queueRef(req.Queue); ok && music == "" {
		music = q.Announce.Music
	}
	var limit <-chan time.Time
	if req.MaxWait > 0 {
		t := time.NewTimer(req.MaxWait)
		defer t.Stop()
		limit = t.C
	}
	s.wait(music)
	soon := time.NewTimer(time.Hour) // the first announcement
	defer soon.Stop()
	var entered waitEvent
	var said time.Time // when the last announcement was over
	for {
		select {
		case <-ctx.Done():
			return ivr.QueueResult{}, context.Cause(ctx)
		case <-soon.C:
			s.announce(ctx, req.Announce, entered)
			said = time.Now()
		case <-limit:
			limit = nil
			s.v.post(func() { s.v.giveUp("max_wait") })
		case ev := <-s.v.waits:
			switch ev.kind {
			case waitConnected:
				limit = nil
				soon.Stop()
			case waitAgain:
				s.wait(music)
			case waitEntered:
				entered = ev
				if err := s.tellOfRecording(ctx, ev.queueID); err != nil { // another queue than the flow's
					return ivr.QueueResult{}, err
				}
				soon.Reset(announceAfter)
			case waitPosition:
				if time.Since(said) > announceGap {
					s.announce(ctx, req.Announce, ev)
					said = time.Now()
				}
			case waitOverflow:
				s.v.sound.stop()
				return ivr.QueueResult{Outcome: ivr.QueueOverflow, Overflow: ev.overflow}, nil
			case waitDone, waitFailed:
				return ivr.QueueResult{Outcome: ivr.QueueDone}, nil
			}
		}
	}
}

// announceAfter is when the first announcement comes: who is answered at once
// hears none.
const announceAfter = 4 * time.Second

// announceGap is the least time between two announcements, whatever interval
// queue or flow want: one that fell due meanwhile is left out.
const announceGap = 2 * time.Second

// ended translates a conversation that is over for the flow.
func ended(err error) error {
	if errors.Is(err, ErrEnded) {
		return ivr.ErrHangup
	}
	return err
}

// wait plays the music of those who wait.
func (s *voice) wait(music string) {
	s.v.sound.allow(s.v.call)
	prompts := s.v.center.music(music)
	_ = s.v.sound.background(func(c *call.Call) error { return c.Music(prompts...) })
}

// announce says position and expected wait.
func (s *voice) announce(ctx context.Context, wanted *ivr.Announce, ev waitEvent) {
	q := s.v.center.setup().queues[ev.queueID]
	position, expected := ev.position, ev.expected
	if wanted == nil {
		wanted = &ivr.Announce{Position: q.Announce.Position, ExpectedWait: q.Announce.ExpectedWait}
	}
	if !wanted.Position {
		position = 0
	}
	if !wanted.ExpectedWait {
		expected = 0
	}
	prompts := s.v.center.speak(ctx, ivr.Announcement(s.language(), position, expected)...)
	if len(prompts) == 0 {
		return
	}
	err := s.v.sound.play(ctx, prompts...)
	if err != nil && !errors.Is(err, errHushed) && !errors.Is(err, context.Canceled) && !errors.Is(err, call.ErrEnded) {
		s.v.log.Warn("announcement not played", "err", err)
	}
}

// Transfer implements ivr.Session.
func (s *voice) Transfer(ctx context.Context, req ivr.TransferRequest) (ivr.TransferResult, error) {
	if err := s.handsOn(ctx); err != nil {
		return ivr.TransferResult{}, err
	}
	if err := s.v.ask(ctx, func() error { return s.v.transferForFlow(req) }); err != nil {
		return ivr.TransferResult{}, ended(err)
	}
	s.wait("")
	answered := false
	for {
		select {
		case <-ctx.Done():
			return ivr.TransferResult{}, context.Cause(ctx)
		case ev := <-s.v.waits:
			switch ev.kind {
			case waitConnected:
				answered = true
			case waitAgain:
				s.wait("")
			case waitFailed, waitOverflow:
				s.v.sound.allow(s.v.call)
				s.v.sound.stop()
				return ivr.TransferResult{Answered: answered, Reason: ev.reason}, nil
			case waitDone:
				return ivr.TransferResult{Answered: true}, nil
			}
		}
	}
}
