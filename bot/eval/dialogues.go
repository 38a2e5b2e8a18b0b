package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/entity"
)

// Dialogue is a labelled conversation.
type Dialogue struct {
	Pack  string         `json:"pack"`
	Lang  string         `json:"lang"`
	Turns []DialogueTurn `json:"turns"`
}

// DialogueTurn is a text of the customer with what it means and what is known
// after it.
type DialogueTurn struct {
	User   string            `json:"user"`
	Intent string            `json:"intent"`
	Slots  map[string]string `json:"slots"`
	Bot    string            `json:"bot"`
	// Pending is a slot that the bot of the row asked for: before this turn if
	// this turn answers it, otherwise behind it.
	Pending string `json:"pending"`
}

// UnmarshalJSON takes numbers as values of slots, too.
func (t *DialogueTurn) UnmarshalJSON(raw []byte) error {
	type plainTurn DialogueTurn
	var in struct {
		plainTurn
		Slots map[string]any `json:"slots"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*t = DialogueTurn(in.plainTurn)
	t.Slots = texts(in.Slots)
	return nil
}

// texts are values as text; nothing is left out but null and empty ones.
func texts(in map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if s := fmt.Sprint(v); v != nil && s != "" {
			out[k] = s
		}
	}
	return out
}

// Dialogues is the report over conversations.
type Dialogues struct {
	Dialogues int `json:"dialogues"`
	Turns     int `json:"turns"`
	// Accuracy is the share of turns with the right intent.
	Accuracy   float64 `json:"accuracy"`
	TurnsRight Rate    `json:"turns_right"` // of those that have an intent
	// SlotsRight is the share of the slots that must be known after a turn and
	// are, with the right value.
	SlotsRight Rate `json:"slots_right"`
	// WholeRight is the share of conversations without any fault.
	WholeRight Rate `json:"dialogues_right"`
	// AskedAgain counts questions for what the customer had said before.
	AskedAgain int      `json:"asked_again"`
	Faults     []string `json:"faults"`
	// Guided counts turns before which the row's open question was put in place
	// of the bot's own: the row answers a question that its bot asked and ours
	// did not.
	Guided int `json:"guided"`
	// Free are the same figures without that: the bot alone, as in life.
	Free *Dialogues `json:"free,omitempty"`
}

// ReadDialogues reads one conversation a line.
func ReadDialogues(r io.Reader) ([]Dialogue, error) {
	rows, err := readLines[Dialogue](r)
	if err != nil {
		return nil, err
	}
	for i, d := range rows {
		if len(d.Turns) == 0 {
			return nil, fmt.Errorf(`row %d: "turns" is missing`, i+1)
		}
	}
	return rows, nil
}

// Dialogues holds the conversations with the bot and compares: with the open
// questions of the rows, and without.
func (e *Engines) Dialogues(ctx context.Context, rows []Dialogue, progress func(done float64)) (Dialogues, error) {
	r, err := e.dialogues(ctx, rows, true, func(done float64) { progress(done / 2) })
	if err != nil {
		return r, err
	}
	free, err := e.dialogues(ctx, rows, false, func(done float64) { progress(0.5 + done/2) })
	r.Free = &free
	return r, err
}

func (e *Engines) dialogues(ctx context.Context, rows []Dialogue, guided bool, progress func(done float64)) (Dialogues, error) {
	r := Dialogues{Dialogues: len(rows)}
	right, labelled, slotsRight, slots, whole := 0, 0, 0, 0, 0
	for i, row := range rows {
		engine, err := e.engine(row.Pack)
		if err != nil {
			return r, fmt.Errorf("row %d: %w", i+1, err)
		}
		before := len(r.Faults) + r.AskedAgain
		st := bot.State{Language: e.language(row.Lang, row.Turns[0].User)}
		said := map[string]string{}
		for n, t := range row.Turns {
			if guided {
				var put bool
				if st, put = pendingBefore(st, row.Turns, n, said); put {
					r.Guided++
				}
			}
			d, err := turn(ctx, engine, st, t.User)
			if err != nil {
				return r, err
			}
			st = d.After
			r.Turns++
			maps.Copy(said, t.Slots)
			at := fmt.Sprintf("row %d, turn %d, %q", i+1, n+1, t.User)
			if t.Intent != "" {
				labelled++
			}
			switch {
			case t.Intent == "":
			case d.Intent == t.Intent:
				right++
			default:
				r.Faults = append(r.Faults, fmt.Sprintf("%s: intent %s (%.2f), want %s", at, d.Intent, d.P, t.Intent))
			}
			for _, k := range slices.Sorted(maps.Keys(t.Slots)) {
				slots++
				if got := known(d, entity.Kind(k)); same(got, t.Slots[k]) {
					slotsRight++
				} else {
					r.Faults = append(r.Faults, fmt.Sprintf("%s: %s is %q, want %q", at, k, got, t.Slots[k]))
				}
			}
			if asked := string(st.Pending.Slot); d.Action == bot.Ask && said[asked] != "" {
				r.AskedAgain++
			}
		}
		if len(r.Faults)+r.AskedAgain == before {
			whole++
		}
		progress(float64(i+1) / float64(len(rows)))
	}
	r.TurnsRight, r.SlotsRight, r.WholeRight = rate(right, labelled), rate(slotsRight, slots), rate(whole, len(rows))
	r.Accuracy = r.TurnsRight.Share
	return r, nil
}

// known is a slot after a turn: kept, or named in it.
func known(d bot.Decision, kind entity.Kind) string {
	for _, e := range slices.Backward(d.Entities) {
		if e.Kind == kind {
			return e.Value
		}
	}
	return d.After.Slots[kind]
}

// pendingBefore puts the question into the state that the row's bot had asked,
// where the row tells it.
func pendingBefore(st bot.State, turns []DialogueTurn, n int, said map[string]string) (_ bot.State, put bool) {
	slot := ""
	if p := turns[n].Pending; n > 0 && p != "" && turns[n].Slots[p] != "" && said[p] != turns[n].Slots[p] {
		slot = p
	} else if n > 0 {
		if p := turns[n-1].Pending; p != "" && turns[n].Slots[p] != "" && said[p] == "" {
			slot = p
		}
	}
	if slot != "" && st.Pending.Slot != entity.Kind(slot) && slices.Contains(entity.Kinds, entity.Kind(slot)) {
		st.Pending = bot.Pending{Kind: bot.PendingSlot, Slot: entity.Kind(slot)}
		return st, true
	}
	return st, false
}
