package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/llm"
	"github.com/openhotline/hotline/bot/lookup"
	"github.com/openhotline/hotline/bot/sample"
)

// ownBot is a bot of a pack with the customer's folder laid over it: utterances,
// texts, articles, codes and products (package pack), look-ups (actions.yaml)
// and a language model (assistant.yaml). Look-ups that the folder does not
// declare ask the sample service.
func ownBot(name, language, dir string, env []string) (bot.Config, error) {
	cfg := bot.Config{Pack: name, Language: language, Overlays: overlays(dir)}
	look := variables(env)
	l, err := lookups(name, cfg.Overlays, look)
	if err != nil {
		return cfg, err
	}
	cfg.Lookup = l
	for _, o := range cfg.Overlays {
		if cfg.Assistant, err = assistant(o, dir, look); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// variables finds environment variables in a list of NAME=value.
func variables(env []string) lookup.Environment {
	return func(name string) (string, bool) {
		for _, e := range env {
			if k, v, ok := strings.Cut(e, "="); ok && k == name {
				return v, true
			}
		}
		return "", false
	}
}

func lookups(name string, layers []fs.FS, env lookup.Environment) (*lookup.Client, error) {
	actions, err := lookup.Parse("sample/actions.yaml", sample.Actions, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		own, err := lookup.Load(l, name, env)
		if err != nil {
			return nil, err
		}
		for action, a := range own {
			actions[action] = a
		}
	}
	inside, err := sample.Transport()
	if err != nil {
		return nil, err
	}
	return lookup.NewClient(actions, byHost{inside}), nil
}

// byHost asks the sample service inside the process and all others over the
// network.
type byHost struct{ sample http.RoundTripper }

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "sample" {
		return b.sample.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// assistantFile is where a folder declares a language model.
const assistantFile = "assistant.yaml"

// assistant makes the language model that a folder declares; nil for none. What
// it spends is kept in dir.
func assistant(files fs.FS, dir string, env lookup.Environment) (bot.Assistant, error) {
	text, err := fs.ReadFile(files, assistantFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var in struct {
		BaseURL    string        `yaml:"base_url"`
		Model      string        `yaml:"model"`
		KeyEnv     string        `yaml:"key_env"` // the environment variable that holds the key
		Timeout    time.Duration `yaml:"timeout"`
		FirstToken time.Duration `yaml:"first_token"`
		MaxTokens  int           `yaml:"max_tokens"`
		DayTokens  int           `yaml:"day_tokens"`
		Parallel   int           `yaml:"parallel"`
	}
	if err := yaml.UnmarshalWithOptions(text, &in, yaml.Strict()); err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
			return nil, fmt.Errorf("%s:%d: %s (allowed: base_url, model, key_env, timeout, first_token, max_tokens, day_tokens, parallel)", assistantFile, at.GetToken().Position.Line, at.GetMessage())
		}
		return nil, fmt.Errorf("%s:1: not readable as YAML", assistantFile)
	}
	key := ""
	if in.KeyEnv != "" {
		var ok bool
		if key, ok = env(in.KeyEnv); !ok {
			return nil, fmt.Errorf("%s: key_env: the environment variable %s is not set", assistantFile, in.KeyEnv)
		}
	}
	ledger, err := llm.OpenLedger(dir)
	if err != nil {
		return nil, err
	}
	p, err := llm.New(llm.Config{Ledger: ledger, BaseURL: in.BaseURL, Model: in.Model, Key: key, Timeout: in.Timeout, FirstToken: in.FirstToken,
		MaxTokens: in.MaxTokens, DayTokens: in.DayTokens, Parallel: in.Parallel})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", assistantFile, err)
	}
	return p, nil
}

func overlays(dir string) []fs.FS {
	if dir == "" {
		return nil
	}
	return []fs.FS{os.DirFS(dir)}
}
