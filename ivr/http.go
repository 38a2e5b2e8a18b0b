package ivr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ohler55/ojg/oj"
)

// errRefused means that an http node wanted a private address.
var errRefused = errors.New("ivr: address is not public and not allowed by configuration")

// special are networks that are not on the public Internet although the address
// alone does not tell (RFC 6890 and its updates).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// reachable reports whether http nodes may connect to an address.
func reachable(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap()
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(allow, in) {
		return true
	}
	return a.IsValid() && a.Zone() == "" && a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(special, in)
}

// newClient makes a client that connects to allowed addresses only. The address
// is checked after the name was resolved, for every connection and redirect.
func newClient(allow []netip.Prefix) *http.Client {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !reachable(ap.Addr(), allow) {
				return errRefused
			}
			return nil
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 64, MaxIdleConnsPerHost: 8, MaxConnsPerHost: 64,
			IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= 3 {
				return errors.New("ivr: too many redirects")
			}
			return nil
		},
	}
}

// lookUp asks a server while the keys are watched.
func (x *run) lookUp(ctx context.Context, n *Node) (next string, err error) {
	h := n.HTTP
	limit := time.Duration(h.Retries+1)*h.Timeout + time.Duration(h.Retries)*2*time.Second
	var fault error
	done := false
	err = x.meanwhile(ctx, limit+time.Second, KeySpec{Escape: escapeKey}, func(ctx context.Context) error {
		fault = x.tries(ctx, h)
		done = true
		return nil
	})
	if err != nil {
		return "", err
	}
	if fault == nil && done {
		return n.Next, nil
	}
	x.log.Warn("http node failed", "flow", x.flow.ID, "node", n.Name, "method", h.Method, "error", redacted(fault))
	x.choose(ctx, "failed", "")
	if n.Failed != "" {
		return n.Failed, nil
	}
	return n.Next, nil
}

// redacted cuts the address off an error: it may hold what the customer typed.
func redacted(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// tries asks until an answer comes or the retries are used up.
func (x *run) tries(ctx context.Context, h *HTTP) error {
	for try := 0; ; try++ {
		again, err := x.try(ctx, h)
		if err == nil || !again || try >= h.Retries {
			return err
		}
		pause := time.Duration(100<<try)*time.Millisecond + rand.N(100*time.Millisecond)
		select {
		case <-time.After(min(pause, 2*time.Second)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try asks once. again tells whether another try may help.
func (x *run) try(ctx context.Context, h *HTTP) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := x.request(ctx, h)
	if err != nil {
		return false, err
	}
	res, err := x.http.Do(req)
	if err != nil {
		return !errors.Is(err, errRefused), err
	}
	defer res.Body.Close() //nolint:errcheck // the body was read
	if h.Status != "" {
		x.vars[h.Status] = float64(res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, x.cfg.MaxResponse+1))
	if err != nil {
		return true, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > x.cfg.MaxResponse {
		return false, fmt.Errorf("the answer has more than %d bytes", x.cfg.MaxResponse)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests, fmt.Errorf("status %d", res.StatusCode)
	}
	return false, x.keep(h, body)
}

// keep takes the wanted values out of an answer.
func (x *run) keep(h *HTTP, body []byte) error {
	if len(h.Save) == 0 {
		return nil
	}
	if !json.Valid(body) { // also bounds the depth
		return errors.New("the answer is not JSON")
	}
	answer, err := oj.Parse(body)
	if err != nil {
		return errors.New("the answer is not JSON")
	}
	for _, name := range sortedKeys(h.Save) {
		x.vars[name] = tidy(h.Save[name].First(answer))
	}
	return nil
}

// tidy makes numbers of one type, as expressions and texts expect.
func tidy(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case map[string]any:
		for k := range v {
			v[k] = tidy(v[k])
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
	}
	return v
}

// request fills the templates of a request.
func (x *run) request(ctx context.Context, h *HTTP) (*http.Request, error) {
	address := expand(h.URL, x.vars, func(p piece, v any) string {
		return strings.ReplaceAll(url.QueryEscape(plain(p, v)), "+", "%20")
	})
	var body io.Reader
	if h.Body != nil {
		b, err := json.Marshal(x.fill(h.Body))
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, h.Method, address, body)
	if err != nil {
		return nil, errors.New("the address is not valid")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Hotline")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, name := range sortedKeys(h.Headers) {
		value := expand(h.Headers[name], x.vars, plain)
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("header %s has a line break", name)
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// fill replaces variables in the texts of a body. A text that is nothing but a
// variable becomes its value, whatever its type.
func (x *run) fill(v any) any {
	switch v := v.(type) {
	case string:
		if p := parseTemplate(v); len(p) == 1 && p[0].name != nil {
			return lookup(x.vars, p[0].name)
		}
		return expand(v, x.vars, plain)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = x.fill(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = x.fill(e)
		}
		return out
	}
	return v
}
