package sip

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	sipgo "github.com/emiago/sipgo/sip"
)

// known option tags a caller may Require of us (RFC 3262, 4028, 3327).
var understood = map[string]bool{"100rel": true, "timer": true, "path": true}

// singletons are header fields that must not be repeated (RFC 4475 §3.3.8).
var singletons = []string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Session-Expires"}

// validate applies what RFC 3261 §8.2 and RFC 4475 ask of a server. Nil: process.
func (e *Endpoint) validate(req *sipgo.Request) *refusal {
	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return &refusal{code: 505}
	}
	if problem := malformed(req); problem != "" {
		return &refusal{code: 400, reason: "Bad Request: " + problem}
	}
	if req.Method == sipgo.ACK {
		return nil
	}
	if r := e.checkTarget(req); r != nil || req.Method == sipgo.CANCEL {
		return r
	}
	var unknown []string
	for _, name := range []string{"Require", "Proxy-Require"} {
		for _, o := range headerValues(req, name, true) {
			if !understood[strings.ToLower(o)] {
				unknown = append(unknown, o)
			}
		}
	}
	if unknown != nil {
		return (&refusal{code: 420}).with("Unsupported", strings.Join(unknown, ", "))
	}
	return checkBody(req)
}

// malformed names what is missing or contradictory, or is empty.
func malformed(req *sipgo.Request) string {
	via, from, to, callID, cseq := req.Via(), req.From(), req.To(), req.CallID(), req.CSeq()
	switch {
	case via == nil || via.Host == "" || via.Transport == "" || via.Port < 0 || via.Port > 65535:
		return "Via"
	case from == nil || badAddress(&from.Address):
		return "From"
	case to == nil || badAddress(&to.Address):
		return "To"
	case callID == nil || callID.Value() == "":
		return "Call-ID"
	case cseq == nil || !strings.EqualFold(string(cseq.MethodName), string(req.Method)):
		return "CSeq"
	}
	for _, name := range singletons {
		if repeated(req, name) {
			return "more than one " + name
		}
	}
	if m := req.MaxForwards(); m != nil && m.Val() > 255 {
		return "Max-Forwards"
	}
	if v, ok := via.Params.Get("branch"); ok && v == magicCookie {
		return "Via branch" // the cookie alone is no branch (RFC 4475 §3.3.7)
	}
	if req.Recipient.Headers != nil {
		return "Request-URI with header fields" // RFC 3261 §19.1.1, table 1
	}
	if req.Method == sipgo.INVITE {
		for _, h := range req.GetHeaders("Contact") {
			if c, ok := h.(*sipgo.ContactHeader); !ok || c.Address.Wildcard || badAddress(&c.Address) {
				return "Contact"
			}
		}
		if _, ok := contactURI(req); !ok && len(req.GetHeaders("Contact")) == 0 && via.Params.Has("branch") {
			return "no Contact" // RFC 3261 §8.1.1.8; RFC 2543 callers may go without
		}
	}
	return ""
}

func repeated(req *sipgo.Request, name string) bool {
	n := 0
	for _, h := range req.Headers() {
		if strings.EqualFold(h.Name(), name) {
			n++
		}
	}
	if c := compact[strings.ToLower(name)]; c != "" {
		n += len(req.GetHeaders(c))
	}
	return n > 1
}

func badAddress(u *sipgo.Uri) bool {
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return u.Scheme == "" || u.Raw() == ""
	}
	return u.Host == "" || u.Port < 0 || u.Port > 65535 || strings.ContainsAny(u.Host, " \t<>\"@,")
}

// checkTarget judges the Request-URI.
func (e *Endpoint) checkTarget(req *sipgo.Request) *refusal {
	u := &req.Recipient
	switch u.Scheme {
	case "sip", "sips":
		if badAddress(u) {
			return &refusal{code: 400, reason: "Bad Request: Request-URI"}
		}
	case "tel":
	default:
		return &refusal{code: 416}
	}
	if len(u.User) > 512 {
		return &refusal{code: 414}
	}
	if m := req.MaxForwards(); m != nil && m.Val() == 0 && !e.isUs(u) {
		return &refusal{code: 483}
	}
	return nil
}

