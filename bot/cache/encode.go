package cache

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrDamaged is returned by Reader.Err when the bytes end early, go on, or say
// what cannot be.
var ErrDamaged = errors.New("cache: damaged content")

// Writer appends values; a Reader takes them in the same order. Numbers are
// little-endian, lists begin with their length.
type Writer struct{ Bytes []byte }

// Int appends a number from 0 to 2³²−1.
func (w *Writer) Int(n int) { w.Bytes = binary.LittleEndian.AppendUint32(w.Bytes, uint32(n)) }

// Float appends a number.
func (w *Writer) Float(v float64) {
	w.Bytes = binary.LittleEndian.AppendUint64(w.Bytes, math.Float64bits(v))
}

// Text appends a text.
func (w *Writer) Text(s string) {
	w.Int(len(s))
	w.Bytes = append(w.Bytes, s...)
}

// Raw appends bytes.
func (w *Writer) Raw(b []byte) {
	w.Int(len(b))
	w.Bytes = append(w.Bytes, b...)
}

// Texts appends a list of texts.
func (w *Writer) Texts(list []string) {
	w.Int(len(list))
	for _, s := range list {
		w.Text(s)
	}
}

// Floats appends a list of numbers in 32 bits.
func (w *Writer) Floats(list []float32) {
	w.Int(len(list))
	for _, v := range list {
		w.Bytes = binary.LittleEndian.AppendUint32(w.Bytes, math.Float32bits(v))
	}
}

// Words appends a list of 64-bit words.
func (w *Writer) Words(list []uint64) {
	w.Int(len(list))
	for _, v := range list {
		w.Bytes = binary.LittleEndian.AppendUint64(w.Bytes, v)
	}
}

// Ints appends a list of numbers from 0 to 2³²−1.
func (w *Writer) Ints(list []uint32) {
	w.Int(len(list))
	for _, v := range list {
		w.Bytes = binary.LittleEndian.AppendUint32(w.Bytes, v)
	}
}

// Reader takes values from bytes. After a fault every value is zero and Err
// tells it. A list never takes more memory than a few times its bytes.
type Reader struct {
	rest []byte
	bad  bool
}

// NewReader reads what a Writer wrote.
func NewReader(content []byte) *Reader { return &Reader{rest: content} }

// Err returns ErrDamaged after a fault or where bytes are left over.
func (r *Reader) Err() error {
	if r.bad || len(r.rest) > 0 {
		return ErrDamaged
	}
	return nil
}

// More tells that something is left to take.
func (r *Reader) More() bool { return len(r.rest) > 0 }

// Fail marks the content as damaged, for a value that cannot be.
func (r *Reader) Fail() { r.bad, r.rest = true, nil }

// take returns the next n bytes, or nil.
func (r *Reader) take(n int) []byte {
	if n > len(r.rest) {
		r.Fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Int takes a number.
func (r *Reader) Int() int {
	if b := r.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// Float takes a number.
func (r *Reader) Float() float64 {
	if b := r.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// Text takes a text.
func (r *Reader) Text() string { return string(r.Raw()) }

// Raw takes bytes; they stay part of the content.
func (r *Reader) Raw() []byte { return r.take(r.Int()) }

// Texts takes a list of texts.
func (r *Reader) Texts() []string {
	list := make([]string, r.length(4))
	for i := range list {
		list[i] = r.Text()
	}
	return list
}

// Floats takes a list of numbers.
func (r *Reader) Floats() []float32 {
	list := make([]float32, r.length(4))
	b := r.take(4 * len(list))
	for i := range list {
		list[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return list
}

// Words takes a list of 64-bit words.
func (r *Reader) Words() []uint64 {
	list := make([]uint64, r.length(8))
	b := r.take(8 * len(list))
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return list
}

// Ints takes a list of numbers.
func (r *Reader) Ints() []uint32 {
	list := make([]uint32, r.length(4))
	b := r.take(4 * len(list))
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return list
}

// length takes the length of a list whose elements take at least size bytes.
func (r *Reader) length(size int) int {
	n := r.Int()
	if n > len(r.rest)/size {
		r.Fail()
		return 0
	}
	return n
}
