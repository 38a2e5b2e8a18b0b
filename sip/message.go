package sip

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// allowed is our Allow header.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REGISTER"

// supported lists the option tags we understand.
const supported = "100rel, timer, path"

const sdpType = "application/sdp"

var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout", 410: "Gone",
	413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
	422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
	484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
	491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
	503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported",
	513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}

func reasonOf(code int, given string) string {
	if given = oneLine(given); given != "" {
		return given
	}
	if r := reasons[code]; r != "" {
		return r
	}
	return "Status " + strconv.Itoa(code)
}

// oneLine removes what would end a header line.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s))
}

// quoted escapes a display name for a quoted-string (RFC 3261 §25.1).
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(s))
}

// unquoted undoes quoted.
func unquoted(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escapeUser escapes the user part of a URI (RFC 3261 §25.1 user).
func escapeUser(s string) string {
	const plain = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// unescape undoes percent escapes; what is not one stays.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && v != 0 {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// userOf is the user part without parameters, or the number of a tel URI.
func userOf(u *sipgo.Uri) string {
	user := u.User
	if u.Scheme == "tel" {
		user = u.Raw()
	}
	user, _, _ = strings.Cut(user, ";")
	return unescape(user)
}

// tagged is a From or To header.
type tagged interface {
	*sipgo.FromHeader | *sipgo.ToHeader
}

func tagOf[H tagged](h H) string {
	switch v := any(h).(type) {
	case *sipgo.FromHeader:
		if v != nil {
			return v.Params.GetOr("tag", "")
		}
	case *sipgo.ToHeader:
		if v != nil {
			return v.Params.GetOr("tag", "")
		}
	}
	return ""
}

// headerValues are the values of a header, also of its compact form, split at
// commas outside quotes and brackets when list is set.
func headerValues(m sipgo.Message, name string, list bool) []string {
	var out []string
	for _, h := range m.GetHeaders(name) {
		out = appendValue(out, h.Value(), list)
	}
	if c := compact[strings.ToLower(name)]; c != "" {
		for _, h := range m.GetHeaders(c) {
			out = appendValue(out, h.Value(), list)
		}
	}
	return out
}

// compact are the short names of headers sipgo leaves alone (RFC 3261 §20, RFC 4028 §4).
var compact = map[string]string{
	"supported": "k", "session-expires": "x", "refer-to": "r", "event": "o", "allow-events": "u",
	"content-encoding": "e", "subject": "s",
}

func appendValue(out []string, v string, list bool) []string {
	if !list {
		return append(out, strings.TrimSpace(v))
	}
	return append(out, splitList(v)...)
}

// splitList splits at commas that are neither quoted nor inside brackets.
func splitList(v string) []string {
	var out []string
	quote, depth, start := false, 0, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quote && c == '\\':
			i++
		case c == '"':
			quote = !quote
		case quote:
		case c == '<':
			depth++
		case c == '>':
			depth--
		case c == ',' && depth <= 0:
			out = appendTrimmed(out, v[start:i])
			start = i + 1
		}
	}
	return appendTrimmed(out, v[min(start, len(v)):])
}

func appendTrimmed(out []string, s string) []string {
	if s = strings.TrimSpace(s); s != "" {
		out = append(out, s)
	}
	return out
}

func headerValue(m sipgo.Message, name string) string {
	if v := headerValues(m, name, false); len(v) > 0 {
		return v[0]
	}
	return ""
}

// hasOption tells whether a list header (Supported, Require) names an option tag.
func hasOption(m sipgo.Message, header, option string) bool {
	for _, v := range headerValues(m, header, true) {
		if strings.EqualFold(v, option) {
			return true
		}
	}
	return false
}

// param finds a parameter behind a header value ("1800;refresher=uac").
func param(v, name string) (string, bool) {
	parts := strings.Split(v, ";")
	for _, p := range parts[1:] {
		k, val, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(val), `"`), true
		}
	}
	return "", false
}

