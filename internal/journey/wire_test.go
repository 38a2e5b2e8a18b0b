package journey

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
)

var wireTime = time.Date(2026, 3, 2, 9, 0, 0, 123000, time.UTC)

// filled gives a value of a type with something in every field that JSON can
// carry, so that a field that is lost on the way shows.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(wireTime))
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Type != reflect.TypeFor[agent.At]() {
				v.Field(i).Set(filled(f.Type))
			}
		}
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(t.Elem()))
	case t.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(filled(t.Key()), filled(t.Elem()))
	case t.Kind() == reflect.String:
		v.SetString("x")
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.CanFloat():
		v.SetFloat(7)
	}
	return v
}

// Every input and output comes to another node as it was; inputs get the time at
// which they are applied there.
func TestInputsAndOutputsTravel(t *testing.T) {
	for name, typ := range inputTypes {
		sent := filled(typ).Interface()
		in, err := decodeInput(encodeItem(sent))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, at := range []time.Time{wireTime, wireTime.Add(time.Second)} {
			want := reflect.New(typ).Elem()
			want.Set(reflect.ValueOf(sent))
			want.FieldByName("At").Set(reflect.ValueOf(agent.At(at)))
			if got := in(agent.At(at)); !reflect.DeepEqual(got, want.Interface()) {
				t.Errorf("%s came as %+v, want %+v", name, got, want)
			}
		}
	}
	for name, typ := range outputTypes {
		sent := filled(typ).Interface()
		got, err := decodeOutput(encodeItem(sent))
		if err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("%s came as %+v, want %+v, %v", name, got, sent, err)
		}
		if conversationOf(got) != "x" {
			t.Errorf("%s has lost its conversation", name)
		}
	}
}

// Errors keep what callers look for in them.
func TestErrorsTravel(t *testing.T) {
	field := &account.FieldError{Field: "code", Code: "required", Message: "a code"}
	for _, sent := range []error{
		deskError(fmt.Errorf("accept: %w", agent.ErrUnknownOffer)), fmt.Errorf("%w: nothing", account.ErrState),
		fmt.Errorf("wrap-up: %w", field), errors.New("something inside"), ErrNotLeader,
	} {
		got := encodeError(sent).err()
		if got.Error() != sent.Error() {
			t.Errorf("%q came as %q", sent, got)
		}
		for code, known := range codes {
			if errors.Is(got, known) != errors.Is(sent, known) {
				t.Errorf("%q: %s got lost or was added", sent, code)
			}
		}
		var f *account.FieldError
		if errors.As(sent, &f) {
			if f = nil; !errors.As(got, &f) || *f != *field {
				t.Errorf("the field came as %+v", f)
			}
		}
	}
	if encodeError(nil).err() != nil {
		t.Error("no error came as one")
	}
}

// What another node sends is outside bytes: it is read or refused.
func FuzzItems(f *testing.F) {
	for _, types := range []map[string]reflect.Type{inputTypes, outputTypes} {
		for _, typ := range types {
			it := encodeItem(filled(typ).Interface())
			f.Add(it.Kind, []byte(it.Data))
		}
	}
	f.Add("Restore", []byte("{}"))
	f.Add("Enqueue", []byte(`{"EnteredAt":"yesterday"}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		if in, err := decodeInput(item{kind, data}); err == nil {
			again, err := decodeInput(encodeItem(in(agent.At{})))
			if err != nil || !reflect.DeepEqual(again(agent.At{}), in(agent.At{})) {
				t.Errorf("%s %s: round trip gave %v", kind, data, err)
			}
		} else if !errors.Is(err, ErrItem) {
			t.Errorf("refused with %v", err)
		}
		if _, err := decodeOutput(item{kind, data}); err != nil && !errors.Is(err, ErrItem) {
			t.Errorf("refused with %v", err)
		}
	})
}
