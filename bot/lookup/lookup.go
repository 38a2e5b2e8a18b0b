// Package lookup performs the declared actions of a pack: one HTTP request
// each, within a time limit, whose JSON answer gives the fields of the bot's
// reply. Actions are declared in YAML (see Parse); what customers say reaches a
// request only escaped, in the places that the declaration names.
package lookup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"
	"github.com/ohler55/ojg/oj"

	"github.com/openhotline/hotline/bot/entity"
)

var (
	// ErrUnknown is returned for an action that is not declared.
	ErrUnknown = errors.New("action is not declared")
	// ErrNotFound is returned when the service does not know what was asked for.
	ErrNotFound = errors.New("not found")
	// ErrAnswer is returned for an answer that is not what was declared.
	ErrAnswer = errors.New("unusable answer")
	// ErrSlot is returned when a place of the request has no value.
	ErrSlot = errors.New("a slot has no value")

	errRedirect = errors.New("redirect to another host or too many of them")
)

// Error is what Do returns: the action and why it failed, without the address,
// which holds what the customer said.
type Error struct {
	Action string
	Err    error
	text   string // of the action's own fallback
}

// Error returns the action and the cause.
func (e *Error) Error() string { return "lookup: " + e.Action + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NotFound tells that the service answered and does not know the number.
func (e *Error) NotFound() bool { return errors.Is(e.Err, ErrNotFound) }

// Fallback is what the declaration says when the action fails, or "".
func (e *Error) Fallback() string { return e.text }

// Action is a declared look-up.
type Action struct {
	// URL may hold {slot} places, which are filled escaped, and {language}.
	URL     string        `yaml:"url"`
	Method  string        `yaml:"method"`  // GET, the default, or POST
	Timeout time.Duration `yaml:"timeout"` // defaults to 2s, at most 10s
	Headers map[string]string
	// HeadersEnv are headers whose value is that of an environment variable.
	HeadersEnv map[string]string `yaml:"headers_env"`
	// Body are the fields of the JSON object that a POST sends, with {slot}
	// places.
	Body map[string]string
	// Fields are JSONPath expressions (RFC 9535) by the name of the field.
	Fields map[string]string
	// FallbackTexts are said when the action fails, by language tag (zh-CN, en,
	// ja), instead of the intent's own.
	FallbackTexts map[string]string `yaml:"fallback"`

	paths  map[string]jp.Expr
	header http.Header
}

// Client performs actions.
type Client struct {
	actions map[string]Action
	http    *http.Client
}

// NewClient makes a client; transport may be nil for the usual one. A redirect
// to another host is refused: the declared headers are not for it.
func NewClient(actions map[string]Action, transport http.RoundTripper) *Client {
	return &Client{actions, &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 3 || r.URL.Host != via[0].URL.Host || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return errRedirect
		}
		return nil
	}}}
}

// Has tells that an action is declared.
func (c *Client) Has(action string) bool {
	_, ok := c.actions[action]
	return ok
}

// Do performs an action. The whole request has the action's time limit. Errors
// are of type *Error.
func (c *Client) Do(ctx context.Context, action, language string, slots map[entity.Kind]string) (map[string]string, error) {
	a, ok := c.actions[action]
	if !ok {
		return nil, &Error{Action: action, Err: ErrUnknown}
	}
	fields, err := c.perform(ctx, a, language, slots)
	if err != nil {
		tag := language
		if language == "zh" {
			tag = "zh-CN"
		}
		return nil, &Error{action, err, a.FallbackTexts[tag]}
	}
	return fields, nil
}

func (c *Client) perform(ctx context.Context, a Action, language string, slots map[entity.Kind]string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	req, err := a.request(ctx, language, slots)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		var address *url.Error
		if errors.As(err, &address) { // its address holds the customer's number
			err = address.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return nil, ErrNotFound
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", ErrAnswer, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer+1))
	if err != nil || len(body) > largestAnswer {
		return nil, fmt.Errorf("%w: larger than %d bytes or cut off", ErrAnswer, largestAnswer)
	}
	return a.read(body)
}

// request makes the request of an action.
func (a Action) request(ctx context.Context, language string, slots map[entity.Kind]string) (*http.Request, error) {
	path, query, asks := strings.Cut(a.URL, "?")
	address, err := fill(path, language, slots, pathEscape)
	if err != nil {
		return nil, err
	}
	if asks {
		if query, err = fill(query, language, slots, url.QueryEscape); err != nil {
			return nil, err
		}
		address += "?" + query
	}
	var body io.Reader
	if len(a.Body) > 0 {
		doc := map[string]string{}
		for field, text := range a.Body {
			if doc[field], err = fill(text, language, slots, func(s string) string { return s }); err != nil {
				return nil, err
			}
		}
		raw, err := json.Marshal(doc)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, a.Method, address, body)
	if err != nil {
		return nil, fmt.Errorf("%w: address", ErrSlot) // the cause would repeat it
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Language", language)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range a.header {
		req.Header[k] = v
	}
	return req, nil
}

// pathEscape makes one step of a path of a text. A step of dots alone would
// leave the declared path.
func pathEscape(s string) string {
	if strings.Trim(s, ".") == "" {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

// fill puts values into the places of a text. A place without a value is an
// error: GET /orders/ is not what was declared.
func fill(text, language string, slots map[entity.Kind]string, escape func(string) string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		slot, after, _ := strings.Cut(rest, "}")
		value := slots[entity.Kind(slot)]
		if slot == "language" {
			value = language
		}
		if value == "" {
			return "", fmt.Errorf("%w: %s", ErrSlot, slot)
		}
		b.WriteString(escape(value))
		text = after
	}
}

// longestField bounds a field, in bytes: it is part of a reply.
const longestField = 1000

func (a Action) read(body []byte) (map[string]string, error) {
	doc, err := oj.Load(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: no JSON", ErrAnswer)
	}
	fields := make(map[string]string, len(a.paths))
	for name, path := range a.paths {
		switch v := path.First(doc).(type) {
		case nil, map[string]any, []any:
		default:
			s := fmt.Sprint(v)
			if f, ok := v.(float64); ok { // 1500000.00 is no 1.5e+06 to a customer
				s = strconv.FormatFloat(f, 'f', -1, 64)
			}
			fields[name] = strings.ToValidUTF8(s[:min(len(s), longestField)], "")
		}
	}
	return fields, nil
}
