package simulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/omni"
)

// client speaks to the installation as any program would: over its API.
type client struct {
	base  string
	http  *http.Client
	token string
}

// The installation's certificate is usually its own; a simulation sends nothing
// to it that it does not know already.
var tlsConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above

func newClient(base string) *client {
	return &client{base: strings.TrimRight(base, "/"), http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: tlsConfig, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
	}}
}

// problem is an RFC 9457 answer.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	for _, e := range p.Errors {
		text += fmt.Sprintf("; %s: %s", e.Location, e.Message)
	}
	return text
}

// call makes one request; out may be nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 400 {
		p := &problem{Status: res.StatusCode, Title: res.Status}
		_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(p) // a proxy may answer without a body
		return fmt.Errorf("%s %s: %w", method, path, p)
	}
	if out == nil || res.StatusCode == http.StatusNoContent {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// me is who is logged in.
type me struct {
	Token string `json:"token"`
	User  struct {
		ID      string `json:"id"`
		AgentID string `json:"agent_id"`
	} `json:"user"`
}

func (c *client) login(ctx context.Context, email, password string) error {
	var m me
	if err := c.call(ctx, http.MethodPost, "/login?token=true", map[string]string{"email": email, "password": password}, &m); err != nil {
		return err
	}
	c.token = m.Token
	return nil
}

// live opens the live WebSocket after the journal's present end.
func (c *client) live(ctx context.Context) (*websocket.Conn, error) {
	u := "ws" + strings.TrimPrefix(c.base, "http") + "/api/v1/live"
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second, TLSClientConfig: tlsConfig}
	conn, res, err := d.DialContext(ctx, u, http.Header{"Authorization": {"Bearer " + c.token}})
	if res != nil {
		_ = res.Body.Close()
	}
	return conn, err
}

// page is one page of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// all reads a whole list.
func all[T any](ctx context.Context, c *client, path string, q url.Values) ([]T, error) {
	var out []T
	q.Set("limit", "500")
	for {
		var p page[T]
		if err := c.call(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &p); err != nil {
			return nil, err
		}
		out = append(out, p.Items...)
		if p.Next == "" {
			return out, nil
		}
		q.Set("cursor", p.Next)
	}
}

// events reads the journal after seq.
func (c *client) events(ctx context.Context, after int64) ([]omni.Event, error) {
	var out []omni.Event
	for {
		var p struct {
			Items []omni.Event `json:"items"`
		}
		if err := c.call(ctx, http.MethodGet, fmt.Sprintf("/events?after=%d&limit=500", after), nil, &p); err != nil {
			return nil, err
		}
		if len(p.Items) == 0 {
			return out, nil
		}
		out = append(out, p.Items...)
		after = p.Items[len(p.Items)-1].Seq
	}
}

// cpu is the CPU time that the server process has used, from its metrics.
func (c *client) cpu(ctx context.Context) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "process_cpu_seconds_total "); ok {
			var s float64
			if _, err := fmt.Sscan(v, &s); err != nil {
				return 0, err
			}
			return time.Duration(s * float64(time.Second)), nil
		}
	}
	return 0, errors.New("simulate: the metrics have no process_cpu_seconds_total")
}
