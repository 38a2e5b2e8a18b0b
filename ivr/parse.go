package ivr

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/types"
)

// maxNodes bounds the nodes of a flow.
const maxNodes = 1000

// maxProblems bounds the problems that are reported at once.
const maxProblems = 200

var flowKeys = []string{"flow", "name", "title", "languages", "start", "human", "vars", "texts", "nodes"}

// ParseFile is Parse with the name of the file for the problems.
func ParseFile(file string, text []byte) (*Flow, []Problem) {
	root, problem := read(text)
	if problem != nil {
		problem.Severity, problem.File = Error, file
		return nil, []Problem{*problem}
	}
	c := &checker{file: file, flow: &Flow{Nodes: map[string]*Node{}, Texts: map[string]Texts{}, Vars: map[string]any{}}, texts: map[string]bool{}}
	c.root(root)
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(c.problems) > maxProblems {
		failed := Failed(c.problems)
		c.problems = c.problems[:maxProblems]
		if failed && !Failed(c.problems) {
			c.problems[0].Severity = Error
		}
	}
	if Failed(c.problems) {
		return nil, c.problems
	}
	return c.flow, c.problems
}

func (c *checker) root(d *doc) {
	if d.shape == null {
		c.fail(d, "", say("empty_flow", "the flow is empty"), flowKeys...)
		return
	}
	if !c.mapping(d, "", flowKeys) {
		return
	}
	f := c.flow
	f.ID = c.matching(d.get("flow"), "flow", idRule, "no_identifier")
	f.Name, _ = c.text(d.get("name"), "name")
	c.languages(d)
	c.declare(d)
	if t := d.get("title"); t != nil {
		f.Title = c.byLanguage(t, "title", false)
	}
	c.namedTexts(d.get("texts"))
	c.nodes(d)
	f.Start = c.required(d, "start", "")
	if s := d.get("start"); s != nil {
		c.node("", s, "start")
	}
	if h := d.get("human"); h != nil {
		f.Human = c.node("", h, "human")
		c.targets[max(len(c.targets)-1, 0)].human = true
	} else {
		c.warn(d, "human", say("default_human", "key 0 will lead to the installation's default queue; name a node to choose another"))
	}
	c.links()
}

func (c *checker) languages(d *doc) {
	l := d.get("languages")
	if l == nil {
		c.fail(d, "languages", say("missing_languages", "%q is missing: list the languages of the flow, the default first", "key", "languages"), "zh-CN", "en", "ja")
		return
	}
	if l.shape != list || len(l.items) == 0 {
		c.fail(l, "languages", say("want_languages", "must be a list of language tags, not %s", "found", l), "zh-CN", "en", "ja")
		return
	}
	for i, item := range l.items {
		path := fmt.Sprintf("languages[%d]", i)
		tag := c.matching(item, path, languageRule, "no_language_tag")
		if slices.Contains(c.flow.Languages, tag) {
			c.fail(item, path, say("twice", "%q comes twice", "name", tag))
		} else if tag != "" {
			c.flow.Languages = append(c.flow.Languages, tag)
		}
	}
}

// declare gathers the variables that the flow sets anywhere, before any
// expression is compiled.
func (c *checker) declare(d *doc) {
	call := types.Map{}
	for name := range callVars(Info{}) {
		call[name] = types.Any
	}
	c.vars = types.Map{"call": call, "language": types.String, "now": types.Any}
	c.secret = map[string]bool{}
	if v := d.get("vars"); v != nil && c.mapping(v, "vars", nil) {
		for _, p := range v.pairs {
			if c.variable(p.at, p.key, p.path) {
				c.flow.Vars[p.key] = p.value.plain()
			}
		}
	}
	nodes := d.get("nodes")
	if nodes == nil {
		return
	}
	for _, p := range nodes.pairs {
		for _, key := range []string{"save", "status"} {
			switch v := p.value.get(key); {
			case v == nil:
			case v.shape == scalar:
				c.variable(v, v.text, join(join("nodes", p.key), key))
			default:
				for _, s := range v.pairs {
					c.variable(s.at, s.key, join(join(join("nodes", p.key), key), s.key))
				}
			}
		}
		if v, sensitive := p.value.get("save"), p.value.get("sensitive"); v != nil && sensitive != nil && sensitive.text == "true" {
			c.secret[v.text] = true
		}
		if v := p.value.get("set"); v != nil {
			for _, s := range v.pairs {
				c.variable(s.at, s.key, join(join(join("nodes", p.key), "set"), s.key))
			}
		}
	}
}

// variable declares a variable.
func (c *checker) variable(d *doc, name, path string) bool {
	switch {
	case !variableRule.MatchString(name):
		c.fail(d, path, say("no_variable", "%q is no name for a variable", "name", name), variableRule.String())
	case name == "call" || name == "language" || name == "now":
		c.fail(d, path, say("system_variable", "%q is set by the system; choose another name", "name", name))
	default:
		c.vars[name] = types.Any
		return true
	}
	return false
}

