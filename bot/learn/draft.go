package learn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/openhotline/hotline/bot/disk"
	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// ErrNoGap is returned for a label that no group of questions has.
var ErrNoGap = errors.New("learn: no such group of questions")

// settledAs is a question as corrections and drafts keep it.
func settledAs(text, language string) string {
	return nlu.Normalize(unmasked(text, language))
}

// unmasked is a kept question in the form that a model can be trained with.
func unmasked(text, language string) string {
	return entity.Anonymous(entity.Placeholder.ReplaceAllString(text, " "), language)
}

// settled are the questions that somebody took care of, and what customers
// usually say.
func (s *School) settled(language string) (done map[string]bool, background []string, err error) {
	lessons, err := s.book(language).read()
	if err != nil {
		return nil, nil, err
	}
	done = map[string]bool{}
	for _, l := range lessons.Standing(len(lessons)) {
		done[nlu.Normalize(l.Text)] = true
	}
	p, err := pack.LoadAt(s.cfg.Pack, language, len(lessons), s.overlays()...)
	if err != nil {
		return nil, nil, err
	}
	for _, in := range p.Intents {
		for _, u := range in.Utterances {
			background = append(background, u.Text)
		}
	}
	_, text, err := s.drafts(language)
	if err != nil {
		return nil, nil, err
	}
	drafts, err := pack.Drafts(pack.DraftsFile, text)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range slices.Concat(p.Articles, drafts) {
		for _, t := range append([]string{a.Question}, a.Variants...) {
			done[nlu.Normalize(t)] = true
		}
	}
	return done, background, nil
}

// drafts is the drafts file with what is in it.
func (s *School) drafts(language string) (path string, text []byte, err error) {
	path = filepath.Join(s.cfg.Dir, s.cfg.Pack, language, pack.DraftsFile)
	text, err = os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("learn: %w", err)
	}
	return path, text, nil
}

// mostVariants bounds the wordings that a draft begins with.
const mostVariants = 30

// Draft makes an article without an answer of a group of questions, in the
// folder's drafts file, and returns that file. intent may be empty.
func (s *School) Draft(ctx context.Context, language string, g Group, id, intent string) (path string, err error) {
	if intent != "" {
		if err := s.known(language, Correction{Intent: intent}); err != nil {
			return "", err
		}
	}
	a := pack.Article{ID: id, Intent: intent, Question: unmasked(g.Label, language)}
	for _, q := range g.Questions {
		if q = unmasked(q, language); q != a.Question && q != "" && !slices.Contains(a.Variants, q) && len(a.Variants) < mostVariants {
			a.Variants = append(a.Variants, q)
		}
	}
	path, _, err = s.drafts(language)
	if err != nil {
		return "", err
	}
	lock, _, err := disk.Lock(ctx, path+".lock")
	if err != nil {
		return "", fmt.Errorf("learn: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, text, err := s.drafts(language)
	if err != nil {
		return "", err
	}
	if text, err = pack.AppendDraft(path, text, a); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInput, err)
	}
	if err := disk.Replace(path, text); err != nil {
		return "", fmt.Errorf("learn: %w", err)
	}
	return path, nil
}

// CorrectGroup corrects all questions of a group alike.
func (s *School) CorrectGroup(ctx context.Context, language string, g Group, c Correction) ([]pack.Lesson, error) {
	var out []pack.Lesson
	for _, q := range g.Questions {
		c.Text = unmasked(q, language)
		if len(c.Text) > longestText {
			continue
		}
		l, err := s.Correct(ctx, language, c)
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	return out, nil
}
