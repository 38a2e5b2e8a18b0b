package sip

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func FuzzInfoDigit(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=160\r\n"))
	f.Add("application/dtmf-relay;charset=x", []byte("signal = 12\nDuration=999999\n"))
	f.Add("application/dtmf", []byte("#"))
	f.Add("text/plain", []byte(""))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		digit, d, err := parseInfoDigit(kind, body)
		if err != nil {
			return
		}
		if !strings.ContainsRune("0123456789*#ABCD", rune(digit)) || d < minDigit || d > maxDigit {
			t.Fatalf("%q %s", digit, d)
		}
	})
}

func FuzzSessionExpires(f *testing.F) {
	for _, s := range []string{"1800", "90;refresher=uac", " 3600 ; refresher=UAS", "0", "-1", "99999999999", "90;refresher=me"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, refresher, err := parseSessionExpires(s)
		if err != nil {
			return
		}
		again := seconds(d)
		if refresher != "" {
			again += ";refresher=" + refresher
		}
		d2, r2, err := parseSessionExpires(again)
		if err != nil || d2 != d || r2 != refresher || d <= 0 {
			t.Fatalf("%q: %s %q, then %s %q %v", s, d, refresher, d2, r2, err)
		}
	})
}

func FuzzRAck(f *testing.F) {
	for _, s := range []string{"1 2 INVITE", "4294967295 0 X", "a b c", "1 2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, b, m, err := parseRAck(s)
		if err != nil {
			return
		}
		a2, b2, m2, err := parseRAck(itoa(a) + " " + itoa(b) + " " + m)
		if err != nil || a2 != a || b2 != b || m2 != m {
			t.Fatalf("%q", s)
		}
	})
}

// FuzzNameAddr: what our check lets through, sipgo parses without a panic, and
// what we write of it parses again to the same.
func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{
		`"Zoë \"Z\"" <sip:a@b;x=y>;tag=1`, `sip:a@b;tag=1`, `*`, `Doe, Jane <sip:a@b>`, `<sip:a@b`, `"x <sip:a@b>`,
		`J Rosenberg <sip:a@[::1]:5060;transport=tcp>;q=0.3`, `<tel:+4412345>`, `A <sip:%00@b> ; tag = 98`, `<>`, `<sip:a@b?Route=%3Cx%3E>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\r\n") {
			return // a header value has no line end
		}
		text := tidy(s, ";=,")
		if checkNameAddr(text) != nil {
			return
		}
		var u sipgo.Uri
		var params sipgo.HeaderParams
		name, err := sipgo.ParseAddressValue(text, &u, &params)
		if err != nil || badAddress(&u) {
			return
		}
		h := &sipgo.FromHeader{DisplayName: quoted(unquoted(name)), Address: u}
		var u2 sipgo.Uri
		var p2 sipgo.HeaderParams
		if strings.ContainsAny(u.String(), " \t<>\"") {
			return
		}
		name2, err := sipgo.ParseAddressValue(h.Value(), &u2, &p2)
		if err != nil || unquoted(name2) != unquoted(quoted(unquoted(name))) {
			t.Fatalf("%q: wrote %q, read back %q: %v", s, h.Value(), name2, err)
		}
	})
}

func FuzzSplitList(f *testing.F) {
	for _, s := range []string{"a, b,c", `"a,b" <sip:x,y@z>, c`, `"`, "<,", ",,,", `"\`, "a>,b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts := splitList(s)
		total := 0
		for _, p := range parts {
			total += len(p)
		}
		if total > len(s) || slices.Contains(parts, "") {
			t.Fatalf("%q: %q", s, parts)
		}
	})
}

func FuzzPersisted(f *testing.F) {
	f.Add([]byte(`{"v":1,"call_id":"c","local_tag":"l","remote_tag":"r","local_uri":"sip:a@b","remote_uri":"sip:c@d","local_seq":1,"target":"sip:x@10.0.0.1","routes":["sip:r;lr"],"network":"UDP","address":"10.0.0.1:5060"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"v":1,"routes":["\r\n"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _, err := parsePersisted(b)
		if err != nil {
			return
		}
		for _, m := range []sipgo.RequestMethod{sipgo.BYE, sipgo.INVITE} {
			data := wire(l.request(m, 0))
			if bytes.Count(data, []byte("\r\n\r\n")) != 1 || !bytes.HasSuffix(data, []byte("\r\n\r\n")) {
				t.Fatalf("%q", data)
			}
		}
	})
}

// FuzzReceive gives an endpoint any bytes, as from a line.
func FuzzReceive(f *testing.F) {
	files, _ := filepath.Glob("testdata/torture/*.dat")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	n := newFakeNet()
	e, err := New(Config{
		UDP: endpointAddr, listenPacket: n.listen, T1: time.Millisecond, T2: time.Millisecond, T4: time.Millisecond,
	}, handlerFunc(func(d *Dialog) { go func() { _ = d.Reject(486, "") }() }), nil)
	if err != nil {
		f.Fatal(err)
	}
	if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}}}); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	<-e.Ready()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Errorf("Run: %v", err)
		}
	})
	from := hop{network: viaUDP, addr: netip.MustParseAddrPort("10.0.0.2:5060")}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := e.net.parser.ParseSIP(b)
		if err != nil {
			if answer := e.broken(b, from); answer != nil && !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
				t.Fatalf("%q", answer)
			}
			return
		}
		e.receive(m, from)
	})
}
