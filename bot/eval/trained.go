package eval

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/openhotline/hotline/bot/nlu"
)

// Trained judges every row with one model made from other rows.
type Trained struct{ model *nlu.Model }

// Train makes a model from rows, whatever their pack and language.
func Train(ctx context.Context, rows []Row, progress func(done float64)) (*Trained, *Training, error) {
	examples := make([]nlu.Example, len(rows))
	cfg := nlu.Config{OutOfScope: outOfScope[0], Progress: progress}
	for i, r := range rows {
		examples[i] = nlu.Example{Text: r.Text, Label: r.Intent}
		if r.foreign() {
			examples[i].Label = cfg.OutOfScope
		}
	}
	before, start, cpu := heap(), time.Now(), processorTime()
	model, err := nlu.Train(ctx, examples, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	t := &Training{
		Seconds: time.Since(start).Seconds(), CPUSeconds: (processorTime() - cpu).Seconds(),
		Examples: len(examples), Labels: len(model.Labels()), Models: 1,
		MemoryBytes: max(heap()-before, 0), ModelBytes: len(nlu.Encode(model)),
	}
	return &Trained{model}, t, nil
}

// Judge classifies the row's text.
func (t *Trained) Judge(row Row) (nlu.Result, bool) { return t.model.Classify(row.Text), true }

// Group is "": rows trained on have no skill groups.
func (t *Trained) Group(Row, string) string { return "" }

// heap is what is in use on the heap after a collection.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
