// Package mood reads how a customer speaks: neutral, glad, unhappy or angry,
// and whether rudely; and it knows the short phrases that always mean the same:
// that a person is wanted, yes, no, and "say that again". Phrases decide first,
// a classifier trained on the package's sentences decides the rest.
package mood

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"github.com/goccy/go-yaml"

	"github.com/openhotline/hotline/bot/nlu"
)

//go:embed data
var data embed.FS

// Mood is how a text was said.
type Mood struct {
	Name string // neutral, positive, negative or angry
	Rude bool
}

// Judge reads moods in one language. It does not change once made.
type Judge struct {
	phrases map[string][]string
	short   map[string]map[string]bool // replies that are the whole text
	mood    *nlu.Model
	rude    *nlu.Model
}

// Train makes a classifier, or takes it from a cache.
type Train func(ctx context.Context, examples []nlu.Example) (*nlu.Model, error)

// files are the package's files as they were read, by name: each is read once,
// and nobody writes to what it holds.
var files sync.Map // func() (map[string][]string, error)

func read(name string) (map[string][]string, error) {
	f, _ := files.LoadOrStore(name, sync.OnceValues(func() (map[string][]string, error) { return parse(name) }))
	return f.(func() (map[string][]string, error))()
}

func parse(name string) (map[string][]string, error) {
	raw, err := data.ReadFile("data/" + name)
	if err != nil {
		return nil, fmt.Errorf("mood: %w", err)
	}
	var blocks map[string]string
	if err := yaml.Unmarshal(raw, &blocks); err != nil {
		return nil, fmt.Errorf("mood: %s: %w", name, err)
	}
	out := make(map[string][]string, len(blocks))
	for key, block := range blocks {
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); line != "" {
				out[key] = append(out[key], line)
			}
		}
	}
	return out, nil
}

// New makes the judge of a language, zh, en or ja. everyday are texts that are
// neither rude nor in any mood, such as greetings and thanks.
func New(ctx context.Context, language string, everyday []string, train Train) (*Judge, error) {
	phrases, err := read(language + ".yaml")
	if err != nil {
		return nil, err
	}
	sentences, err := read(language + ".train.yaml")
	if err != nil {
		return nil, err
	}
	j := &Judge{phrases: map[string][]string{}, short: map[string]map[string]bool{}}
	for key, lines := range phrases {
		short := key == "yes" || key == "no" || key == "repeat" || key == "human_alone"
		for _, l := range lines {
			l = bare(l)
			switch {
			case l == "":
			case short:
				if j.short[key] == nil {
					j.short[key] = map[string]bool{}
				}
				j.short[key][l] = true
			default:
				j.phrases[key] = append(j.phrases[key], l)
			}
		}
	}
	var moods, manners []nlu.Example
	for _, l := range everyday {
		moods = append(moods, nlu.Example{Text: l, Label: "neutral"})
		manners = append(manners, nlu.Example{Text: l, Label: "civil"})
	}
	for key, lines := range sentences {
		for _, l := range lines {
			switch key {
			case "neutral", "positive", "negative", "angry":
				moods = append(moods, nlu.Example{Text: l, Label: key})
				manners = append(manners, nlu.Example{Text: l, Label: "civil"})
			case "polite_complaint":
				manners = append(manners, nlu.Example{Text: l, Label: "civil"})
				moods = append(moods, nlu.Example{Text: l, Label: "negative"})
			case "rude":
				manners = append(manners, nlu.Example{Text: l, Label: "rude"})
			}
		}
	}
	if j.mood, err = train(ctx, moods); err != nil {
		return nil, fmt.Errorf("mood: %s: %w", language, err)
	}
	if j.rude, err = train(ctx, manners); err != nil {
		return nil, fmt.Errorf("mood: %s: %w", language, err)
	}
	return j, nil
}

// bare is a text as phrases are compared: normalised, without punctuation, a
// space between words.
func bare(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || unicode.IsSymbol(r) {
			return ' '
		}
		return r
	}, nlu.Normalize(text))
	return strings.Join(strings.Fields(text), " ")
}

// holds tells whether one of the phrases of a kind is in a text; phrases of
// Latin letters as whole words.
func (j *Judge) holds(kind, text string) bool {
	for _, p := range j.phrases[kind] {
		for at := 0; ; {
			i := strings.Index(text[at:], p)
			if i < 0 {
				break
			}
			from, to := at+i, at+i+len(p)
			if !(letter(text, from-1) && letter(text, from)) && !(letter(text, to-1) && letter(text, to)) {
				return true
			}
			at = from + 1
		}
	}
	return false
}

func letter(text string, i int) bool {
	return i >= 0 && i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9')
}

// rudeEnough is how sure the classifier must be to call a text rude by itself:
// a customer who is wrongly called rude is worse off than one who is not.
const rudeEnough = 0.85

// Read tells how a text was said.
func (j *Judge) Read(text string) Mood {
	t := bare(text)
	rude := j.rude.Classify(text)
	m := Mood{Name: "neutral", Rude: j.holds("rude", t) || rude.Label == "rude" && rude.P >= rudeEnough}
	switch r := j.mood.Classify(text); {
	case m.Rude || j.holds("angry", t):
		m.Name = "angry"
	case r.Decision == nlu.Accept || r.P >= 0.6:
		m.Name = r.Label
	case j.holds("sad", t):
		m.Name = "negative"
	case j.holds("happy", t):
		m.Name = "positive"
	}
	return m
}

// Urgent tells that it must be quick.
func (j *Judge) Urgent(text string) bool { return j.holds("urgent", bare(text)) }

// WantsHuman tells that a text asks for a person. What says that none is wanted,
// or that one was spoken to, is left to the classifier.
func (j *Judge) WantsHuman(text string) bool {
	t := bare(text)
	return j.short["human_alone"][t] || j.holds("human", t) && !j.holds("human_not", t)
}

// Yes, No and Repeat tell that a text is such a reply and nothing else.
func (j *Judge) Yes(text string) bool { return j.short["yes"][bare(text)] }

// No tells that a text is a refusal and nothing else.
func (j *Judge) No(text string) bool { return j.short["no"][bare(text)] }

// Repeat tells that a text asks to hear the last reply again, and nothing else.
func (j *Judge) Repeat(text string) bool { return j.short["repeat"][bare(text)] }
