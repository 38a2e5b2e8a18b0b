package sip

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What becomes of the messages of RFC 4475: a status, or one of these.
const (
	dropped = 0
	taken   = 1 // an INVITE that becomes a call
)

var torture = map[string]struct {
	want int
	why  string
}{
	// §3.1.1, valid.
	"wsinv":      {481, "To has a tag, so it belongs to a dialog we do not have"},
	"intmeth":    {501, "unknown method"},
	"esc01":      {taken, ""},
	"escnull":    {401, "registration without credentials"},
	"esc02":      {501, "RE%47IST%45R is not REGISTER"},
	"lwsdisp":    {200, ""},
	"longreq":    {taken, ""},
	"dblreq":     {401, "only the first message of the datagram counts"},
	"semiuri":    {200, ""},
	"transports": {200, ""},
	"mpart01":    {405, "MESSAGE is known and not offered"},
	"unreason":   {dropped, "a response to nothing"},
	"noreason":   {dropped, "a response to nothing"},
	// §3.1.2, invalid.
	"badinv01":   {400, "Via and Contact end in separators"},
	"clerr":      {400, "Content-Length beyond the datagram"},
	"ncl":        {400, "negative Content-Length"},
	"scalar02":   {400, "numbers out of range"},
	"scalarlg":   {dropped, "a response with numbers out of range"},
	"quotbal":    {400, "quote not closed"},
	"ltgtruri":   {400, "Request-URI in brackets"},
	"lwsruri":    {400, "space in the Request-URI"},
	"lwsstart":   {400, "more than one space in the request line"},
	"trws":       {400, "space behind the request line"},
	"escruri":    {400, "header fields in the Request-URI"},
	"baddate":    {taken, "Date is not used, so its zone may be wrong"},
	"regbadct":   {400, "Contact with header fields outside brackets"},
	"badaspec":   {400, "spaces inside the brackets"},
	"baddn":      {400, "display name with a comma needs quotes"},
	"badvers":    {505, ""},
	"mismatch01": {400, "CSeq names another method"},
	"mismatch02": {400, "CSeq names another method"},
	"bigcode":    {dropped, "a response with status 4294967301"},
	// §3.2 to §3.4.
	"badbranch": {400, "a branch that is nothing but the cookie"},
	"insuf":     {400, "Call-ID, From and To are missing"},
	"unkscm":    {416, ""},
	"novelsc":   {416, ""},
	"unksm2":    {404, "To is no address of ours"},
	"bext01":    {420, ""},
	"invut":     {415, ""},
	"regaut01":  {401, "unknown authentication scheme"},
	"multi01":   {400, "several From, To, Call-ID and CSeq"},
	"mcl01":     {400, "two values of Content-Length"},
	"bcast":     {dropped, "a response with two Via"},
	"zeromf":    {483, ""},
	"cparam01":  {401, "registration without credentials"},
	"cparam02":  {401, "registration without credentials"},
	"regescrt":  {401, "registration without credentials"},
	"sdp01":     {406, ""},
	"inv2543":   {taken, "RFC 2543: no branch, no From tag, no Contact"},
	"test":      {dropped, "no Via: nobody to answer"},
}

func TestTorture(t *testing.T) {
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) != len(torture) {
		t.Fatalf("%d files, want %d: %v", len(files), len(torture), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".dat")
		c, ok := torture[name]
		if !ok {
			t.Errorf("%s: no expectation", name)
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newCalls()
				n, _ := newBench(t, Config{}, in, withPhone)
				p := n.peer(t, "10.0.0.2:5060")
				n.inject(viaPort(data), p.conn.addr, netip.MustParseAddrPort(endpointAddr))
				switch got, text := p.outcome(in); {
				case got != c.want:
					t.Errorf("got %d, want %d (%s)\n%s", got, c.want, c.why, text)
				case got == 415 && !strings.Contains(text, "Accept: application/sdp"), // RFC 3261 §21.4.13
					got == 420 && !strings.Contains(text, "Unsupported: nothingSupportsThis"),
					got == 501 && !strings.Contains(text, "Allow: INVITE"):
					t.Errorf("incomplete: %s", text)
				}
				// Whatever came, the endpoint works.
				p.send(p.request("OPTIONS", "alive", "", 1, ""))
				for {
					m, _ := p.read()
					if m.CallID() != nil && m.CallID().Value() == "alive" {
						break
					}
				}
			})
		})
	}
}

// viaPort leaves the message as it is but for the port of the top Via, so that
// the answer comes to our socket whatever port the RFC has written there.
func viaPort(data []byte) []byte {
	for _, old := range []string{":5050;branch", ":5060;branch"} {
		if i := bytes.Index(data, []byte(old)); i > 0 && bytes.Count(data[:i], []byte("Via")) == 1 {
			return append(append(append([]byte(nil), data[:i]...), ";branch"...), data[i+len(old):]...)
		}
	}
	return data
}

// outcome is the status of the next response but 100, or what else happened.
func (p *peer) outcome(in calls) (int, string) {
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	for {
		select {
		case g := <-p.conn.in:
			text := string(g.data)
			if code := statusOf(text); code > 100 {
				return code, text
			}
		case d := <-in:
			go d.Reject(486, "")
			return taken, d.Dialled()
		case <-timer.C:
			return dropped, ""
		}
	}
}

func statusOf(text string) int {
	code := 0
	if !strings.HasPrefix(text, "SIP/2.0 ") || len(text) < 11 {
		return -1
	}
	for _, c := range text[8:11] {
		code = code*10 + int(c-'0')
	}
	return code
}

// TestTortureOverTCP sends every message over a connection of its own.
func TestTortureOverTCP(t *testing.T) {
	in := make(calls, 1024)
	e := start(t, Config{TCP: "127.0.0.1:0"}, in, onLoopback)
	files, _ := filepath.Glob("testdata/torture/*.dat")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c := dialTCP(t, e)
		_, _ = c.Write(data)
		_ = c.Close()
	}
	c := dialTCP(t, e)
	defer func() { _ = c.Close() }()
	_, _ = c.Write(raw("OPTIONS sip:x@127.0.0.1 SIP/2.0\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKalive\nFrom: <sip:a@b>;tag=1\nTo: <sip:x@127.0.0.1>\nCall-ID: alive\nCSeq: 1 OPTIONS\n"))
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil || statusOf(string(buf[:n])) != 200 {
		t.Errorf("%v %q", err, buf[:n])
	}
	for len(in) > 0 {
		_ = (<-in).Reject(486, "")
	}
}
