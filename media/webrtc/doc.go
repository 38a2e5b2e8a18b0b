// Package webrtc is the browser's leg of a call: ICE with trickle (RFC 8445,
// 8838), DTLS-SRTP (RFC 5764), audio and RFC 4733 digits, over one UDP port for
// all browsers. The browser always offers and we answer (RFC 9429): by default
// the line's G.711 codec both ways, so that packets can be relayed; where the
// call is transcribed, Opus towards us and G.711 towards the browser.
//
// It puts pion's ICE, DTLS and SRTP together and is their only user. Once a
// browser's address is known, its packets go past pion's connections: from the
// socket they are decrypted in place, relayed, encrypted and queued for one
// system call per sweep, in the goroutine that has read them.
//
// It knows sessions of one audio track; it does not know calls, rooms or agents,
// and signalling is opaque JSON that somebody else carries.
package webrtc
