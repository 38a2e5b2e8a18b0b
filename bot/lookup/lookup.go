// Package lookup performs the declared actions of a pack: one HTTP request
// each, within a time limit, whose JSON answer gives the fields of the bot's
// reply. Actions are declared in YAML (see Parse); what customers say reaches a
// request only escaped, in the places that the declaration names.
package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/ohler55/ojg/jp"
	"github.com/ohler55/ojg/oj"

	"github.com/openhotline/hotline/bot/entity"
)

var (
	// ErrUnknown is returned for an action that is not declared.
	ErrUnknown = errors.New("lookup: action is not declared")
	// ErrNotFound is returned when the service does not know what was asked for.
	ErrNotFound = errors.New("lookup: not found")
	// ErrAnswer is returned for an answer that is not what was declared.
	ErrAnswer = errors.New("lookup: unusable answer")
)

const (
	defaultTimeout = 2 * time.Second
	longestTimeout = 10 * time.Second
	largestAnswer  = 256 << 10
)

// Action is a declared look-up.
type Action struct {
	// URL may hold {slot} places, which are filled escaped, and {language}.
	URL     string            `yaml:"url"`
	Timeout time.Duration     `yaml:"timeout"` // defaults to 2s, at most 10s
	Headers map[string]string `yaml:"headers"`
	// Fields are JSONPath expressions (RFC 9535) by the name of the field.
	Fields map[string]string `yaml:"fields"`

	paths map[string]jp.Expr
}

// Parse reads actions from YAML, by name. Errors name the line and what is
// allowed.
func Parse(text []byte) (map[string]Action, error) {
	var actions map[string]Action
	if err := yaml.UnmarshalWithOptions(text, &actions, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	for name, a := range actions {
		u, err := url.Parse(a.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("lookup: %s.url: %q is not an http or https address", name, a.URL)
		case a.Timeout < 0 || a.Timeout > longestTimeout:
			return nil, fmt.Errorf("lookup: %s.timeout: %v is not from 0 to %v", name, a.Timeout, longestTimeout)
		case len(a.Fields) == 0:
			return nil, fmt.Errorf("lookup: %s.fields: at least one field is needed", name)
		}
		for rest := a.URL; ; {
			_, after, ok := strings.Cut(rest, "{")
			if !ok {
				break
			}
			slot, tail, _ := strings.Cut(after, "}")
			if slot != "language" && !slices.Contains(entity.Kinds, entity.Kind(slot)) {
				return nil, fmt.Errorf("lookup: %s.url: {%s} is no slot; there are %v and language", name, slot, entity.Kinds)
			}
			rest = tail
		}
		a.paths = map[string]jp.Expr{}
		for field, path := range a.Fields {
			x, err := jp.ParseString(path)
			if err != nil {
				return nil, fmt.Errorf("lookup: %s.fields.%s: %w", name, field, err)
			}
			a.paths[field] = x
		}
		if a.Timeout == 0 {
			a.Timeout = defaultTimeout
		}
		actions[name] = a
	}
	return actions, nil
}

// Client performs actions.
type Client struct {
	actions map[string]Action
	http    *http.Client
}

// NewClient makes a client; transport may be nil for the usual one.
func NewClient(actions map[string]Action, transport http.RoundTripper) *Client {
	return &Client{actions, &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) >= 3 {
			return errors.New("lookup: too many redirects")
		}
		return nil
	}}}
}

// Do performs an action. The whole request has the action's time limit.
func (c *Client) Do(ctx context.Context, action, language string, slots map[entity.Kind]string) (map[string]string, error) {
	a, ok := c.actions[action]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, action)
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	address := strings.ReplaceAll(a.URL, "{language}", url.PathEscape(language))
	for _, kind := range entity.Kinds {
		address = strings.ReplaceAll(address, "{"+string(kind)+"}", url.QueryEscape(slots[kind]))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("lookup: %s: %w", action, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Language", language)
	for k, v := range a.Headers {
		req.Header.Set(k, v)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("lookup: %s: %w", action, err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %s", ErrNotFound, action)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s: status %d", ErrAnswer, action, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer+1))
	if err != nil || len(body) > largestAnswer {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes or cut off", ErrAnswer, action, largestAnswer)
	}
	return a.read(action, body)
}

func (a Action) read(action string, body []byte) (map[string]string, error) {
	doc, err := oj.Load(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: no JSON", ErrAnswer, action)
	}
	fields := make(map[string]string, len(a.paths))
	for name, path := range a.paths {
		switch v := path.First(doc).(type) {
		case nil, map[string]any, []any:
		default:
			fields[name] = fmt.Sprint(v)
		}
	}
	return fields, nil
}