// plain turns a piece of the document into a value: texts, numbers, yes or no,
// maps and lists of them.
func (d *doc) plain() any {
	switch d.shape {
	case null:
		return nil
	case mapping:
		m := make(map[string]any, len(d.pairs))
		for _, p := range d.pairs {
			m[p.key] = p.value.plain()
		}
		return m
	case list:
		l := make([]any, 0, len(d.items))
		for _, i := range d.items {
			l = append(l, i.plain())
		}
		return l
	}
	return d.scalar()
}

func (c *checker) namedTexts(d *doc) {
	if d == nil || !c.mapping(d, "texts", nil) {
		return
	}
	for _, p := range d.pairs {
		if !nameRule.MatchString(p.key) {
			c.fail(p.at, p.path, say("no_text_name", "%q is no name for a text", "name", p.key), nameRule.String())
		}
		c.flow.Texts[p.key] = c.byLanguage(p.value, p.path, true)
	}
}

func (c *checker) nodes(d *doc) {
	n := d.get("nodes")
	if n == nil {
		c.fail(d, "nodes", say("missing", "%q is missing", "key", "nodes"))
		return
	}
	if !c.mapping(n, "nodes", nil) {
		return
	}
	if len(n.pairs) == 0 || len(n.pairs) > maxNodes {
		c.fail(n, "nodes", say("node_count", "a flow has 1 to %d nodes, not %d", "max", maxNodes, "n", len(n.pairs)))
		return
	}
	for _, p := range n.pairs {
		if !nameRule.MatchString(p.key) {
			c.fail(p.at, p.path, say("no_node_name", "%q is no name for a node", "name", p.key), nameRule.String())
		}
		node := c.readNode(p)
		c.flow.Nodes[p.key] = node
		c.flow.Order = append(c.flow.Order, p.key)
	}
	if t := d.get("texts"); t != nil {
		for _, p := range t.pairs {
			if !c.texts[p.key] {
				c.warn(p.at, p.path, say("unused_text", "no node uses this text"))
			}
		}
	}
}

// links checks every name of a node, and which nodes can be reached.
func (c *checker) links() {
	edges := make(map[string][]string)
	for _, t := range c.targets {
		node, ok := c.flow.Nodes[t.to]
		if !ok {
			c.fail(t.at, t.path, say("no_node", "there is no node %q%s", "name", t.to, "meant", meant(t.to, c.flow.Order)), c.flow.Order...)
			continue
		}
		if t.human && !node.human() {
			c.fail(t.at, t.path, say("human_needs_person", "key 0 must always reach a person, but %q is a %s node", "name", t.to, "type", node.Kind), "a queue node", "a transfer node to a queue, an agent or a number")
		}
		edges[t.from] = append(edges[t.from], t.to)
	}
	reached := map[string]bool{}
	todo := slices.Clone(edges[""])
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !reached[name] {
			reached[name] = true
			todo = append(todo, edges[name]...)
		}
	}
	for _, name := range c.flow.Order {
		if n := c.flow.Nodes[name]; !reached[name] {
			c.warn(&doc{line: n.Line, column: n.column}, join("nodes", name), say("unreachable", "no way leads to this node"))
		}
	}
}

// human reports whether the node leads to a person.
func (n *Node) human() bool {
	return n.Kind == KindQueue || n.Kind == KindTransfer && n.Transfer != nil && n.Transfer.Kind != "flow"
}

// Label returns a node's label for people in the flow's default language, or
// its name.
func (f *Flow) Label(node string) string {
	n := f.Nodes[node]
	if n == nil {
		return node
	}
	return cmp.Or(n.Label.In("", f), strings.ReplaceAll(node, "_", " "))
}

// In returns the wording for a language: exactly, else of the same base
// language, else in the flow's default, else any.
func (t Texts) In(language string, f *Flow) string {
	_, text := t.pick(language, f)
	return text
}

// pick is In with the language of the wording.
func (t Texts) pick(language string, f *Flow) (tag, text string) {
	if s, ok := t[language]; ok {
		return language, s
	}
	base, _, _ := strings.Cut(language, "-")
	tags := make([]string, 0, len(t))
	for l := range t {
		tags = append(tags, l)
	}
	slices.Sort(tags)
	for _, l := range tags {
		if b, _, _ := strings.Cut(l, "-"); language != "" && b == base {
			return l, t[l]
		}
	}
	if f != nil {
		for _, l := range f.Languages {
			if s, ok := t[l]; ok {
				return l, s
			}
		}
	}
	if len(tags) > 0 {
		return tags[0], t[tags[0]]
	}
	return "", ""
}
