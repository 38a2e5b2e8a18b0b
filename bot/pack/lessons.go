package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/bot/nlu"
)

// LessonsFile is where a customer's folder keeps corrections of a pack in a
// language: PACK/LANG/corrections.jsonl. Lines are only ever appended.
const LessonsFile = "corrections.jsonl"

const (
	// longestLesson bounds the text of a correction, in bytes.
	longestLesson = 600
	// lessonTimes is how many rows a correction counts as: a word that only one
	// row has is no feature where there are many (nlu).
	lessonTimes = 3
	// mostLessons bounds the lines of a corrections file.
	mostLessons = 50_000
)

// Lesson is one line of a corrections file. It is exactly one of: a correction
// (Text with Intent or Article), the withdrawal of one, a version of the model
// that was accepted, one that was refused, or the return to an earlier version.
type Lesson struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	By string    `json:"by"`

	// Text means Intent, or asks for Article.
	Text    string `json:"text,omitempty"`
	Intent  string `json:"intent,omitempty"`
	Article string `json:"article,omitempty"`

	// Withdraws is the ID of a correction that counts no more.
	Withdraws string `json:"withdraws,omitempty"`

	// Version is the number of a version that was accepted, from 1 on, made
	// with what stood after the first Lines lines of the file.
	Version int `json:"version,omitempty"`
	// Refused tells that a model with what stood after the first Lines lines was
	// made and not taken.
	Refused bool `json:"refused,omitempty"`
	Lines   int  `json:"lines,omitempty"`
	// Trial is the report of what decided, for people.
	Trial json.RawMessage `json:"trial,omitempty"`

	// Restores is the version that is used again; pointed to because 0 is the
	// pack as it was before any correction.
	Restores *int `json:"restores,omitempty"`

	Line int `json:"-"` // in the file, from 1 on
}

// Correction tells whether the line is a correction.
func (l Lesson) Correction() bool { return l.Text != "" }

// check tells what is wrong with a line.
func (l Lesson) check() error {
	kinds := 0
	for _, is := range []bool{l.Text != "", l.Withdraws != "", l.Version != 0, l.Refused, l.Restores != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("a line is one of text, withdraws, version, refused, restores")
	case l.ID == "" || l.At.IsZero():
		return fmt.Errorf("a line needs id and at")
	case l.Text != "" && (l.Intent == "") == (l.Article == ""):
		return fmt.Errorf("a correction needs intent or article, and not both")
	case len(l.Text) > longestLesson:
		return fmt.Errorf("the text has more than %d bytes", longestLesson)
	case l.Version < 0 || l.Lines < 0 || l.Restores != nil && *l.Restores < 0:
		return fmt.Errorf("version, lines and restores are not below 0")
	}
	return nil
}

// Lessons are the lines of a corrections file.
type Lessons []Lesson

// ParseLessons reads a corrections file. A last line without an end was cut
// short while it was written, and nobody was told that it was kept: it is left
// out. whole is how many bytes the lines take that are read.
func ParseLessons(file string, text []byte) (lessons Lessons, whole int, problems Problems) {
	r := reader{file, &problems}
	for line := 1; ; line++ {
		end := bytes.IndexByte(text[whole:], '\n')
		if end < 0 {
			return lessons, whole, problems
		}
		raw := text[whole : whole+end]
		whole += end + 1
		var l Lesson
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		err := dec.Decode(&l)
		if err == nil && dec.More() {
			err = fmt.Errorf("there is more behind the object")
		}
		if err == nil {
			err = l.check()
		}
		if err == nil && line > mostLessons {
			err = fmt.Errorf("the file has more than %d lines", mostLessons)
		}
		if err == nil && (l.Lines >= line || l.Restores != nil && !lessons.has(*l.Restores) || l.Version != 0 && lessons.has(l.Version)) {
			err = fmt.Errorf("lines, version or restores do not fit the lines before")
		}
		if err != nil {
			r.fail(line, []string{"id", "at", "by", "and one of text with intent or article, withdraws, version, refused, restores"}, "this is no line of corrections: %v", err)
			if line > mostLessons {
				return lessons, whole, problems
			}
		}
		l.Line = line
		lessons = append(lessons, l)
	}
}

