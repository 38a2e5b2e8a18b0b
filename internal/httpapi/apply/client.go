package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/openhotline/hotline/internal/httpapi"
)

// Client speaks to the API of a running server.
type Client struct {
	Base  string // http://127.0.0.1:8080
	Token string // an admin's
	HTTP  *http.Client
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// do makes a request; a problem of the server comes back as *httpapi.Problem.
func (c *Client) do(ctx context.Context, method, path string, body, to any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+"/api/v1"+path, r)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		p := &httpapi.Problem{}
		if json.Unmarshal(b, p) != nil || p.Type == "" {
			return fmt.Errorf("apply: %s %s answered %s", method, path, res.Status)
		}
		return p
	}
	if to == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, to)
}

// all reads every page of a list.
func (c *Client) all(ctx context.Context, path string) ([]map[string]any, error) {
	var out []map[string]any
	cursor := ""
	for {
		var page struct {
			Items []map[string]any `json:"items"`
			Next  string           `json:"next"`
		}
		if err := c.do(ctx, http.MethodGet, path+"?limit=500&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Next == "" || page.Next == cursor {
			return out, nil
		}
		cursor = page.Next
	}
}
