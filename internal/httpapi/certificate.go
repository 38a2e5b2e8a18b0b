package httpapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The life of a self-made certificate. Browsers refuse more than 398 days.
const (
	certLife   = 365 * 24 * time.Hour
	certRenew  = 30 * 24 * time.Hour // before its end
	certOffset = time.Hour           // clocks of browsers that are behind
)

// Certificate is the self-made certificate of an installation: ECDSA P-256, for
// the names and addresses of this machine, kept in a folder and renewed.
type Certificate struct {
	dir   string
	names []string
	now   func() time.Time
	log   *slog.Logger

	mu   sync.Mutex
	cert *tls.Certificate
}

// NewCertificate loads the certificate in a folder, or makes one. names are
// further names and addresses beside this machine's.
func NewCertificate(dir string, names []string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{dir: dir, names: append(machineNames(), names...), now: now, log: log}
	slices.Sort(c.names)
	c.names = slices.Compact(c.names)
	if c.load() {
		return c, nil
	}
	return c, c.renew()
}

// TLS is the configuration of a server with this certificate.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}
}

// get implements tls.Config.GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cert, nil
}

// Run renews the certificate in time, until ctx ends.
func (c *Certificate) Run(ctx context.Context) error {
	tick := time.NewTicker(6 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if !c.fresh(c.leaf()) {
				if err := c.renew(); err != nil {
					c.log.Error("certificate was not renewed", "error", err)
				}
			}
		}
	}
}

func (c *Certificate) leaf() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cert.Leaf
}

// fresh tells whether a certificate serves for a while and for every name.
func (c *Certificate) fresh(leaf *x509.Certificate) bool {
	if leaf == nil || c.now().Before(leaf.NotBefore) || c.now().Add(certRenew).After(leaf.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(c.names, func(n string) bool { return leaf.VerifyHostname(n) != nil })
}

func (c *Certificate) files() (cert, key string) {
	return filepath.Join(c.dir, "https.crt"), filepath.Join(c.dir, "https.key")
}

func (c *Certificate) load() bool {
	certFile, keyFile := c.files()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil || !c.fresh(pair.Leaf) {
		return false
	}
	c.mu.Lock()
	c.cert = &pair
	c.mu.Unlock()
	return true
}

// renew makes a new certificate and stores it; the key never leaves the folder
// and only its owner may read it.
func (c *Certificate) renew() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	t := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Hotline (self-made)", Organization: []string{"Hotline"}},
		NotBefore: c.now().Add(-certOffset), NotAfter: c.now().Add(certLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, n := range c.names {
		if a, err := netip.ParseAddr(n); err == nil {
			t.IPAddresses = append(t.IPAddresses, a.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	certFile, keyFile := c.files()
	if err := writeWhole(keyFile, keyPEM, 0o600); err != nil {
		return err
	}
	if err := writeWhole(certFile, certPEM, 0o644); err != nil {
		return err
	}
	c.mu.Lock()
	c.cert = &pair
	c.mu.Unlock()
	c.log.Info("certificate made", "file", certFile, "until", t.NotAfter, "names", strings.Join(c.names, " "))
	return nil
}

// writeWhole writes a file beside its place and moves it there.
func writeWhole(name string, data []byte, mode os.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	return nil
}

// machineNames are the names and addresses under which this machine is reached.
func machineNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if h, err := os.Hostname(); err == nil && validHost(h) && !bytes.ContainsAny([]byte(h), "_:") {
		names = append(names, h)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			names = append(names, p.Addr().Unmap().String())
		}
	}
	return names
}
