package config

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Commented is hotline.yaml: every key with its meaning and default.
//
//go:embed hotline.yaml
var Commented []byte

// reader reads a file into settings and collects its faults.
type reader struct {
	name   string
	faults []error
}

// readFile reads the YAML of a file over c.
func readFile(c *Config, name string, text []byte) []error {
	r := &reader{name: name}
	f, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return r.faults
	}
	for i, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			r.fault(doc.Body.GetToken(), "", "a second document is not read", "one document")
			break
		}
		r.root(c, doc.Body)
	}
	return r.faults
}

func (r *reader) syntax(err error) {
	e := &Error{Source: r.name, Message: yaml.FormatError(err, false, false)}
	var se interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if asError(err, &se) {
		if t := se.GetToken(); t != nil && t.Position != nil {
			e.Source = fmt.Sprintf("%s:%d:%d", r.name, t.Position.Line, t.Position.Column)
		}
		e.Message = se.GetMessage()
	}
	r.faults = append(r.faults, e)
}

func (r *reader) at(t *token.Token) string {
	if t == nil || t.Position == nil {
		return r.name
	}
	return fmt.Sprintf("%s:%d:%d", r.name, t.Position.Line, t.Position.Column)
}

func (r *reader) fault(t *token.Token, key, message, allowed string) {
	r.faults = append(r.faults, &Error{Source: r.at(t), Key: key, Message: message, Allowed: allowed})
}

// root reads the top level: settings without a section, and sections.
func (r *reader) root(c *Config, body ast.Node) {
	secs := sections(c)
	var keys []string
	for _, s := range secs[0].settings {
		keys = append(keys, s.path)
	}
	for _, sec := range secs[1:] {
		keys = append(keys, sec.name)
	}
	r.mapping(body, "", keys, func(key string, v ast.Node) {
		for _, s := range secs[0].settings {
			if s.path == key {
				r.value(s, v)
			}
		}
		for _, sec := range secs[1:] {
			if sec.name == key {
				r.section(sec, v)
			}
		}
	})
}

func (r *reader) section(sec section, v ast.Node) {
	if _, null := v.(*ast.NullNode); null {
		return // a section whose keys are all commented out
	}
	var keys []string
	for _, s := range sec.settings {
		keys = append(keys, strings.TrimPrefix(s.path, sec.name+"."))
	}
	r.mapping(v, sec.name, keys, func(key string, v ast.Node) {
		for _, s := range sec.settings {
			if s.path == sec.name+"."+key {
				r.value(s, v)
			}
		}
	})
}

// mapping walks over the pairs of a mapping whose keys are known.
func (r *reader) mapping(n ast.Node, path string, keys []string, each func(string, ast.Node)) {
	var pairs []*ast.MappingValueNode
	switch m := unwrap(n).(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		r.fault(n.GetToken(), path, "is not a group of keys", strings.Join(keys, ", "))
		return
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		t := p.Key.GetToken()
		key := t.Value
		full := strings.TrimPrefix(path+"."+key, ".")
		switch {
		case !slices.Contains(keys, key):
			message := "there is no such key"
			if near := nearest(key, keys); near != "" {
				message += ", did you mean " + near + "?"
			}
			r.fault(t, full, message, strings.Join(keys, ", "))
		case seen[key]:
			r.fault(t, full, "the key occurs twice", "")
		default:
			each(key, p.Value)
		}
		seen[key] = true
	}
}

func unwrap(n ast.Node) ast.Node {
	for {
		switch t := n.(type) {
		case *ast.TagNode:
			n = t.Value
		case *ast.AnchorNode:
			n = t.Value
		default:
			return n
		}
	}
}

// value reads one value into a setting.
func (r *reader) value(s setting, n ast.Node) {
	n = unwrap(n)
	report := func(err error) {
		for _, e := range sourced(r.at(n.GetToken()), err) {
			r.faults = append(r.faults, e)
		}
	}
	_, list := s.value.Interface().([]string)
	if seq, ok := n.(*ast.SequenceNode); ok {
		if !list {
			r.fault(n.GetToken(), s.path, "is a list", kindOf(s))
			return
		}
		items := []string{}
		for _, item := range seq.Values {
			text, ok := scalar(item)
			if !ok {
				r.fault(item.GetToken(), s.path, "the item is no text", "a list of texts")
				return
			}
			items = append(items, text)
		}
		report(s.setList(items))
		return
	}
	text, ok := scalar(n)
	if !ok || list {
		r.fault(n.GetToken(), s.path, "has the wrong kind of value", kindOf(s))
		return
	}
	report(s.set(text))
}

// scalar returns the text of a plain value.
func scalar(n ast.Node) (string, bool) {
	switch v := unwrap(n).(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, true
	case *ast.NullNode:
		return "", true
	}
	return "", false
}

// kindOf says what kind of value a setting wants.
func kindOf(s setting) string {
	switch s.value.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number from " + s.tag.Get("min") + " to " + s.tag.Get("max")
	case time.Duration:
		return "a time with its unit, such as 30s or 5m"
	case []string:
		return "a list, such as [a, b]"
	case Ports:
		return "first-last, such as 20000-29999"
	}
	return "a text"
}

// nearest finds the key that was probably meant: at most two letters differ.
func nearest(key string, keys []string) string {
	best, at := 3, ""
	for _, k := range keys {
		if d := distance(strings.ToLower(key), k); d < best && d < len(k) {
			best, at = d, k
		}
	}
	return at
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := before
			if a[i-1] != b[j-1] {
				cost++
			}
			before = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// Comment writes the commented file of a configuration.
func Comment(c Config) []byte {
	var b strings.Builder
	b.WriteString(`# Every setting of Hotline with its meaning and default. A flag goes before a
# variable, that before this file, and that before the default:
#   --http-addr :80    HOTLINE_HTTP_ADDR=:80    http: {addr: ":80"}
# Lists in flags and variables are separated by commas. Lines, numbers, queues,
# agents, flows and users are not here: they are administered on the pages, or
# applied with "hotline apply FILE.yaml".
`)
	for _, sec := range sections(&c) {
		indent := ""
		if sec.name != "" {
			fmt.Fprintf(&b, "\n# %s\n%s:\n", sec.doc, sec.name)
			indent = "  "
		} else {
			b.WriteString("\n")
		}
		for _, s := range sec.settings {
			doc := s.tag.Get("doc")
			if enum := s.tag.Get("enum"); enum != "" {
				doc += " One of: " + strings.ReplaceAll(enum, ",", ", ") + "."
			}
			if lo, hi := s.tag.Get("min"), s.tag.Get("max"); lo != "" {
				doc += " From " + lo + " to " + hi + "."
			}
			for _, line := range fold(doc, 78-len(indent)-2) {
				fmt.Fprintf(&b, "%s# %s\n", indent, line)
			}
			key := strings.TrimPrefix(s.path, sec.name+".")
			fmt.Fprintf(&b, "%s%s: %s\n", indent, key, literal(s))
		}
	}
	return []byte(b.String())
}

// literal writes a value in YAML.
func literal(s setting) string {
	switch v := s.value.Interface().(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, item := range v {
			quoted[i] = strconv.Quote(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return s.String()
}

// fold breaks a text into lines of at most n bytes.
func fold(text string, n int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > n {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+w, " ")
	}
	return append(lines, line)
}

// asError is errors.As for an interface type.
func asError[T any](err error, to *T) bool {
	for err != nil {
		if t, ok := err.(T); ok { //nolint:errorlint // this is the walk of errors.As
			*to = t
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}
