package ivr

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of the text of a flow.
const (
	maxText     = 256 << 10 // bytes
	maxDepth    = 40        // nested maps and lists
	maxSiblings = 2000      // lines of one indentation in a row: the YAML library takes quadratic time
)

// shape is what a piece of a document is.
type shape uint8

const (
	scalar shape = iota
	mapping
	list
	null
)

// doc is a piece of a YAML document with its position. It is a plain tree:
// anchors, aliases and tags are refused, so that a small text stays small.
type doc struct {
	shape  shape
	text   string // scalar
	quoted bool   // scalar: certainly a string
	number bool   // scalar: written as a number
	pairs  []pair
	items  []*doc
	line   int
	column int
}

type pair struct {
	key   string
	at    *doc // position of the key
	value *doc
	path  string // of the value
}

// get returns the value of a key, or nil.
func (d *doc) get(key string) *doc {
	if d == nil {
		return nil
	}
	for _, p := range d.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// read parses YAML into a tree. The problem is nil unless the text is no YAML.
func read(text []byte) (root *doc, problem *Problem) {
	if len(text) > maxText {
		return nil, say("too_long", "the text has more than %d bytes", "max", maxText).at(1, 1)
	}
	if line, ok := tooDeep(text); ok {
		return nil, say("too_deep", "nested deeper than %d levels", "max", maxDepth).at(line, 1)
	}
	if line, ok := tooMany(text); ok {
		return nil, say("too_many_lines", "more than %d lines side by side", "max", maxSiblings).at(line, 1)
	}
	defer func() {
		if r := recover(); r != nil { // the YAML library gave up
			root, problem = nil, say("no_yaml", "this is not YAML").at(1, 1)
		}
	}()
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err)
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) == 0 {
		return &doc{shape: null, line: 1, column: 1}, nil
	}
	if len(bodies) > 1 {
		d := at(bodies[1])
		return nil, say("two_documents", "a flow is one document; remove the second one").at(d.line, d.column)
	}
	return convert(bodies[0], 0)
}

// syntax turns an error of the YAML library into a problem.
func syntax(err error) *Problem {
	p := say("no_yaml", "this is not YAML").at(1, 1)
	var e yaml.Error
	if errors.As(err, &e) {
		p = say("yaml", "this is not YAML: %s", "detail", strings.TrimSpace(e.GetMessage())).at(1, 1)
		if t := e.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = max(t.Position.Line, 1), max(t.Position.Column, 1)
		}
	}
	return p
}

// tooDeep guards the recursive parser before it sees the text.
func tooDeep(text []byte) (line int, deep bool) {
	open := 0
	for i, l := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimLeft(l, " ")
		if len(l)-len(trimmed) > 8*maxDepth {
			return i + 1, true
		}
		dashes := 0
		for strings.HasPrefix(trimmed, "- ") || strings.HasPrefix(trimmed, "? ") || strings.HasPrefix(trimmed, ": ") {
			dashes++
			trimmed = strings.TrimLeft(trimmed[1:], " \t")
		}
		if dashes > maxDepth || strings.Count(l, ": ") > 2000 {
			return i + 1, true
		}
		for _, c := range l {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			if open > 4*maxDepth {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// tooMany guards the parser against maps and lists of very many entries.
func tooMany(text []byte) (line int, many bool) {
	var counts [8*maxDepth + 1]int
	deepest := 0
	for i, l := range strings.Split(string(text), "\n") {
		indent := min(len(l)-len(strings.TrimLeft(l, " ")), 8*maxDepth)
		for ; deepest > indent; deepest-- {
			counts[deepest] = 0
		}
		deepest = indent
		if counts[indent]++; counts[indent] > maxSiblings {
			return i + 1, true
		}
	}
	return 0, false
}

// at makes an empty piece at a node's position: a map's is that of its first key.
func at(n ast.Node) *doc {
	switch m := n.(type) {
	case *ast.MappingValueNode:
		n = m.Key
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			n = m.Values[0].Key
		}
	}
	d := &doc{line: 1, column: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		d.line, d.column = t.Position.Line, t.Position.Column
	}
	return d
}

func refuse(n ast.Node, w wording) *Problem {
	d := at(n)
	return w.at(d.line, d.column)
}

func convert(n ast.Node, depth int) (*doc, *Problem) {
	if depth > maxDepth {
		return nil, refuse(n, say("too_deep", "nested deeper than %d levels", "max", maxDepth))
	}
	d := at(n)
	switch n := n.(type) {
	case *ast.MappingNode:
		return convertPairs(d, n.Values, depth)
	case *ast.MappingValueNode:
		return convertPairs(d, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		d.shape = list
		for _, v := range n.Values {
			item, p := convert(v, depth+1)
			if p != nil {
				return nil, p
			}
			d.items = append(d.items, item)
		}
	case *ast.NullNode:
		d.shape = null
	case *ast.StringNode:
		d.text = n.Value
		d.quoted = n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
	case *ast.LiteralNode:
		d.text, d.quoted = strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode:
		d.text, d.number = n.GetToken().Value, true
	case *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.text = n.GetToken().Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil, refuse(n, say("no_anchors", "anchors and aliases are not part of the flow language"))
	case *ast.TagNode:
		return nil, refuse(n, say("no_tags", "tags are not part of the flow language"))
	default:
		return nil, refuse(n, say("foreign_yaml", "this YAML is not part of the flow language"))
	}
	return d, nil
}

func convertPairs(d *doc, values []*ast.MappingValueNode, depth int) (*doc, *Problem) {
	d.shape = mapping
	for _, v := range values {
		if v == nil || v.Key == nil {
			continue
		}
		switch v.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		default:
			return nil, refuse(v.Key, say("plain_key", "a key must be a plain word, number or quoted text"))
		}
		key := at(v.Key)
		text := v.Key.GetToken().Value
		if v.Value == nil {
			d.pairs = append(d.pairs, pair{key: text, at: key, value: &doc{shape: null, line: key.line, column: key.column}})
			continue
		}
		value, p := convert(v.Value, depth+1)
		if p != nil {
			return nil, p
		}
		d.pairs = append(d.pairs, pair{key: text, at: key, value: value})
	}
	return d, nil
}
