package sip

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// leg is a dialog in the sense of RFC 3261 §12: identity, sequence numbers,
// remote target and route set. An INVITE that forks has one for each branch.
type leg struct {
	callID              string
	localTag, remoteTag string
	localURI, remoteURI sipgo.Uri
	localName           string
	remoteName          string
	localSeq, remoteSeq uint32
	target              sipgo.Uri
	routes              []sipgo.Uri
	secure              bool // sips: our Contact is sips, too
	flow                hop  // where the other side was heard or reached first
	keepFlow            bool // send there whatever Contact says: a phone behind NAT
	lastProvisional     uint32
	provisionalSeen     bool
	reliableAnswerSeen  bool   // a reliable provisional response had a description
	offerAnswered       bool   // its offer was answered in PRACK
	answer              []byte // from a provisional response
}

// clone is a leg for another branch of a fork.
func (l *leg) clone() *leg {
	c := *l
	c.routes = slices.Clone(l.routes)
	c.lastProvisional, c.provisionalSeen, c.reliableAnswerSeen, c.offerAnswered, c.answer = 0, false, false, false, nil
	return &c
}

// request builds a request within the dialog (RFC 3261 §12.2.1.1). Every method
// but ACK takes a new sequence number; ACK is given the one of its INVITE.
func (l *leg) request(method sipgo.RequestMethod, seq uint32) *sipgo.Request {
	if seq == 0 {
		l.localSeq++
		seq = l.localSeq
	}
	recipient, routes := *l.target.Clone(), slices.Clone(l.routes)
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") {
		// A strict router: RFC 3261 §12.2.1.1 puts it into the Request-URI.
		next := *routes[0].Clone()
		routes = append(routes[1:], recipient)
		recipient = next
		recipient.Headers = nil
		recipient.UriParams.Remove("method")
	}
	req := sipgo.NewRequest(method, recipient)
	for _, r := range routes {
		req.AppendHeader(&sipgo.RouteHeader{Address: r})
	}
	from := &sipgo.FromHeader{DisplayName: quoted(l.localName), Address: *l.localURI.Clone()}
	from.Params.Add("tag", l.localTag)
	to := &sipgo.ToHeader{DisplayName: quoted(l.remoteName), Address: *l.remoteURI.Clone()}
	if l.remoteTag != "" {
		to.Params.Add("tag", l.remoteTag)
	}
	callID := sipgo.CallIDHeader(l.callID)
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(&maxForwards)
	return req
}

// next is the URI whose address the next request goes to.
func (l *leg) next() *sipgo.Uri {
	if len(l.routes) > 0 {
		return &l.routes[0]
	}
	return &l.target
}

// flowFits tells whether requests go where the other side was heard instead of
// to the address of its Contact: a phone, an open connection, or a private
// Contact seen from a public address.
func (l *leg) flowFits() bool {
	if !l.flow.addr.IsValid() {
		return false
	}
	if l.keepFlow && len(l.routes) == 0 {
		return true
	}
	next := l.next()
	if l.flow.conn != nil && !l.flow.conn.isClosed() && networkOf(next, l.flow.network) == l.flow.network {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(next.Host, "[]"))
	if err != nil {
		return false
	}
	return unroutable(a.Unmap()) && !unroutable(l.flow.addr.Addr())
}

func unroutable(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast()
}

// networkOf is the transport a URI asks for.
func networkOf(u *sipgo.Uri, otherwise string) string {
	if u.Scheme == "sips" {
		return viaTLS
	}
	switch strings.ToLower(u.UriParams.GetOr("transport", "")) {
	case "tcp":
		return viaTCP
	case "tls":
		return viaTLS
	case "udp":
		return viaUDP
	}
	return otherwise
}

// learnTarget takes the other side's Contact as remote target (RFC 3261 §12.2.1.2).
func (l *leg) learnTarget(m sipgo.Message) {
	if u, ok := contactURI(m); ok {
		l.target = u
	}
}

// confirmUAC completes a leg of ours from a response to its INVITE (RFC 3261 §12.1.2).
func (l *leg) confirmUAC(res *sipgo.Response) {
	l.remoteTag = tagOf(res.To())
	l.learnTarget(res)
	l.routes = recordRoutes(res)
	slices.Reverse(l.routes)
}

const tokenAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// randomText is unguessable text of n characters.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = tokenAlphabet[int(b[i])%len(tokenAlphabet)]
	}
	return string(b)
}

// randomBelow is an unbiased-enough number in [0, n) for timers and first
// sequence numbers.
func randomBelow(n int) int {
	var b [4]byte
	_, _ = rand.Read(b[:])
	v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	return int(uint64(v) * uint64(n) >> 32)
}

// parseSIPURI parses a sip or sips URI with a host.
func parseSIPURI(s string) (sipgo.Uri, error) {
	var u sipgo.Uri
	if err := sipgo.ParseUri(s, &u); err != nil {
		return u, fmt.Errorf("%w: %q: %w", ErrAddress, s, err)
	}
	if (u.Scheme != "sip" && u.Scheme != "sips") || u.Host == "" || u.Wildcard || u.Port < 0 || u.Port > 65535 {
		return u, fmt.Errorf("%w: %q", ErrAddress, s)
	}
	return u, nil
}

// splitHostPort splits "host[:port]"; the port is 0 when there is none.
func splitHostPort(s string) (string, int, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), 0, nil
	}
	host, port, found := strings.Cut(s, ":")
	if strings.HasPrefix(s, "[") {
		i := strings.LastIndex(s, "]:")
		if i < 0 {
			return "", 0, fmt.Errorf("%w: %q", ErrAddress, s)
		}
		host, port, found = s[1:i], s[i+2:], true
	}
	if !found {
		return host, 0, nil
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("%w: %q", ErrAddress, s)
	}
	return host, int(p), nil
}
