package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// item is a router input or output on its way to another node.
type item struct {
	Kind string          `json:"kind"` // name of its type
	Data json.RawMessage `json:"data"`
}

// The inputs and outputs that travel. Restore and Tick are the leader's own;
// EntryEnded, CallbackDue and Refused concern no conversation's process.
var (
	inputTypes = typesByName[agent.Input](agent.PutAgent{}, agent.RemoveAgent{}, agent.PutQueue{}, agent.RemoveQueue{},
		agent.SetPresence{}, agent.SetNext{}, agent.DeviceUp{}, agent.DeviceDown{}, agent.Enqueue{}, agent.OfferTo{}, agent.Leave{},
		agent.Alert{}, agent.Accept{}, agent.Reject{}, agent.Connect{}, agent.Hold{}, agent.Resume{}, agent.Consult{}, agent.ConsultWith{}, agent.EndConsult{}, agent.JoinCall{}, agent.Park{},
		agent.EndWork{}, agent.ExtendWrapUp{}, agent.FinishWrapUp{}, agent.LoseAgent{}, agent.TakeOver{}, agent.Drop{})
	outputTypes = typesByName[agent.Output](agent.OfferCreated{}, agent.OfferEnded{}, agent.TakenOver{}, agent.WorkStateChanged{},
		agent.EntryQueued{}, agent.PositionChanged{}, agent.Overflowed{})
)

func typesByName[T any](list ...T) map[string]reflect.Type {
	m := make(map[string]reflect.Type, len(list))
	for _, v := range list {
		t := reflect.TypeOf(v)
		m[t.Name()] = t
	}
	return m
}

// encodeItem packs an input or output; its time is the leader's to give.
func encodeItem(v any) item { return item{reflect.TypeOf(v).Name(), mustJSON(v)} }

func decodeItem(types map[string]reflect.Type, it item) (reflect.Value, error) {
	t, ok := types[it.Kind]
	if !ok {
		return reflect.Value{}, fmt.Errorf("%w: %q is not known here", ErrItem, it.Kind)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(it.Data, v.Interface()); err != nil {
		return reflect.Value{}, fmt.Errorf("%w: %s: %w", ErrItem, it.Kind, err)
	}
	return v.Elem(), nil
}

// ErrItem is returned for what another node sent and this one cannot read.
var ErrItem = errors.New("journey: message of another node cannot be read")

// decodeInput unpacks an input; it gets its time when it is applied.
func decodeInput(it item) (input, error) {
	v, err := decodeItem(inputTypes, it)
	if err != nil {
		return nil, err
	}
	return func(at agent.At) agent.Input {
		stamped := reflect.New(v.Type()).Elem()
		stamped.Set(v)
		stamped.FieldByName("At").Set(reflect.ValueOf(at))
		return stamped.Interface().(agent.Input)
	}, nil
}

func decodeOutput(it item) (agent.Output, error) {
	v, err := decodeItem(outputTypes, it)
	if err != nil {
		return nil, err
	}
	return v.Interface().(agent.Output), nil
}

// conversationOf is whom an input or output concerns; empty: no conversation.
func conversationOf(v any) string {
	switch o := v.(type) {
	case agent.Enqueue:
		return o.ConversationID
	case agent.OfferTo:
		return o.ConversationID
	case agent.OfferCreated:
		return o.Offer.ConversationID
	case agent.OfferEnded:
		return o.Offer.ConversationID
	case agent.TakenOver:
		return o.Offer.ConversationID
	case agent.WorkStateChanged:
		return o.Work.ConversationID
	case agent.EntryQueued:
		return o.Entry.ConversationID
	case agent.PositionChanged:
		return o.ConversationID
	case agent.Overflowed:
		return o.Entry.ConversationID
	}
	return ""
}

// codes are the errors that keep their identity between nodes.
var codes = map[string]error{
	"not_found": account.ErrNotFound, "state": account.ErrState, "forbidden": account.ErrForbidden, "busy": account.ErrBusy, "unavailable": account.ErrUnavailable,
	"ended": ErrEnded, "part_over": errPartOver, "not_leader": ErrNotLeader, "no_leader": ErrNoLeader, "away": ErrAway, "stopped": ErrStopped, "item": ErrItem,
	"omni.move": omni.ErrMove, "call.state": call.ErrState,
	"agent.unknown": agent.ErrUnknownAgent, "queue.unknown": agent.ErrUnknownQueue, "offer.unknown": agent.ErrUnknownOffer,
	"work.none": agent.ErrNoWork, "work.transition": agent.ErrTransition, "capacity": agent.ErrCapacity,
	"extensions": agent.ErrExtensions, "input": agent.ErrBadInput, "not_queued": agent.ErrNotQueued,
}

// fault is an error on its way to another node; nil: none.
type fault struct {
	Codes []string            `json:"codes,omitempty"`
	Text  string              `json:"text"`
	Field *account.FieldError `json:"field,omitempty"`
}

func encodeError(err error) *fault {
	if err == nil {
		return nil
	}
	f := &fault{Text: err.Error()}
	errors.As(err, &f.Field)
	for code, known := range codes {
		if errors.Is(err, known) {
			f.Codes = append(f.Codes, code)
		}
	}
	return f
}

// err gives the error back; errors.Is and errors.As find in it what they found
// on the other node.
func (f *fault) err() error {
	if f == nil {
		return nil
	}
	e := &remoteError{text: f.Text}
	for _, code := range f.Codes {
		if known := codes[code]; known != nil {
			e.is = append(e.is, known)
		}
	}
	if f.Field != nil {
		e.is = append(e.is, f.Field)
	}
	return e
}

// remoteError is an error of another node.
type remoteError struct {
	text string
	is   []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.is }
