package nlu

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/openhotline/hotline/bot/cache"
)

// bytesOf is the hash of the desk's model as this version makes it. Whoever
// changes it on purpose raises Version: models in the caches of those who
// upgrade are then trained anew.
const bytesOf = "9cb5698e4f44ef5c"

func TestSameExamplesGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	want := Encode(desktop(t))
	examples := desk()
	slices.Reverse(examples)
	got := Encode(trained(t, append(examples, examples[3]), Config{Concepts: deskConcepts(), Workers: 1}))
	if !bytes.Equal(got, want) {
		t.Fatal("other bytes with the examples in another order and one worker")
	}
	if sum := sha256.Sum256(want); runtime.GOARCH == "amd64" && hex.EncodeToString(sum[:8]) != bytesOf {
		t.Errorf("training makes another model than before (%x): raise Version in encode.go, then change bytesOf", sum[:8])
	}
	other := Encode(trained(t, desk()[1:], Config{Concepts: deskConcepts()}))
	if bytes.Equal(other, want) {
		t.Error("one example less gives the same bytes")
	}
}

func TestDecodedModelSaysTheSame(t *testing.T) {
	t.Parallel()
	m := desktop(t)
	content := Encode(m)
	read, err := Decode(content, deskConcepts())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range desk() {
		if a, b := m.Classify(e.Text), read.Classify(e.Text); a != b {
			t.Fatalf("%q: %+v, was %+v", e.Text, b, a)
		}
		if a, b := m.Scores(e.Text, nil), read.Scores(e.Text, nil); !slices.Equal(a, b) {
			t.Fatalf("%q: %v, was %v", e.Text, b, a)
		}
	}
	if read.ID() != m.ID() || !bytes.Equal(Encode(read), content) {
		t.Error("written again it is another")
	}
}

// FuzzDecode: no bytes make a model that fails in use.
func FuzzDecode(f *testing.F) {
	m, err := Train(f.Context(), []Example{{Text: "a b", Label: "x"}, {Text: "c", Label: "y"}}, Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Encode(m))
	f.Add([]byte{Version, 0, 0, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := Decode(content, nil)
		if err != nil {
			if !errors.Is(err, cache.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		m.Classify("a b c")
		if !bytes.Equal(Encode(m), content) {
			t.Fatal("written again it is another")
		}
	})
}
