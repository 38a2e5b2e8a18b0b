package webrtc

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/pion/dtls/v3"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/openhotline/hotline/media/rtp"
)

// profiles are the SRTP protections that we offer, best first: GCM costs a
// third of AES-CM with HMAC-SHA1.
var profiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

// replayWindow is how many packets back a repetition is recognised (RFC 3711
// §3.3.2 asks for 64 at least).
const replayWindow = 128

// tagRoom is what SRTP and SRTCP add to a packet at most (RFC 7714, 3711).
const tagRoom = 16 + 4

// session is the SRTP of a connection (RFC 3711), with the keys of its DTLS
// (RFC 5764). Both directions are safe for concurrent use; their locks are leaf
// locks.
type session struct {
	inMu     sync.Mutex
	in       *srtp.Context
	inHeader pion.Header

	outMu     sync.Mutex
	out       *srtp.Context
	outHeader pion.Header
	sealed    rtp.Numbers // pion does not look for repetitions of its own
}

// newSession takes the keys from a DTLS connection that is up.
func newSession(conn *dtls.Conn, client bool) (*session, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, fmt.Errorf("%w: no SRTP protection agreed", errHandshake)
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, fmt.Errorf("%w: no state", errHandshake)
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return nil, fmt.Errorf("%w: keys: %w", errHandshake, err)
	}
	return keyed(cfg)
}

// keyed makes a session of the keys in cfg.
func keyed(cfg srtp.Config) (s *session, err error) {
	s = &session{}
	s.in, err = srtp.CreateContext(cfg.Keys.RemoteMasterKey, cfg.Keys.RemoteMasterSalt, cfg.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("%w: keys: %w", errHandshake, err)
	}
	if s.out, err = srtp.CreateContext(cfg.Keys.LocalMasterKey, cfg.Keys.LocalMasterSalt, cfg.Profile); err != nil {
		return nil, fmt.Errorf("%w: keys: %w", errHandshake, err)
	}
	return s, nil
}

// openRTP decrypts a packet in its place; false when it is forged, repeated or
// damaged.
func (s *session) openRTP(b []byte) ([]byte, bool) {
	s.inMu.Lock()
	defer s.inMu.Unlock()
	b, err := s.in.DecryptRTP(b, b, &s.inHeader)
	return b, err == nil
}

// openRTCP decrypts a compound packet in its place.
func (s *session) openRTCP(b []byte) ([]byte, bool) {
	s.inMu.Lock()
	defer s.inMu.Unlock()
	b, err := s.in.DecryptRTCP(b, b, nil)
	return b, err == nil
}

// sealRTP encrypts a packet in its place, for which b has tagRoom behind it. A
// number is sealed once: a second packet under it would give the key stream
// away (RFC 3711 §9.1, RFC 7714 §8.4). All packets are of one SSRC.
func (s *session) sealRTP(b []byte) ([]byte, bool) {
	if len(b) < headerSize {
		return nil, false
	}
	s.outMu.Lock()
	defer s.outMu.Unlock()
	if !s.sealed.Take(binary.BigEndian.Uint16(b[2:])) {
		return nil, false
	}
	b, err := s.out.EncryptRTP(b, b, &s.outHeader)
	return b, err == nil
}

// sealRTCP encrypts a compound packet in its place, likewise.
func (s *session) sealRTCP(b []byte) ([]byte, bool) {
	s.outMu.Lock()
	defer s.outMu.Unlock()
	b, err := s.out.EncryptRTCP(b, b, nil)
	return b, err == nil
}
