package eval

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// Packs judges each row with the model of its pack and language.
type Packs struct {
	packs  map[[2]string]*pack.Pack
	models map[[2]string]*nlu.Model
	only   [2]string // pack and language that are asked for, "" for any
}

// TrainPacks trains the models that the rows need: those of their own pack and
// language, or of the given ones where a row does not say. Rows that say
// otherwise than name or language are skipped.
func TrainPacks(ctx context.Context, rows []Row, name, language string, overlays []fs.FS, progress func(done float64)) (*Packs, *Training, error) {
	p := &Packs{packs: map[[2]string]*pack.Pack{}, models: map[[2]string]*nlu.Model{}, only: [2]string{name, language}}
	var wanted [][2]string
	for i, r := range rows {
		key, ok := p.key(r)
		if !ok {
			continue
		}
		if key[0] == "" || key[1] == "" {
			return nil, nil, fmt.Errorf(`row %d names no pack or no language: give "pack" and "lang" in the row, or --pack and --lang`, i+1)
		}
		if _, seen := p.packs[key]; !seen {
			loaded, err := pack.Load(key[0], key[1], overlays...)
			if err != nil {
				return nil, nil, err
			}
			p.packs[key] = loaded
			wanted = append(wanted, key)
		}
	}
	before, start, cpu := heap(), time.Now(), processorTime()
	t := &Training{Models: len(wanted)}
	for i, key := range wanted {
		examples := p.packs[key].Examples()
		cfg := p.packs[key].Training()
		cfg.Progress = func(done float64) { progress((float64(i) + done) / float64(len(wanted))) }
		m, err := nlu.Train(ctx, examples, cfg)
		if err != nil {
			return nil, nil, fmt.Errorf("train %s in %s: %w", key[0], key[1], err)
		}
		p.models[key] = m
		t.Examples += len(examples)
		t.Labels += len(m.Labels())
	}
	t.Seconds, t.CPUSeconds = time.Since(start).Seconds(), (processorTime() - cpu).Seconds()
	t.MemoryBytes = max(heap()-before, 0)
	for _, m := range p.models {
		t.ModelBytes += len(nlu.Encode(m))
	}
	return p, t, nil
}

// key returns pack and language of a row; ok is false when other ones are asked for.
func (p *Packs) key(r Row) (key [2]string, ok bool) {
	key = [2]string{r.Pack, r.Lang}
	for i, only := range p.only {
		switch {
		case only == "":
		case key[i] == "":
			key[i] = only
		case key[i] != only:
			return key, false
		}
	}
	return key, true
}

// Judge classifies the row's text with the model of its pack and language.
func (p *Packs) Judge(row Row) (nlu.Result, bool) {
	key, ok := p.key(row)
	if !ok {
		return nlu.Result{}, false
	}
	return p.models[key].Classify(row.Text), true
}

// Group returns the skill group of an intent in the row's pack.
func (p *Packs) Group(row Row, intent string) string {
	key, _ := p.key(row)
	in, _ := p.packs[key].Intent(intent)
	return in.Group
}