// isUs tells whether a Request-URI means this host; addresses are taken as ours.
func (e *Endpoint) isUs(u *sipgo.Uri) bool {
	_, ok := direct(u, viaUDP)
	return ok || u.Scheme == "tel" || strings.EqualFold(u.Host, e.cfg.Domain) || strings.EqualFold(u.Host, "localhost")
}

// checkBody refuses bodies and answers we could not understand (RFC 3261 §8.2.3).
func checkBody(req *sipgo.Request) *refusal {
	if enc := headerValue(req, "Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") && len(req.Body()) > 0 {
		return (&refusal{code: 415}).with("Accept-Encoding", "identity")
	}
	if req.Method != sipgo.INVITE && req.Method != sipgo.UPDATE {
		return nil
	}
	if accept := headerValues(req, "Accept", true); len(accept) > 0 && !acceptsSDP(accept) {
		return &refusal{code: 406}
	}
	if len(req.Body()) == 0 || bodySDP(req) != nil {
		return nil
	}
	if handling, _ := param(headerValue(req, "Content-Disposition"), "handling"); strings.EqualFold(handling, "optional") {
		return nil
	}
	return (&refusal{code: 415}).with("Accept", sdpType)
}

func acceptsSDP(accept []string) bool {
	for _, a := range accept {
		kind, _, _ := strings.Cut(a, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case sdpType, "application/*", "*/*":
			return true
		}
	}
	return false
}

// newParser is sipgo's parser with our stricter reading of addresses.
func newParser() *sipgo.Parser {
	m := maps.Clone(sipgo.DefaultHeadersParser())
	for _, name := range []string{"from", "f", "to", "t", "contact", "m"} {
		parse := m[name]
		m[name] = func(header []byte, text string) (sipgo.Header, error) {
			text = tidy(text, ";=,")
			if err := checkNameAddr(text); err != nil {
				return nil, err
			}
			return parse(header, text)
		}
	}
	for _, name := range []string{"via", "v"} {
		parse := m[name]
		m[name] = func(header []byte, text string) (sipgo.Header, error) { return parse(header, tidy(text, ";=,/:")) }
	}
	return sipgo.NewParser(sipgo.WithHeadersParsers(m))
}

// tidy removes the space RFC 3261 §25.1 allows around separators, outside quotes
// and brackets; sipgo would keep it in names and values.
func tidy(text, separators string) string {
	if !strings.ContainsAny(text, " \t") {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	quote, bracket, pending := false, false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quote || bracket {
			b.WriteByte(c)
			switch {
			case quote && c == '\\' && i+1 < len(text):
				i++
				b.WriteByte(text[i])
			case quote && c == '"':
				quote = false
			case bracket && c == '>':
				bracket = false
			}
			continue
		}
		if c == ' ' || c == '\t' {
			pending = b.Len() > 0
			continue
		}
		separator := strings.IndexByte(separators, c) >= 0
		if pending && !separator {
			last := b.String()[b.Len()-1]
			if strings.IndexByte(separators, last) < 0 {
				b.WriteByte(' ')
			}
		}
		pending = false
		b.WriteByte(c)
		quote, bracket = c == '"', c == '<'
	}
	return b.String()
}

// checkNameAddr checks the first address of a From, To or Contact value by
// RFC 3261 §20.10: quotes and brackets are closed, an unquoted display name is
// made of tokens, and an address with a comma, question mark or semicolon in it
// is in brackets.
func checkNameAddr(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: not UTF-8", ErrAddress)
	}
	s := strings.TrimSpace(text)
	if s == "*" {
		return nil
	}
	if strings.HasPrefix(s, `"`) {
		rest, ok := closeQuote(s[1:])
		if !ok {
			return fmt.Errorf("%w: quote not closed", ErrAddress)
		}
		if rest = strings.TrimSpace(rest); !strings.HasPrefix(rest, "<") {
			return fmt.Errorf("%w: no address after the name", ErrAddress)
		}
		s = rest
	}
	open := strings.IndexByte(s, '<')
	if open < 0 {
		return checkBareAddr(s)
	}
	if !isTokens(s[:open]) {
		return fmt.Errorf("%w: display name needs quotes", ErrAddress)
	}
	end := strings.IndexByte(s[open:], '>')
	if end < 0 {
		return fmt.Errorf("%w: bracket not closed", ErrAddress)
	}
	if addr := s[open+1 : open+end]; strings.ContainsAny(addr, " \t\"<") || addr == "" {
		return fmt.Errorf("%w: space or quote in the address", ErrAddress)
	}
	return nil
}

