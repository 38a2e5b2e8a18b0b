package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/openhotline/hotline/bot"
)

// Extraction is a text or a conversation with what a ticket of it must hold.
type Extraction struct {
	Pack  string            `json:"pack"`
	Lang  string            `json:"lang"`
	Texts []string          `json:"-"`
	Gold  map[string]string `json:"-"`
}

// issueType is the field of the intent.
const issueType = "issue_type"

// UnmarshalJSON takes "text", or "turns" of texts, of {"user": …}, or of
// {"role", "text"} where only the customer's count.
func (x *Extraction) UnmarshalJSON(raw []byte) error {
	var in struct {
		Pack, Lang, Text string
		Turns            []json.RawMessage
		Gold             map[string]any
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*x = Extraction{Pack: in.Pack, Lang: in.Lang, Gold: texts(in.Gold)}
	if in.Text != "" {
		x.Texts = []string{in.Text}
	}
	for _, raw := range in.Turns {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			var t struct{ User, Text, Role string }
			if err := json.Unmarshal(raw, &t); err != nil {
				return err
			}
			text = t.User
			if text == "" && !slices.Contains([]string{"bot", "agent", "sys", "system", "assistant"}, t.Role) {
				text = t.Text
			}
		}
		if text != "" {
			x.Texts = append(x.Texts, text)
		}
	}
	return nil
}

// SlotFigures are those of one field.
type SlotFigures struct {
	Recall    Rate `json:"recall"`    // of the wanted ones, found and right
	Precision Rate `json:"precision"` // of the found ones, wanted and right
}

// Extractions is the report over texts.
type Extractions struct {
	Rows int `json:"rows"`
	// Accuracy is the share of rows with every field right.
	Accuracy float64                `json:"accuracy"`
	Complete Rate                   `json:"complete"`
	Slots    map[string]SlotFigures `json:"slots"`
	Faults   []string               `json:"faults"`
}

// ReadExtractions reads one text or conversation a line.
func ReadExtractions(r io.Reader) ([]Extraction, error) {
	rows, err := readLines[Extraction](r)
	if err != nil {
		return nil, err
	}
	for i, x := range rows {
		if len(x.Texts) == 0 || len(x.Gold) == 0 {
			return nil, fmt.Errorf(`row %d: "text" or "turns", and "gold", are wanted`, i+1)
		}
	}
	return rows, nil
}

// Extract lets the bot read the rows and compares.
func (e *Engines) Extract(ctx context.Context, rows []Extraction, progress func(done float64)) (Extractions, error) {
	r := Extractions{Rows: len(rows), Slots: map[string]SlotFigures{}}
	complete := 0
	for i, row := range rows {
		got, err := e.ticket(ctx, row)
		if err != nil {
			return r, fmt.Errorf("row %d: %w", i+1, err)
		}
		whole := true
		for _, k := range slices.Sorted(maps.Keys(row.Gold)) {
			f := r.Slots[k]
			f.Recall.Of++
			if same(got[k], row.Gold[k]) {
				f.Recall.Right++
			} else {
				whole = false
				r.Faults = append(r.Faults, fmt.Sprintf("row %d, %q: %s is %q, want %q", i+1, row.Texts, k, got[k], row.Gold[k]))
			}
			r.Slots[k] = f
		}
		for k, v := range got {
			f := r.Slots[k]
			f.Precision.Of++
			if same(v, row.Gold[k]) {
				f.Precision.Right++
			}
			r.Slots[k] = f
		}
		if whole {
			complete++
		}
		progress(float64(i+1) / float64(len(rows)))
	}
	for k, f := range r.Slots {
		r.Slots[k] = SlotFigures{rate(f.Recall.Right, f.Recall.Of), rate(f.Precision.Right, f.Precision.Of)}
	}
	r.Complete = rate(complete, len(rows))
	r.Accuracy = r.Complete.Share
	return r, nil
}

// ticket is what the bot would write into a ticket of a row.
func (e *Engines) ticket(ctx context.Context, row Extraction) (map[string]string, error) {
	engine, err := e.engine(row.Pack)
	if err != nil {
		return nil, err
	}
	st := bot.State{Language: e.language(row.Lang, row.Texts[0])}
	got := map[string]string{}
	for _, text := range row.Texts {
		d, err := turn(ctx, engine, st, text)
		if err != nil {
			return nil, err
		}
		st = d.After
		for _, x := range d.Entities {
			got[string(x.Kind)] = x.Value
		}
		if d.Topic != "" && (got[issueType] == "" || d.Intent == d.Topic) {
			got[issueType] = d.Topic
		}
	}
	return got, nil
}
