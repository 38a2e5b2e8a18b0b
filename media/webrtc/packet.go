package webrtc

import "encoding/binary"

// packet is what we need of an RTP packet (RFC 3550 §5.1).
type packet struct {
	payloadType uint8
	marker      bool
	seq         uint16
	timestamp   uint32
	ssrc        uint32
	payload     []byte
}

// parse reads an RTP packet; the payload is a part of b.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return packet{}, false
	}
	p = packet{
		payloadType: b[1] & 0x7F, marker: b[1]&0x80 != 0, seq: binary.BigEndian.Uint16(b[2:]),
		timestamp: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
	}
	at := 12 + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 { // header extension
		if len(b) < at+4 {
			return packet{}, false
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 { // padding
		end -= int(b[len(b)-1])
	}
	if at > end || end == len(b) && b[0]&0x20 != 0 {
		return packet{}, false
	}
	p.payload = b[at:end]
	return p, true
}
