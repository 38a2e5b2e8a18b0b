// Package sip is the signalling of a contact centre: lines (trunks) with and
// without registration, a registrar for desk phones, and dialogs as user agent
// server and client (RFC 3261 with 6026 transactions, 3262 PRACK, 3311 UPDATE,
// 3264 offer/answer order, 3581 symmetric responses, 4028 session timers,
// 7616/8760 digest, 2976 and 6086 INFO digits).
//
// Message syntax (parser, headers, URIs) is sipgo's. Sockets, transactions and
// dialogs are ours: every goroutine has an owner that waits for it, a packet of
// an unknown source is dropped before it is parsed, nothing is kept per source
// address, and timers follow a clock that tests can fake.
//
// One goroutine owns a dialog and its timers; everything that happens to a
// dialog passes through its mailbox. Session descriptions are opaque bytes:
// this package does not know SDP, codecs or audio, and it does not know
// queues, agents or flows.
package sip
