package bot

import (
	"slices"

	"github.com/openhotline/hotline/bot/entity"
)

// longestPartial bounds what is kept of a code that is given in pieces, in
// bytes.
const longestPartial = 32

// pieced joins what the text holds to the piece of a code that was given in the
// turn before: "it starts 3381", then "and 9042". The text must be nothing but
// the piece, and say that it goes on, or follow one that broke off or was too
// short to be what was asked for.
func (t *turn) pieced() {
	if t.st.Partial == "" {
		return
	}
	p, ok := entity.ReadPiece(t.text, t.st.Language)
	kind := t.kindOfPiece()
	if !ok || !p.GoesOn && (entity.Corrects(t.text) || !entity.Unfinished(t.st.Said, t.st.Language) && !t.tooShort(kind, p)) {
		return
	}
	code, ok := entity.Join(kind, t.st.Partial, p)
	if !ok {
		return
	}
	e := entity.Entity{Kind: kind, Value: code, Text: p.Text, Start: p.Start, End: p.End}
	if check := t.brain.checks.Patterns[kind]; check != nil {
		at := check.FindStringIndex(code)
		e.Invalid = at == nil || at[0] != 0 || at[1] != len(code)
	}
	t.entities, t.joined = []entity.Entity{e}, true
}

// kindOfPiece is the slot that a further piece belongs to: the one that was
// asked for, or the topic's that ends as the piece before does; "" for none.
func (t *turn) kindOfPiece() entity.Kind {
	codes := []entity.Kind{entity.OrderNumber, entity.TrackingNumber, entity.Phone}
	if t.st.Pending.Kind == PendingSlot && slices.Contains(codes, t.st.Pending.Slot) {
		return t.st.Pending.Slot
	}
	for _, k := range wanted(t.brain.labels[t.st.Active]) {
		if slices.Contains(codes, k) && t.st.Slots[k] == t.st.Partial {
			return k
		}
	}
	return ""
}

// tooShort tells that the piece before could not be what was asked for, nor can
// the one that came now.
func (t *turn) tooShort(kind entity.Kind, p entity.Piece) bool {
	least := map[entity.Kind]int{entity.OrderNumber: 3, entity.TrackingNumber: 3, entity.Phone: 6}[kind]
	return len(t.st.Partial) < least && (kind != entity.Phone || len(p.Value) < 10)
}

// partial is the code, or the piece of one, that the text gives and that the
// next turn may go on from; "" where it gives none.
func (t *turn) partial() string {
	for _, e := range slices.Backward(t.entities) {
		switch e.Kind {
		case entity.OrderNumber, entity.TrackingNumber, entity.Phone:
			if len(e.Value) > longestPartial || !elliptical(t.rest()) && !entity.Unfinished(t.text, t.st.Language) {
				return ""
			}
			return e.Value
		}
	}
	if p, ok := entity.ReadPiece(t.text, t.st.Language); ok && t.st.Pending.Kind == PendingSlot && len(p.Value) <= longestPartial {
		return withoutCards(p.Value)
	}
	return ""
}

// gives tells that the text holds a value that was asked for, or that the topic
// can use and did not have.
func (t *turn) gives() bool {
	use := wanted(t.brain.labels[t.st.Active])
	return slices.ContainsFunc(t.entities, func(e entity.Entity) bool {
		asked := t.st.Pending.Kind == PendingSlot && e.Kind == t.st.Pending.Slot
		return asked || slices.Contains(use, e.Kind) && t.st.Slots[e.Kind] != e.Value
	})
}

// replaces tells that the text gives another value, or more of it, of what the
// topic has already.
func (t *turn) replaces() bool {
	if !t.joined && !entity.Corrects(t.text) {
		return false
	}
	use := wanted(t.brain.labels[t.st.Active])
	return slices.ContainsFunc(t.entities, func(e entity.Entity) bool {
		known := t.st.Slots[e.Kind]
		return slices.Contains(use, e.Kind) && !e.Invalid && known != "" && known != e.Value
	})
}
