// Package llm asks a language model behind the OpenAI-compatible chat
// completions interface to answer from articles, where the bot itself is not
// sure. What comes back is used only if it cites articles that were given and
// says no number that they do not have; every other outcome (an error, a slow or
// garbled stream, a spent budget, no citation) is an error by which the bot
// falls back to its own answer. Words are not judged, only what can be checked:
// figures, numbers in words, addresses.
//
// Personal data is masked before it leaves the process and put back afterwards.
package llm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/entity"
)

var (
	// ErrBudget is returned when the day's tokens are spent.
	ErrBudget = errors.New("llm: budget of the day is spent")
	// ErrBusy is returned when as many questions as allowed are being asked, or
	// the provider failed several times in a row and is left alone for a while.
	ErrBusy = errors.New("llm: busy or resting after failures")
	// ErrUnusable is returned for an answer that is garbled, too long, or asks
	// for a tool that is not allowed.
	ErrUnusable = errors.New("llm: unusable answer")

	errProvider = errors.New("llm: provider")
	errTool     = errors.New("llm: tool")
)

// Tool is a function that the model may call. Only declared tools are run.
type Tool struct {
	Description string
	Parameters  json.RawMessage // JSON Schema
	Do          func(ctx context.Context, args json.RawMessage) (string, error)
}

// Config is how the provider is reached. BaseURL and Model are needed.
type Config struct {
	BaseURL string // such as https://host/v1
	Model   string
	Key     string
	// Timeout is for a whole answer. Defaults to 8s.
	Timeout time.Duration
	// FirstToken is how long the stream may stay silent at its beginning.
	// Defaults to 3s.
	FirstToken time.Duration
	// MaxTokens bounds one answer. Defaults to 400.
	MaxTokens int
	// DayTokens bounds what is spent in a day (UTC). Defaults to 1,000,000.
	DayTokens int
	// Ledger keeps what was spent over a restart, and what other processes spend
	// (OpenLedger). Defaults to memory alone.
	Ledger Ledger
	// Parallel bounds the questions being asked at once. Defaults to 8.
	Parallel int
	Tools    map[string]Tool
	// Transport is for HTTP; nil is the usual one.
	Transport http.RoundTripper
	// Now is the clock of the budget. Defaults to time.Now.
	Now func() time.Time
}

// Ledger keeps the tokens of a day (YYYY-MM-DD, UTC). Before every question it is
// asked, and what the question may take at most is spent; afterwards that is
// given back, as negative tokens, and what it took is spent.
type Ledger interface {
	Spent(day string) (tokens int, err error)
	Spend(day string, tokens int) error
}

// Provider asks the model. It implements bot.Assistant.
type Provider struct {
	cfg    Config
	client *openai.Client
	slots  chan struct{}

	mu       sync.Mutex // guards what follows; never held while asking
	day      string
	spent    int  // as far as it is known here
	unkept   bool // the ledger did not take something of the day
	failures int
	rest     time.Time // nothing is asked before
}

var _ bot.Assistant = (*Provider)(nil)

const (
	failuresToRest = 3
	restFor        = 30 * time.Second
	toolRounds     = 2
	longestReply   = 4000 // bytes
	noAnswer       = "NO_ANSWER"
)

// New makes a provider. Nothing is asked yet.
func New(cfg Config) (*Provider, error) {
	switch {
	case !strings.HasPrefix(cfg.BaseURL, "http://") && !strings.HasPrefix(cfg.BaseURL, "https://"):
		return nil, fmt.Errorf("llm: base URL %q is not an http or https address", cfg.BaseURL)
	case cfg.Model == "":
		return nil, errors.New("llm: model is not set")
	case cfg.Timeout < 0 || cfg.FirstToken < 0:
		return nil, errors.New("llm: a time limit is negative")
	case cfg.MaxTokens < 0 || cfg.DayTokens < 0 || cfg.Parallel < 0:
		return nil, errors.New("llm: max tokens, day tokens or parallel is negative")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 8*time.Second)
	cfg.FirstToken = cmp.Or(cfg.FirstToken, 3*time.Second)
	cfg.MaxTokens = cmp.Or(cfg.MaxTokens, 400)
	cfg.DayTokens = cmp.Or(cfg.DayTokens, 1_000_000)
	cfg.Parallel = cmp.Or(cfg.Parallel, 8)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := openai.DefaultConfig(cfg.Key)
	c.BaseURL = strings.TrimSuffix(cfg.BaseURL, "/")
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	c.HTTPClient = &http.Client{Transport: bounded{cfg.Transport}, Timeout: cfg.Timeout}
	c.EmptyMessagesLimit = 100
	return &Provider{cfg: cfg, client: openai.NewClientWithConfig(c), slots: make(chan struct{}, cfg.Parallel)}, nil
}

