package rtp

// Numbers are the sequence numbers of a stream that we send: none is used
// twice, which SRTP depends on (RFC 3711 §9.1). The zero value begins with the
// first number taken. It is not safe for concurrent use.
type Numbers struct {
	begun  bool
	newest uint16
	used   [2]uint64 // bit i: newest-i was used or is given up
}

// numbersKept is how far behind the newest a number can still be used.
const numbersKept = 128

// Begin makes the stream start behind seq.
func (n *Numbers) Begin(seq uint16) {
	n.begun, n.newest = true, seq
	n.Spend()
}

// Spend gives up what is left between the numbers used so far.
func (n *Numbers) Spend() { n.used = [2]uint64{^uint64(0), ^uint64(0)} }

// Newest is the number in front.
func (n *Numbers) Newest() uint16 { return n.newest }

// Next uses the number behind the newest.
func (n *Numbers) Next() uint16 {
	n.Take(n.newest + 1)
	return n.newest
}

// Take uses a number; false when it was used before or is too far behind to
// know.
func (n *Numbers) Take(seq uint16) bool {
	if !n.begun {
		n.Begin(seq)
		return true
	}
	ahead := int(int16(seq - n.newest))
	switch {
	case ahead >= numbersKept:
		n.used = [2]uint64{1, 0}
	case ahead >= 64:
		n.used[1], n.used[0] = n.used[0]<<(ahead-64), 1
	case ahead > 0:
		n.used[1] = n.used[1]<<ahead | n.used[0]>>(64-ahead)
		n.used[0] = n.used[0]<<ahead | 1
	case -ahead >= numbersKept:
		return false
	default:
		word, bit := &n.used[-ahead/64], uint64(1)<<(-ahead%64)
		if *word&bit != 0 {
			return false
		}
		*word |= bit
		return true
	}
	n.newest = seq
	return true
}