// checkBareAddr checks an address without brackets: parameters behind it belong
// to the header field, and it cannot have header fields of its own.
func checkBareAddr(s string) error {
	addr, _, _ := strings.Cut(s, ";")
	addr, _, _ = strings.Cut(addr, ",")
	if addr = strings.TrimSpace(addr); strings.ContainsAny(addr, "? \t\"") || !strings.Contains(addr, ":") {
		return fmt.Errorf("%w: address needs brackets", ErrAddress)
	}
	return nil
}

// closeQuote finds what follows a quoted string that has begun.
func closeQuote(s string) (rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[i+1:], true
		}
	}
	return "", false
}

func isTokens(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 ||
			strings.IndexByte(" \t-.!%*_+`'~", c) >= 0 {
			continue
		}
		return false
	}
	return true
}

// broken answers what does not parse with 400, when enough of it can be read to
// say whom (RFC 3261 §8.2.7 leaves no state). Nil: nothing can be said.
func (e *Endpoint) broken(data []byte, from hop) []byte {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	first := strings.Fields(lines[0])
	if len(first) < 3 || first[0] == "ACK" || strings.HasPrefix(first[0], "SIP/") ||
		!strings.HasPrefix(strings.ToUpper(first[len(first)-1]), "SIP/") {
		return nil
	}
	var b strings.Builder
	if otherScheme(first[1]) {
		b.WriteString("SIP/2.0 416 Unsupported URI Scheme\r\n")
	} else {
		b.WriteString("SIP/2.0 400 Bad Request\r\n")
	}
	var seen [5]bool
	for i := 1; i < len(lines); i++ {
		name, value, ok := strings.Cut(lines[i], ":")
		if !ok {
			continue
		}
		for i+1 < len(lines) && (strings.HasPrefix(lines[i+1], " ") || strings.HasPrefix(lines[i+1], "\t")) {
			i++
			value += " " + strings.TrimSpace(lines[i])
		}
		k, full := copied(name)
		if k < 0 || (k > 0 && seen[k]) {
			continue
		}
		seen[k] = true
		value = oneLine(strings.ToValidUTF8(value, "?"))
		if k == 2 && !strings.Contains(strings.ToLower(value), "tag=") && strings.Count(value, `"`)%2 == 0 {
			value += ";tag=" + randomText(8)
		}
		b.WriteString(full + ": " + value + "\r\n")
	}
	if !seen[0] || !seen[3] || !seen[4] {
		return nil
	}
	b.WriteString("Server: " + e.cfg.UserAgent + "\r\nContent-Length: 0\r\n\r\n")
	e.log.Debug("malformed request answered with 400", "source", from.addr)
	return []byte(b.String())
}

// otherScheme tells whether a URI has a well-formed scheme that is not ours
// (RFC 3986 §3.1); sipgo does not parse all of them.
func otherScheme(uri string) bool {
	scheme, _, ok := strings.Cut(strings.ToLower(uri), ":")
	if !ok || scheme == "sip" || scheme == "sips" || scheme == "tel" || scheme == "" || scheme[0] < 'a' || scheme[0] > 'z' {
		return false
	}
	return strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// copied numbers the header fields a response copies.
func copied(name string) (int, string) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "via", "v":
		return 0, "Via"
	case "from", "f":
		return 1, "From"
	case "to", "t":
		return 2, "To"
	case "call-id", "i":
		return 3, "Call-ID"
	case "cseq":
		return 4, "CSeq"
	}
	return -1, ""
}
