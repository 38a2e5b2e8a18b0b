package webrtc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
)

// certificate is what we show in DTLS; descriptions carry its fingerprint
// (RFC 8122), which is all that makes the other side trust it.
type certificate struct {
	tls         tls.Certificate
	fingerprint string // of SHA-256
	expires     time.Time
}

func newCertificate(now time.Time) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("webrtc: certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("webrtc: certificate: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "WebRTC"},
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 1, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("webrtc: certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("webrtc: certificate: %w", err)
	}
	sum, err := fingerprint.Fingerprint(parsed, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("webrtc: certificate: %w", err)
	}
	return &certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed},
		fingerprint: strings.ToUpper(sum), expires: parsed.NotAfter,
	}, nil
}

// fingerprinted is a line of a description.
type fingerprinted struct{ algorithm, value string }

var errFingerprint = errors.New("webrtc: the certificate is not the one of the description")

// verify returns the check of the other side's certificate against the
// fingerprints of its description: one of an algorithm that we know must fit.
func verify(prints []fingerprinted) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 {
			return errFingerprint
		}
		cert, err := x509.ParseCertificate(raw[0])
		if err != nil {
			return fmt.Errorf("%w: %w", errFingerprint, err)
		}
		for _, p := range prints {
			hash, err := fingerprint.HashFromString(p.algorithm)
			if err != nil || hash == crypto.MD5 || hash == crypto.SHA1 {
				continue
			}
			if value, err := fingerprint.Fingerprint(cert, hash); err == nil && strings.EqualFold(value, p.value) {
				return nil
			}
		}
		return errFingerprint
	}
}