// Answer asks for an answer from the articles of the question.
func (p *Provider) Answer(ctx context.Context, q bot.Question) (bot.Reply, error) {
	if len(q.Articles) == 0 {
		return bot.Reply{}, bot.ErrNoAnswer
	}
	leave, err := p.admit(p.estimate(q))
	if err != nil {
		return bot.Reply{}, err
	}
	defer leave()
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, fmt.Errorf("llm: no answer within %v", p.cfg.Timeout))
	defer cancel()
	m := entity.Mask(q.Text, q.Language)
	text, used, err := p.ask(ctx, q, &m)
	if parent.Err() == nil && !errors.Is(err, errTool) { // who hung up, and our own tools, say nothing of the provider
		p.note(err)
	}
	if err != nil {
		return bot.Reply{}, err
	}
	r, err := grounded(text, q, used)
	if err != nil {
		return bot.Reply{}, err
	}
	r.Text = m.Restore(r.Text)
	return r, nil
}

// largestBody bounds what is read of one answer, in bytes.
const largestBody = 1 << 20

// bounded is a transport whose answers end after largestBody.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, largestBody), res.Body}
	}
	return res, err
}

// rulesTokens is more than what the rules of a prompt take.
const rulesTokens = 250

// estimate is how many tokens a question may take at most, about.
func (p *Provider) estimate(q bot.Question) int {
	bytes := len(q.Text)
	for _, a := range q.Articles {
		bytes += len(a.ID) + len(a.Question) + len(a.Answer)
	}
	rounds := 1
	if len(p.cfg.Tools) > 0 {
		rounds += toolRounds
	}
	return rounds * (rulesTokens + bytes/3 + p.cfg.MaxTokens)
}

// admit takes a place, unless the budget is spent, by the questions being asked
// in any process at the latest, or the provider rests: a process overspends by
// one question at most. leave gives the place back.
func (p *Provider) admit(may int) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now().UTC()
	if day := now.Format(time.DateOnly); day != p.day {
		p.day, p.spent, p.unkept = day, 0, false
	}
	if p.cfg.Ledger != nil {
		if p.spent, err = p.cfg.Ledger.Spent(p.day); err != nil {
			return nil, fmt.Errorf("llm: ledger: %w", err)
		}
	}
	switch {
	case p.unkept, p.spent >= p.cfg.DayTokens:
		return nil, ErrBudget
	case now.Before(p.rest):
		return nil, ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	day := p.day
	p.book(day, may)
	if p.unkept {
		<-p.slots
		return nil, ErrBudget
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.book(day, -may)
		<-p.slots
	}, nil
}

// book writes tokens into the ledger. The caller holds mu.
func (p *Provider) book(day string, tokens int) {
	if day == p.day {
		p.spent += tokens
	}
	if p.cfg.Ledger == nil {
		return
	}
	if err := p.cfg.Ledger.Spend(day, tokens); err != nil {
		p.unkept = true // what cannot be kept must not be spent
	}
}

// note counts failures in a row; after several the provider rests.
func (p *Provider) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.failures = 0
		return
	}
	if p.failures++; p.failures >= failuresToRest {
		p.failures, p.rest = 0, p.cfg.Now().Add(restFor)
	}
}

func (p *Provider) spend(tokens int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.book(p.day, tokens)
}

// Spent is how many tokens were used today, with what the questions being asked
// may take.
func (p *Provider) Spent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spent
}