// has tells whether there is a version of that number; 0 always is.
func (l Lessons) has(version int) bool {
	return version == 0 || slices.ContainsFunc(l, func(o Lesson) bool { return o.Version == version })
}

// Lines returns how many lines a version was made with; ok is false where there
// is no such version.
func (l Lessons) Lines(version int) (n int, ok bool) {
	if version == 0 {
		return 0, true
	}
	i := slices.IndexFunc(l, func(o Lesson) bool { return o.Version == version })
	if i < 0 {
		return 0, false
	}
	return l[i].Lines, true
}

// Active returns the version that is in use, 0 for the pack without
// corrections, and how many lines it was made with.
func (l Lessons) Active() (version, lines int) {
	for _, o := range slices.Backward(l) {
		switch {
		case o.Version != 0:
			return o.Version, o.Lines
		case o.Restores != nil:
			lines, _ := l.Lines(*o.Restores)
			return *o.Restores, lines
		}
	}
	return 0, 0
}

// Standing returns the corrections that count after the first n lines, in their
// order: not those that were withdrawn or left behind by a return to an earlier
// version, and of several for one text the last.
func (l Lessons) Standing(n int) Lessons {
	l = l[:min(n, len(l))]
	var out Lessons
	from := 0
	for i, o := range slices.Backward(l) {
		if o.Restores != nil {
			lines, _ := l.Lines(*o.Restores)
			out, from = l.Standing(lines), i+1
			break
		}
	}
	at := map[string]int{} // the place of a text; a correction that fell is left empty
	for i, o := range out {
		at[nlu.Normalize(o.Text)] = i
	}
	for _, o := range l[from:] {
		switch {
		case o.Correction():
			same := nlu.Normalize(o.Text)
			if i, ok := at[same]; ok {
				out[i] = Lesson{}
			}
			at[same] = len(out)
			out = append(out, o)
		case o.Withdraws != "":
			if i := slices.IndexFunc(out, func(b Lesson) bool { return b.ID == o.Withdraws }); i >= 0 {
				delete(at, nlu.Normalize(out[i].Text))
				out[i] = Lesson{}
			}
		}
	}
	return slices.DeleteFunc(out, func(o Lesson) bool { return o.ID == "" })
}

// learn lays corrections over the pack: their texts are further utterances of
// an intent or wordings of an article, and no longer those of another. What
// names an intent or article that the pack does not have is left out and
// returned.
func (p *Pack) learn(file string, lessons Lessons) (strange Lessons) {
	said := map[string]bool{}
	for _, l := range lessons {
		said[nlu.Normalize(l.Text)] = true
	}
	if len(said) == 0 {
		return nil
	}
	for i := range p.Intents {
		p.Intents[i].Utterances = slices.DeleteFunc(slices.Clone(p.Intents[i].Utterances), func(u Utterance) bool { return said[nlu.Normalize(u.Text)] })
	}
	for i := range p.Articles {
		p.Articles[i].Variants = slices.DeleteFunc(slices.Clone(p.Articles[i].Variants), func(v string) bool { return said[nlu.Normalize(v)] })
	}
	for _, l := range lessons {
		in, known := slices.BinarySearchFunc(p.Intents, l.Intent, func(i Intent, id string) int { return strings.Compare(i.ID, id) })
		article := slices.IndexFunc(p.Articles, func(a Article) bool { return a.ID == l.Article })
		switch {
		case l.Intent != "" && known:
			p.Intents[in].Utterances = append(p.Intents[in].Utterances, Utterance{l.Text, Position{file, l.Line}, lessonTimes})
		case l.Article != "" && article >= 0:
			p.Articles[article].Variants = append(p.Articles[article].Variants, l.Text)
		default:
			strange = append(strange, l)
		}
	}
	return strange
}