// bodySDP is the session description of a message, nil when it has none.
func bodySDP(m sipgo.Message) []byte {
	body := m.Body()
	if len(body) == 0 {
		return nil
	}
	kind := headerValue(m, "Content-Type")
	if kind == "" {
		kind = sdpType
	}
	media, _, _ := strings.Cut(kind, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if media == sdpType {
		return body
	}
	if strings.HasPrefix(media, "multipart/") {
		return multipartSDP(kind, body)
	}
	return nil
}

// multipartSDP finds the application/sdp part of a MIME body (RFC 5621).
func multipartSDP(kind string, body []byte) []byte {
	boundary, ok := param(kind, "boundary")
	if !ok || boundary == "" {
		return nil
	}
	for _, part := range bytes.Split(body, []byte("--"+boundary)) {
		head, content, found := bytes.Cut(part, []byte("\r\n\r\n"))
		if found && bytes.Contains(bytes.ToLower(head), []byte(sdpType)) {
			return bytes.TrimSuffix(content, []byte("\r\n"))
		}
	}
	return nil
}

// contactURI is the address of the first Contact.
func contactURI(m sipgo.Message) (sipgo.Uri, bool) {
	var c *sipgo.ContactHeader
	switch v := m.(type) {
	case *sipgo.Request:
		c = v.Contact()
	case *sipgo.Response:
		c = v.Contact()
	}
	if c == nil || c.Address.Wildcard || c.Address.Host == "" || (c.Address.Scheme != "sip" && c.Address.Scheme != "sips") {
		return sipgo.Uri{}, false
	}
	return *c.Address.Clone(), true
}

// recordRoutes are the addresses of all Record-Route values, in order.
func recordRoutes(m sipgo.Message) []sipgo.Uri {
	var out []sipgo.Uri
	for _, h := range m.GetHeaders("Record-Route") {
		if r, ok := h.(*sipgo.RecordRouteHeader); ok {
			out = append(out, *r.Address.Clone())
		}
	}
	return out
}

// newResponse answers a request: Via, From, To with our tag, Call-ID, CSeq, and
// Record-Route where a dialog may come of it (RFC 3261 §8.2.6, §12.1.1).
func newResponse(req *sipgo.Request, code int, reason, tag string) *sipgo.Response {
	res := sipgo.NewResponse(code, reasonOf(code, reason))
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *sipgo.ViaHeader, *sipgo.FromHeader, *sipgo.CallIDHeader, *sipgo.CSeqHeader:
			res.AppendHeader(h)
		case *sipgo.RecordRouteHeader:
			if code > 100 && code < 300 {
				res.AppendHeader(h)
			}
		case *sipgo.ToHeader:
			if code > 100 && tag != "" && !h.Params.Has("tag") {
				h = sipgo.HeaderClone(h).(*sipgo.ToHeader)
				h.Params.Add("tag", tag)
			}
			res.AppendHeader(h)
		}
	}
	if code == 100 {
		if t := req.GetHeader("Timestamp"); t != nil {
			res.AppendHeader(t)
		}
	}
	return res
}

// wire is the message in bytes, with Content-Length set.
func wire(m sipgo.Message) []byte {
	if m.ContentLength() == nil {
		m.SetBody(m.Body())
	}
	var b bytes.Buffer
	b.Grow(1024)
	m.StringWrite(&b)
	return b.Bytes()
}

// markReceived notes the real source in the top Via (RFC 3261 §18.2.1, RFC 3581 §4).
func markReceived(req *sipgo.Request, from netip.AddrPort) {
	via := req.Via()
	if via == nil {
		return
	}
	if a, err := netip.ParseAddr(strings.Trim(via.Host, "[]")); err != nil || a.Unmap() != from.Addr() || via.Params.Has("rport") {
		via.Params.Add("received", from.Addr().String())
	}
	if via.Params.Has("rport") {
		via.Params.Add("rport", strconv.Itoa(int(from.Port())))
	}
}

// replyHop is where responses to a request go (RFC 3261 §18.2.2, RFC 3581 §4).
func replyHop(req *sipgo.Request, from hop) hop {
	via := req.Via()
	if via == nil || from.reliable() {
		return from
	}
	if via.Params.Has("rport") {
		return from
	}
	port := via.Port
	if port <= 0 || port > 65535 {
		port = 5060
	}
	from.addr = netip.AddrPortFrom(from.addr.Addr(), uint16(port))
	return from
}
