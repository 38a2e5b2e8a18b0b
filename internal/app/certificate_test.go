package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificateFor makes a certificate that signs itself, with its key, both PEM.
func certificateFor(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &tpl, &tpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: priv})
}

// shown is the name in the certificate that a server shows.
func shown(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(ours, cfg).Handshake() }()
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestRenewedCertificate: renewed files are shown without a restart; halves of a
// renewal and nonsense leave the former certificate in place.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	when := time.Now()
	write := func(file string, content []byte) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		when = when.Add(time.Second) // coarse file systems
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	oldCert, oldKey := certificateFor(t, "old")
	newCert, newKey := certificateFor(t, "new")
	write(certFile, oldCert)
	write(keyFile, oldKey)
	var log bytes.Buffer
	c, err := openCertificate("https", certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file    string
		content []byte
		want    string
		said    string
	}{
		{certFile, newCert, "old", "cannot be used"}, // its key is not there yet
		{keyFile, newKey, "new", "taken over"},
		{certFile, []byte("nonsense"), "new", "cannot be used"},
		{certFile, newCert, "new", "taken over"},
	} {
		log.Reset()
		write(step.file, step.content)
		c.look()
		if got := shown(t, c.TLS()); got != step.want {
			t.Errorf("the certificate of %q is shown, not of %q", got, step.want)
		}
		if !strings.Contains(log.String(), step.said) {
			t.Errorf("log %q lacks %q", log.String(), step.said)
		}
		log.Reset()
		if c.look(); log.Len() > 0 {
			t.Errorf("unchanged files are read again: %s", log.String())
		}
	}
	if _, err := openCertificate("sip", certFile, filepath.Join(dir, "none"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "sip certificate") {
		t.Errorf("without a key: %v", err)
	}
}
