package lookup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/ohler55/ojg/jp"

	"github.com/openhotline/hotline/bot/entity"
)

// File is the name of the file of actions inside a pack's folder.
const File = "actions.yaml"

const largestFile = 1 << 20

// Environment finds an environment variable.
type Environment func(name string) (value string, ok bool)

// Load reads the actions that a customer declares for a pack: shared/actions.yaml
// and PACK/actions.yaml, of which the latter goes before. Files that are not
// there add nothing.
func Load(files fs.FS, pack string, env Environment) (map[string]Action, error) {
	actions := map[string]Action{}
	for _, name := range []string{"shared/" + File, pack + "/" + File} {
		text, err := fs.ReadFile(files, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lookup: %w", err)
		}
		more, err := Parse(name, text, env)
		if err != nil {
			return nil, err
		}
		maps.Copy(actions, more)
	}
	return actions, nil
}

// Parse reads actions from YAML, by name. Errors name file and line and what is
// allowed. Secrets come from the environment: a header under headers_env names
// a variable.
func Parse(file string, text []byte, env Environment) (map[string]Action, error) {
	d := &declared{file: file}
	if len(text) > largestFile {
		return nil, d.errorf(1, "the file has more than %d bytes", largestFile)
	}
	var actions map[string]Action
	if err := yaml.UnmarshalWithOptions(text, &actions, yaml.Strict()); err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
			return nil, d.errorf(at.GetToken().Position.Line, "%s (allowed: url, method, timeout, headers, headers_env, body, fields, fallback)", at.GetMessage())
		}
		return nil, d.errorf(1, "not readable as YAML")
	}
	var err error
	if d.tree, err = parser.ParseBytes(text, 0); err != nil {
		return nil, d.errorf(1, "not readable as YAML")
	}
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		a := actions[name]
		if err := d.check(name, &a, env); err != nil {
			return nil, err
		}
		actions[name] = a
	}
	return actions, nil
}

// declared is a file of actions while it is checked.
type declared struct {
	file string
	tree *ast.File
}

func (d *declared) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", d.file, line, fmt.Sprintf(format, args...))
}

// at is an error at the place of an action's key.
func (d *declared) at(name string, keys []string, format string, args ...any) error {
	line := 1
	for n := len(keys); n >= 0; n-- { // the key itself, or what holds it
		builder := (&yaml.PathBuilder{}).Root().Child(name)
		for _, k := range keys[:n] {
			builder = builder.Child(k)
		}
		if node, err := builder.Build().FilterFile(d.tree); err == nil && node.GetToken() != nil {
			line = node.GetToken().Position.Line
			if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
				line = m.Values[0].Key.GetToken().Position.Line
			}
			break
		}
	}
	where := strings.Join(append([]string{name}, keys...), ".")
	return d.errorf(line, "%s: %s", where, fmt.Sprintf(format, args...))
}

func (d *declared) check(name string, a *Action, env Environment) error {
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return d.at(name, []string{"url"}, "%q is not an http or https address", a.URL)
	case strings.ContainsAny(u.Host, "{}"):
		return d.at(name, []string{"url"}, "the host must not come from the customer")
	case a.Timeout < 0 || a.Timeout > longestTimeout:
		return d.at(name, []string{"timeout"}, "%v is not from 0 to %v", a.Timeout, longestTimeout)
	case !slices.Contains([]string{"", http.MethodGet, http.MethodPost}, a.Method):
		return d.at(name, []string{"method"}, "%q is not one of GET, POST", a.Method)
	case len(a.Body) > 0 && a.Method != http.MethodPost:
		return d.at(name, []string{"body"}, "only POST has a body")
	case len(a.Fields) == 0:
		return d.at(name, []string{"fields"}, "at least one field is needed")
	}
	if a.Method == "" {
		a.Method = http.MethodGet
	}
	if a.Timeout == 0 {
		a.Timeout = defaultTimeout
	}
	if err := d.places(name, []string{"url"}, a.URL); err != nil {
		return err
	}
	for _, field := range slices.Sorted(maps.Keys(a.Body)) {
		if err := d.places(name, []string{"body", field}, a.Body[field]); err != nil {
			return err
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(a.FallbackTexts)) {
		if !slices.Contains([]string{"zh-CN", "en", "ja"}, tag) {
			return d.at(name, []string{"fallback", tag}, "there is no language %q (allowed: zh-CN, en, ja)", tag)
		}
	}
	if err := d.secrets(name, a, env); err != nil {
		return err
	}
	a.paths = map[string]jp.Expr{}
	for _, field := range slices.Sorted(maps.Keys(a.Fields)) {
		x, err := jp.ParseString(a.Fields[field])
		if err != nil || len(x) == 0 {
			return d.at(name, []string{"fields", field}, "%q is no JSONPath (RFC 9535), such as $.status", a.Fields[field])
		}
		a.paths[field] = x
	}
	return nil
}

// secrets puts the values of environment variables into the headers.
func (d *declared) secrets(name string, a *Action, env Environment) error {
	all := http.Header{}
	for _, header := range slices.Sorted(maps.Keys(a.Headers)) {
		all.Set(header, a.Headers[header])
	}
	for _, header := range slices.Sorted(maps.Keys(a.HeadersEnv)) {
		value, ok := "", false
		if env != nil {
			value, ok = env(a.HeadersEnv[header])
		}
		if !ok || value == "" {
			return d.at(name, []string{"headers_env", header}, "the environment variable %s is not set", a.HeadersEnv[header])
		}
		all.Set(header, value)
	}
	a.header = all
	return nil
}

// places checks the {slot} places of a text.
func (d *declared) places(name string, keys []string, text string) error {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return nil
		}
		slot, tail, closed := strings.Cut(after, "}")
		if !closed {
			return d.at(name, keys, "a brace is not closed")
		}
		if slot != "language" && !slices.Contains(entity.Kinds, entity.Kind(slot)) {
			return d.at(name, keys, "{%s} is no slot (allowed: %v and language)", slot, entity.Kinds)
		}
		rest = tail
	}
}

const (
	defaultTimeout = 2 * time.Second
	longestTimeout = 10 * time.Second
	largestAnswer  = 256 << 10
)
