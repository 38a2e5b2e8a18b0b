package learn

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/pack"
)

// Correction says what a text means: an intent, pack.OutOfScope among them, or
// the article that answers it.
type Correction struct {
	Text    string
	Intent  string
	Article string
	By      string // who says so
}

// longestText bounds the text of a correction, in bytes.
const longestText = 500

// Correct keeps a correction and wakes Run. It is on the disk when Correct
// returns. What names a person or a case in the text is not kept.
func (s *School) Correct(ctx context.Context, language string, c Correction) (pack.Lesson, error) {
	c.Text, c.By = strings.TrimSpace(c.Text), strings.TrimSpace(c.By)
	switch {
	case c.Text == "":
		return pack.Lesson{}, fmt.Errorf("%w: text is empty", ErrInput)
	case len(c.Text) > longestText:
		return pack.Lesson{}, fmt.Errorf("%w: text has more than %d bytes", ErrInput, longestText)
	case !utf8.ValidString(c.Text) || strings.ContainsFunc(c.Text, unicode.IsControl):
		return pack.Lesson{}, fmt.Errorf("%w: text is no single line of UTF-8", ErrInput)
	case !strings.ContainsFunc(c.Text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return pack.Lesson{}, fmt.Errorf("%w: text has no words", ErrInput)
	case (c.Intent == "") == (c.Article == ""):
		return pack.Lesson{}, fmt.Errorf("%w: intent or article must be named, and not both", ErrInput)
	case c.By == "" || len(c.By) > 100:
		return pack.Lesson{}, fmt.Errorf("%w: by is empty or has more than 100 bytes", ErrInput)
	}
	if err := s.known(language, c); err != nil {
		return pack.Lesson{}, err
	}
	if c.Text = entity.Anonymous(c.Text, language); c.Text == "" {
		return pack.Lesson{}, fmt.Errorf("%w: text is nothing but personal data", ErrInput)
	}
	l, err := s.book(language).append(ctx, func(pack.Lessons) (pack.Lesson, error) {
		return pack.Lesson{By: c.By, Text: c.Text, Intent: c.Intent, Article: c.Article}, nil
	})
	s.changed()
	return l, err
}

// changed makes Run look at once.
func (s *School) changed() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// known wants the intent or article of a correction to be there. The pack is
// read again only for one that was not seen before.
func (s *School) known(language string, c Correction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.ids[language]
	if !slices.Contains(ids.intents, c.Intent) && !slices.Contains(ids.articles, c.Article) {
		p, err := pack.LoadAt(s.cfg.Pack, language, 0, s.overlays()...)
		if err != nil {
			return err
		}
		ids = names{}
		for _, in := range p.Intents {
			ids.intents = append(ids.intents, in.ID)
		}
		for _, a := range p.Articles {
			ids.articles = append(ids.articles, a.ID)
		}
		s.ids[language] = ids
	}
	switch {
	case c.Intent != "" && !slices.Contains(ids.intents, c.Intent):
		return fmt.Errorf("%w: intent %q is not one of %s", ErrInput, c.Intent, strings.Join(ids.intents, ", "))
	case c.Article != "" && !slices.Contains(ids.articles, c.Article):
		return fmt.Errorf("%w: article %q is not one of %s", ErrInput, c.Article, strings.Join(ids.articles, ", "))
	}
	return nil
}

// Withdraw takes a correction back and wakes Run.
func (s *School) Withdraw(ctx context.Context, language, id, by string) error {
	_, err := s.book(language).append(ctx, func(now pack.Lessons) (pack.Lesson, error) {
		if !slices.ContainsFunc(now.Standing(len(now)), func(l pack.Lesson) bool { return l.ID == id }) {
			return pack.Lesson{}, fmt.Errorf("%w: no correction %q stands", ErrInput, id)
		}
		return pack.Lesson{By: by, Withdraws: id}, nil
	})
	s.changed()
	return err
}

// Standing is a correction that counts, and whether the version in use has it.
type Standing struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Text    string    `json:"text"`
	Intent  string    `json:"intent,omitempty"`
	Article string    `json:"article,omitempty"`
	InUse   bool      `json:"in_use"`
}

// Corrections returns those that count, in their order.
func (s *School) Corrections(language string) ([]Standing, error) {
	lessons, err := s.book(language).read()
	if err != nil {
		return nil, err
	}
	_, lines := lessons.Active()
	used := lessons.Standing(lines)
	var out []Standing
	for _, l := range lessons.Standing(len(lessons)) {
		in := slices.ContainsFunc(used, func(u pack.Lesson) bool { return u.ID == l.ID })
		out = append(out, Standing{l.ID, l.At, l.By, l.Text, l.Intent, l.Article, in})
	}
	return out, nil
}

// Version is one that was accepted or refused. Number 0 is of one that was
// refused.
type Version struct {
	Number      int       `json:"version,omitempty"`
	At          time.Time `json:"at"`
	By          string    `json:"by"`
	Corrections int       `json:"corrections"`
	InUse       bool      `json:"in_use"`
	Trial       *Trial    `json:"trial,omitempty"`
}

// Versions returns those that can be returned to and what was refused since, the
// last first. The pack without corrections (version 0) is not listed, and can
// always be returned to.
func (s *School) Versions(language string) ([]Version, error) {
	lessons, err := s.book(language).read()
	if err != nil {
		return nil, err
	}
	active, _ := lessons.Active()
	var out []Version
	accepted := 0
	for _, l := range slices.Backward(lessons) {
		if l.Version == 0 && !l.Refused {
			continue
		}
		if l.Version != 0 {
			accepted++
		}
		if accepted > s.cfg.Keep {
			break
		}
		v := Version{Number: l.Version, At: l.At, By: l.By, Corrections: len(lessons.Standing(l.Lines)), InUse: l.Version != 0 && l.Version == active}
		if len(l.Trial) > 0 {
			v.Trial = &Trial{}
			if err := json.Unmarshal(l.Trial, v.Trial); err != nil {
				return nil, fmt.Errorf("%s:%d: trial: %w", s.book(language).path, l.Line, err)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// Rollback returns to one of the versions kept, or with 0 to the pack without
// corrections. Training under way is ended: what it would learn is left behind
// with everything that came after the version.
func (s *School) Rollback(ctx context.Context, language string, version int, by string) error {
	versions, err := s.Versions(language)
	if err != nil {
		return err
	}
	if version != 0 && !slices.ContainsFunc(versions, func(v Version) bool { return v.Number == version }) {
		return fmt.Errorf("%w: %d", ErrNoVersion, version)
	}
	s.Cancel()
	_, err = s.book(language).append(ctx, func(now pack.Lessons) (pack.Lesson, error) {
		return pack.Lesson{By: by, Restores: &version}, nil
	})
	if err != nil {
		return err
	}
	lessons, err := s.book(language).read()
	if err != nil {
		return err
	}
	if _, loaded := s.cfg.Engine.Version(language); !loaded {
		return nil // it is loaded as that version
	}
	return s.follow(ctx, language, lessons)
}
