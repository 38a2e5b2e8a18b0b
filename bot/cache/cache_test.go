package cache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func folder(t *testing.T, limit int64) *Folder {
	t.Helper()
	f, err := Open(filepath.Join(t.TempDir(), "models"), limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func keyOf(text string) Key {
	var s Sum
	s.Text(text)
	return s.Key()
}

func TestKeepsWhatWasSaved(t *testing.T) {
	t.Parallel()
	f := folder(t, 0)
	if _, ok := f.Load("model", keyOf("a")); ok {
		t.Fatal("an empty folder has something")
	}
	f.Save("model", keyOf("a"), []byte("content"))
	if got, ok := f.Load("model", keyOf("a")); !ok || string(got) != "content" {
		t.Fatalf("got %q, %v", got, ok)
	}
	if _, ok := f.Load("model", keyOf("b")); ok {
		t.Error("another key gives the same")
	}
	if _, ok := f.Load("index", keyOf("a")); ok {
		t.Error("another kind gives the same")
	}
	var none *Folder
	none.Save("model", keyOf("a"), nil)
	none.Drop("model", keyOf("a"))
	if _, ok := none.Load("model", keyOf("a")); ok {
		t.Error("no folder has something")
	}
}

// What is not whole is not given out, and removed.
func TestDropsWhatIsDamaged(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("weights "), 100)
	tests := []struct {
		name   string
		damage func(whole []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"cut in the header", func(b []byte) []byte { return b[:20] }},
		{"cut in the content", func(b []byte) []byte { return b[:len(b)-1] }},
		{"too long", func(b []byte) []byte { return append(b, 0) }},
		{"a bit changed in the content", func(b []byte) []byte { b[len(b)-5] ^= 1; return b }},
		{"a bit changed in the hash", func(b []byte) []byte { b[len(magic)+8] ^= 1; return b }},
		{"a bit changed in the length", func(b []byte) []byte { b[len(magic)] ^= 1; return b }},
		{"made of something else", func(b []byte) []byte { b[headerSize-1] ^= 1; return b }},
		{"of another version", func(b []byte) []byte { b[len(magic)-1]++; return b }},
		{"a foreign file", func([]byte) []byte { return bytes.Repeat([]byte("GIF89a"), 50) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, key := folder(t, 0), keyOf(tt.name)
			f.Save("model", key, content)
			path := f.path("model", key)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tt.damage(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, ok := f.Load("model", key); ok {
				t.Fatalf("gives %d bytes", len(got))
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("is still there: %v", err)
			}
			f.Save("model", key, content)
			if got, ok := f.Load("model", key); !ok || !bytes.Equal(got, content) {
				t.Error("cannot be saved anew")
			}
		})
	}
}

func TestForgetsWhatWasNotUsedForLongest(t *testing.T) {
	t.Parallel()
	content := make([]byte, 1000)
	f := folder(t, 3*int64(headerSize+len(content)))
	for i := range 3 {
		key := keyOf(fmt.Sprint(i))
		f.Save("model", key, content)
		at := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(f.path("model", key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	old := filepath.Join(f.dir, "1234"+unfinished)
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * forgotten)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	f.Load("model", keyOf("0")) // used again: now 1 is the oldest
	f.Save("model", keyOf("new"), content)
	var left []string
	for _, k := range []string{"0", "1", "2", "new"} {
		if _, ok := f.Load("model", keyOf(k)); ok {
			left = append(left, k)
		}
	}
	if !slices.Equal(left, []string{"0", "2", "new"}) {
		t.Errorf("left are %v", left)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was never finished is still there: %v", err)
	}
}

// Writers and readers of one file at once: it is whole or not there.
func TestWritersDoNotMeet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := keyOf("shared")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			f, err := Open(dir, 0, nil) // as another process would
			if err != nil {
				t.Error(err)
				return
			}
			content := bytes.Repeat([]byte{byte(w)}, 100_000)
			for range 20 {
				f.Save("model", key, content)
				got, ok := f.Load("model", key)
				if !ok || len(got) != len(content) || bytes.Count(got, got[:1]) != len(got) {
					t.Errorf("got %d bytes, %v", len(got), ok)
				}
			}
		})
	}
	wg.Wait()
}

func TestSaysWhenAFolderCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "models"), 0, nil); err == nil {
		t.Error("no error")
	}
}

func TestSumTellsPiecesApart(t *testing.T) {
	t.Parallel()
	var a, b Sum
	a.Text("ab")
	a.Text("c")
	b.Text("a")
	b.Text("bc")
	if a.Key() == b.Key() {
		t.Error("ab+c is a+bc")
	}
}

func written() []byte {
	var w Writer
	w.Int(7)
	w.Float(-1.5)
	w.Text("退款")
	w.Raw([]byte{1, 2})
	w.Texts([]string{"a", ""})
	w.Floats([]float32{1, 2})
	w.Words([]uint64{1 << 63})
	w.Ints([]uint32{9})
	return w.Bytes
}

// taken reads as written and returns all values as one text.
func taken(content []byte) (string, error) {
	r := NewReader(content)
	s := fmt.Sprintln(r.Int(), r.Float(), r.Text(), r.Raw(), r.Texts(), r.Floats(), r.Words(), r.Ints())
	return s, r.Err()
}

func FuzzReader(f *testing.F) {
	f.Add(written())
	f.Add([]byte{255, 255, 255, 255})
	want, err := taken(written())
	if err != nil || want != "7 -1.5 退款 [1 2] [a ] [1 2] [9223372036854775808] [9]\n" {
		f.Fatalf("%s, %v", want, err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := taken(content)
		if err == nil && len(content) == len(written()) && s == want && !bytes.Equal(content, written()) {
			t.Fatalf("%v reads as %s", content, s)
		}
		if _, err := taken(append(slices.Clone(content), 0)); err == nil && len(content) > 0 {
			if _, shorter := taken(content); shorter == nil {
				t.Fatal("bytes that are left over are not noticed")
			}
		}
	})
}
