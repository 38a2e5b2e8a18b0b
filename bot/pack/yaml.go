package pack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxFile  = 4 << 20 // bytes
	maxDepth = 12      // nested maps and lists
)

// Problem is something wrong in a pack's file.
type Problem struct {
	At      Position
	Message string
	Allowed []string // what would be right, where that is a list
}

// Error returns file:line: message (allowed: …).
func (p Problem) Error() string {
	s := fmt.Sprintf("%s: %s", p.At, p.Message)
	if len(p.Allowed) > 0 {
		s += " (allowed: " + strings.Join(p.Allowed, ", ") + ")"
	}
	return s
}

// Problems is all that is wrong in the files of a pack.
type Problems []Problem

// Error returns one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// node is a piece of a YAML document with its line: a mapping, a list or a
// text. Anchors, aliases and tags are refused, so that a small file stays small.
type node struct {
	line  int
	pairs []pair
	items []*node
	text  string
	kind  kind
	first int // line of the first line of a block text
}

type kind string

const (
	mapping kind = "a mapping"
	list    kind = "a list"
	scalar  kind = "a text"
	empty   kind = "empty"
)

type pair struct {
	key   string
	line  int
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// parse reads a YAML document.
func parse(file string, text []byte) (n *node, problem *Problem) {
	fail := func(line int, format string, args ...any) *Problem {
		return &Problem{At: Position{file, max(line, 1)}, Message: fmt.Sprintf(format, args...)}
	}
	if len(text) > maxFile {
		return nil, fail(1, "the file has more than %d bytes", maxFile)
	}
	if line, ok := tooDeep(string(text)); ok {
		return nil, fail(line, "nested deeper than %d levels", maxDepth)
	}
	defer func() {
		if r := recover(); r != nil { // the YAML library gave up
			n, problem = nil, fail(1, "this is not YAML")
		}
	}()
	doc, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil && e.GetToken().Position != nil {
			return nil, fail(e.GetToken().Position.Line, "this is not YAML: %s", strings.TrimSpace(e.GetMessage()))
		}
		return nil, fail(1, "this is not YAML")
	}
	var bodies []ast.Node
	for _, d := range doc.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return &node{kind: empty, line: 1}, nil
	case 1:
		n, err := convert(bodies[0], 0)
		if err != nil {
			return nil, fail(lineOf(bodies[0]), "%v", err)
		}
		return n, nil
	}
	return nil, fail(lineOf(bodies[1]), "a file holds one document; remove the second one")
}

// tooDeep guards the recursive parser before it sees the text.
func tooDeep(text string) (line int, deep bool) {
	open := 0
	for l := range strings.Lines(text) {
		line++
		trimmed := strings.TrimLeft(l, " ")
		if len(l)-len(trimmed) > 16*maxDepth {
			return line, true
		}
		if strings.Count(trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "-?: \t"))], " ") > maxDepth {
			return line, true
		}
		for _, c := range trimmed {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			case '#':
				continue
			}
			if open > 8*maxDepth {
				return line, true
			}
		}
	}
	return 0, false
}

func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}

func convert(n ast.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	out := &node{line: lineOf(n)}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		return out, out.add(n.Values, depth)
	case *ast.MappingValueNode:
		out.kind = mapping
		return out, out.add([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out.kind = list
		for _, v := range n.Values {
			item, err := convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.LiteralNode:
		out.kind, out.text = scalar, n.Value.Value
		out.first = n.Start.Position.Line + 1
		return out, nil
	case *ast.StringNode:
		out.kind, out.text = scalar, n.Value
		return out, nil
	case *ast.NullNode:
		out.kind = empty
		return out, nil
	case *ast.CommentGroupNode:
		out.kind = empty
		return out, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = scalar, n.GetToken().Value
		return out, nil
	}
	return nil, fmt.Errorf("line %d: anchors, aliases and tags are not read here", out.line)
}

func (n *node) add(values []*ast.MappingValueNode, depth int) error {
	for _, v := range values {
		key, err := convert(v.Key, depth+1)
		if err != nil {
			return err
		}
		if key.kind != scalar {
			return fmt.Errorf("line %d: a key must be a text", key.line)
		}
		value, err := convert(v.Value, depth+1)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{key.text, key.line, value})
	}
	return nil
}

// reader reads one file and gathers what is wrong.
type reader struct {
	file     string
	problems *Problems
}

func (r reader) fail(line int, allowed []string, format string, args ...any) {
	if len(*r.problems) < 200 {
		*r.problems = append(*r.problems, Problem{Position{r.file, line}, fmt.Sprintf(format, args...), allowed})
	}
}

// pairs returns the pairs of a mapping; keys, where given, are all that are
// allowed. A key that comes twice is reported.
func (r reader) pairs(n *node, what string, keys ...string) []pair {
	if n == nil || n.kind == empty {
		return nil
	}
	if n.kind != mapping {
		r.fail(n.line, keys, "%s must be a mapping, not %s", what, n.kind)
		return nil
	}
	seen := map[string]int{}
	var good []pair
	for _, p := range n.pairs {
		switch before, twice := seen[p.key]; {
		case twice:
			r.fail(p.line, nil, "%q comes twice, first in line %d", p.key, before)
			continue
		case len(keys) > 0 && !slices.Contains(keys, p.key):
			r.fail(p.line, keys, "%s has no key %q", what, p.key)
			continue
		}
		seen[p.key] = p.line
		good = append(good, p)
	}
	return good
}

// str returns a text of one paragraph, trimmed.
func (r reader) str(n *node, what string) string {
	switch {
	case n == nil || n.kind == empty:
		return ""
	case n.kind != scalar:
		r.fail(n.line, nil, "%s must be a text, not %s", what, n.kind)
		return ""
	}
	return strings.TrimSpace(n.text)
}

// strs returns the texts of a list with their positions, or the lines of a text.
func (r reader) strs(n *node, what string) []Utterance {
	var out []Utterance
	switch {
	case n == nil || n.kind == empty:
	case n.kind == list:
		for _, item := range n.items {
			if s := r.str(item, what); s != "" {
				out = append(out, Utterance{Text: s, At: Position{r.file, item.line}})
			} else if item.kind == empty {
				r.fail(item.line, nil, "%s has an empty entry", what)
			}
		}
	case n.kind == scalar:
		line := n.line
		if n.first > 0 {
			line = n.first
		}
		for l := range strings.Lines(n.text) {
			if s := strings.TrimSpace(l); s != "" {
				out = append(out, Utterance{Text: s, At: Position{r.file, line}})
			}
			line++
		}
	default:
		r.fail(n.line, nil, "%s must be lines of text or a list, not %s", what, n.kind)
	}
	return out
}
