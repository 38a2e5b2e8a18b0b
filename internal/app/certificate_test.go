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
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificateFor makes a certificate that signs itself and holds for some days, with
// its key, both PEM.
func certificateFor(t *testing.T, name string, days int) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().AddDate(0, 0, days)}
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
	oldCert, oldKey := certificateFor(t, "old", 30)
	newCert, newKey := certificateFor(t, "new", 30)
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
	// A key that can be read only later, without being written again.
	laterCert, laterKey := certificateFor(t, "later", 6)
	aside := filepath.Join(dir, "aside.pem")
	write(aside, laterKey)
	if err := errors.Join(os.Remove(keyFile), os.Symlink(filepath.Join(dir, "absent"), keyFile)); err != nil {
		t.Fatal(err)
	}
	write(certFile, laterCert)
	c.look()
	c.look()
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("said %d times that it cannot be used", n)
	}
	if err := os.Rename(aside, filepath.Join(dir, "absent")); err != nil {
		t.Fatal(err)
	}
	if c.look(); shown(t, c.TLS()) != "later" {
		t.Error("what can be read now is not taken over")
	}
	c.look()
	if n := strings.Count(log.String(), "ends soon"); n != 1 {
		t.Errorf("warned %d times of the end in six days", n)
	}
	if _, err := openCertificate("sip", certFile, filepath.Join(dir, "none"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "sip certificate") {
		t.Errorf("without a key: %v", err)
	}
}
