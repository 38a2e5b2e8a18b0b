// Package call joins signalling to media: legs (SIP and browser alike), and
// calls, which are one room with a customer's leg, what is played to it, the
// people bridged to it and the recording.
//
// It negotiates session descriptions (RFC 3264, with media/sdp), merges digits
// from RFC 4733, INFO, tones and browsers, and says why a leg ended. It does not
// know conversations, queues, agents or flows: internal/journey does, and
// drives this package by the methods of Control, Leg and Call.
package call
