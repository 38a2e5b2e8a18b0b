package ivr

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

var (
	nameRule     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	variableRule = regexp.MustCompile(`^[a-z_][a-zA-Z0-9_]{0,63}$`)
	languageRule = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	soundRule    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	keysRule     = regexp.MustCompile(`^[0-9*#]{1,8}$`)
)

// maxExpression bounds the text of an expression.
const maxExpression = 1000

// ruleNames says what follows a rule, by the code of the problem of what does not.
var ruleNames = map[string]string{
	"no_identifier": "identifier", "no_language_tag": "language tag", "no_sound": "name of a sound",
}

// checker reads a document into a flow and gathers every problem.
type checker struct {
	file     string
	flow     *Flow
	problems []Problem
	vars     types.Map // variables that expressions may use
	secret   map[string]bool
	targets  []target // names of nodes that were used, checked at the end
	texts    map[string]bool
}

// target is a use of a node's name.
type target struct {
	from, to string
	at       *doc
	path     string
	human    bool // must lead to a person
}

func (c *checker) add(s Severity, d *doc, path string, w wording, allowed ...string) {
	line, column := 0, 0
	if d != nil {
		line, column = d.line, d.column
	}
	c.problems = append(c.problems, Problem{
		Severity: s, File: c.file, Line: line, Column: column, Path: path,
		Message: w.text, Allowed: allowed, Code: w.code, Params: w.params,
	})
}

func (c *checker) fail(d *doc, path string, w wording, allowed ...string) {
	c.add(Error, d, path, w, allowed...)
}

func (c *checker) warn(d *doc, path string, w wording, allowed ...string) {
	c.add(Warning, d, path, w, allowed...)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *doc) describe() string {
	switch d.shape {
	case mapping:
		return "a map"
	case list:
		return "a list"
	case null:
		return "nothing"
	}
	if len(d.text) > 40 {
		return strconv.Quote(string([]rune(d.text)[:min(20, len([]rune(d.text)))]) + "…")
	}
	return strconv.Quote(d.text)
}

// mapping checks that d is a map with known keys, each once. allowed nil: any.
func (c *checker) mapping(d *doc, path string, allowed []string) bool {
	if d.shape != mapping {
		c.fail(d, path, say("want_map", "must be a map, not %s", "found", d), allowed...)
		return false
	}
	seen := make(map[string]bool, len(d.pairs))
	kept := d.pairs[:0]
	for _, p := range d.pairs {
		switch {
		case seen[p.key]:
			c.fail(p.at, join(path, p.key), say("duplicate_key", "the key %q comes twice", "key", p.key))
			continue
		case allowed != nil && !slices.Contains(allowed, p.key):
			c.fail(p.at, join(path, p.key), say("unknown_key", "unknown key %q%s", "key", p.key, "meant", meant(p.key, allowed)), allowed...)
			continue
		}
		seen[p.key] = true
		p.path = join(path, p.key)
		kept = append(kept, p)
	}
	d.pairs = kept
	return true
}

// meant suggests the allowed word nearest to a misspelt one.
func meant(word string, allowed []string) guess {
	best, at := min(3, (len(word)+3)/2), "" // one more than the edits that are likely
	if len(word) < 2 {
		return ""
	}
	for _, a := range allowed {
		if n := distance(word, a); n < best {
			best, at = n, a
		}
	}
	return guess(at)
}

// distance is the number of edits between two short words (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// text returns a scalar's text; ok is false when d is absent or no scalar.
func (c *checker) text(d *doc, path string) (s string, ok bool) {
	if d == nil {
		return "", false
	}
	if d.shape != scalar {
		c.fail(d, path, say("want_text", "must be a text, not %s", "found", d))
		return "", false
	}
	return d.text, true
}

// required is text that must be there and not be empty.
func (c *checker) required(parent *doc, key, path string) string {
	d := parent.get(key)
	if d == nil {
		c.fail(parent, join(path, key), say("missing", "%q is missing", "key", key))
		return ""
	}
	s, ok := c.text(d, join(path, key))
	if ok && strings.TrimSpace(s) == "" {
		c.fail(d, join(path, key), say("empty", "must not be empty"))
	}
	return s
}

// matching is text that follows a rule; absent gives "".
func (c *checker) matching(d *doc, path string, rule *regexp.Regexp, what string) string {
	s, ok := c.text(d, path)
	if ok && !rule.MatchString(s) {
		c.fail(d, path, say(what, "%s is no "+ruleNames[what], "found", d), rule.String())
		return ""
	}
	return s
}

// oneOf is text out of a list; absent gives "".
func (c *checker) oneOf(d *doc, path string, allowed ...string) string {
	s, ok := c.text(d, path)
	if ok && !slices.Contains(allowed, s) {
		c.fail(d, path, say("not_allowed", "%s is not allowed here%s", "found", d, "meant", meant(s, allowed)), allowed...)
		return ""
	}
	return s
}

// number is an integer within bounds; absent gives the default.
func (c *checker) number(d *doc, path string, low, high, def int) int {
	s, ok := c.text(d, path)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		c.fail(d, path, say("whole_number", "%s is not allowed here", "found", d).bounds(low, high), fmt.Sprintf("a whole number from %d to %d", low, high))
		return def
	}
	return n
}

func (c *checker) float(d *doc, path string, low, high, def float64) float64 {
	s, ok := c.text(d, path)
	if !ok {
		return def
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= low && n <= high) {
		c.fail(d, path, say("number", "%s is not allowed here", "found", d).bounds(low, high), fmt.Sprintf("a number from %g to %g", low, high))
		return def
	}
	return n
}

func (c *checker) boolean(d *doc, path string, def bool) bool {
	s, ok := c.text(d, path)
	if !ok {
		return def
	}
	if s != "true" && s != "false" {
		c.fail(d, path, say("not_allowed", "%s is not allowed here", "found", d), "true", "false")
		return def
	}
	return s == "true"
}

// duration reads 5s, 1m30s, 800ms, or a plain number of seconds.
func (c *checker) duration(d *doc, path string, low, high, def time.Duration) time.Duration {
	s, ok := c.text(d, path)
	if !ok {
		return def
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		var n float64
		if n, err = strconv.ParseFloat(s, 64); err == nil && n >= 0 && n < 1e6 {
			v = time.Duration(n * float64(time.Second))
		}
	}
	if err != nil || v < low || v > high {
		c.fail(d, path, say("duration", "%s is not allowed here", "found", d).bounds(low, high), fmt.Sprintf("a time from %v to %v, such as 5s", low, high))
		return def
	}
	return v
}

// node notes the use of a node's name, to be checked when all are known.
func (c *checker) node(from string, d *doc, path string) string {
	s, ok := c.text(d, path)
	if !ok {
		return ""
	}
	if s == "" {
		c.fail(d, path, say("want_node", "must be the name of a node"))
		return ""
	}
	c.targets = append(c.targets, target{from: from, to: s, at: d, path: path})
	return s
}

// wordings reads texts: the name of one in `texts`, or a map by language.
func (c *checker) wordings(d *doc, path string) *Texts {
	if d == nil {
		return nil
	}
	if d.shape == scalar {
		t, ok := c.flow.Texts[d.text]
		if !ok {
			names := make([]string, 0, len(c.flow.Texts))
			for n := range c.flow.Texts {
				names = append(names, n)
			}
			slices.Sort(names)
			c.fail(d, path, say("no_text", "there is no text %s; write a name from `texts`, or a map by language%s", "found", d, "meant", meant(d.text, names)), names...)
			return nil
		}
		c.texts[d.text] = true
		return &t
	}
	t := c.byLanguage(d, path, true)
	return &t
}

// byLanguage reads a map of wordings. complete warns about missing languages.
func (c *checker) byLanguage(d *doc, path string, complete bool) Texts {
	out := Texts{}
	if !c.mapping(d, path, nil) {
		return out
	}
	for _, p := range d.pairs {
		if !languageRule.MatchString(p.key) {
			c.fail(p.at, p.path, say("no_language_tag", "%q is no language tag", "name", p.key), c.flow.Languages...)
			continue
		}
		s, ok := c.text(p.value, p.path)
		if !ok {
			continue
		}
		if strings.TrimSpace(s) == "" {
			c.fail(p.value, p.path, say("empty", "must not be empty"))
			continue
		}
		c.template(p.value, p.path)
		out[p.key] = s
		if !slices.Contains(c.flow.Languages, p.key) {
			c.warn(p.at, p.path, say("undeclared_language", "the flow does not declare the language %q", "language", p.key), c.flow.Languages...)
		}
	}
	if len(out) == 0 && len(d.pairs) == 0 {
		c.fail(d, path, say("no_wording", "there is no text in any language"), c.flow.Languages...)
	} else if complete {
		for _, l := range c.flow.Languages {
			if _, ok := out[l]; !ok {
				c.warn(d, path, say("missing_language", "the text is missing in the declared language %q", "language", l))
			}
		}
	}
	return out
}

// template checks the {placeholders} of a text. What is said, or written into
// an address, is heard, logged and kept elsewhere: sensitive variables are not.
func (c *checker) template(d *doc, path string) {
	c.placeholders(d, path)
	for _, p := range parseTemplate(d.text) {
		if p.name != nil && c.secret[p.name[0]] {
			c.fail(d, path, say("sensitive_use", "the sensitive variable %q may be used in conditions and in the body of http nodes only", "name", p.name[0]))
		}
	}
}

// placeholders checks that the {placeholders} of a text can be filled.
func (c *checker) placeholders(d *doc, path string) {
	for _, p := range parseTemplate(d.text) {
		if p.name == nil {
			continue
		}
		if _, ok := c.vars[p.name[0]]; !ok {
			c.fail(d, path, say("unset_variable", "the text uses {%s}, which no node and no `vars` sets", "name", p.source), c.variables()...)
		}
		if p.format != "" && !slices.Contains(formats, p.format) {
			c.fail(d, path, say("no_format", "{%s}: there is no format %q", "name", p.source, "format", p.format), formats...)
		}
	}
}

// variables lists what expressions may use.
func (c *checker) variables() []string {
	var out []string
	for v := range c.vars {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// expression compiles an expression; condition wants a yes or no.
func (c *checker) expression(d *doc, path string, condition bool) *vm.Program {
	s, ok := c.text(d, path)
	if !ok {
		return nil
	}
	if len(s) > maxExpression {
		c.fail(d, path, say("long_expression", "an expression has at most %d characters", "max", maxExpression))
		return nil
	}
	options := []expr.Option{expr.Env(c.vars), expr.MaxNodes(500)}
	if condition {
		options = append(options, expr.AsBool())
	}
	p, err := expr.Compile(s, options...)
	if err == nil {
		if !condition {
			c.keepsSecrets(p, d, path)
		}
		return p
	}
	where := *d
	message, _, _ := strings.Cut(err.Error(), "\n")
	if e, ok := err.(*file.Error); ok { //nolint:errorlint // expr returns it unwrapped
		message = e.Message
		if e.Line <= 1 && !d.quoted {
			where.column += e.Column
		}
	}
	c.fail(&where, path, say("expression", "expression: %s", "detail", message), c.variables()...)
	return nil
}

// keepsSecrets refuses an expression whose value, which goes into another
// variable, could tell a sensitive one.
func (c *checker) keepsSecrets(p *vm.Program, d *doc, path string) {
	root := p.Node()
	ast.Walk(&root, names(func(name string) {
		if c.secret[name] || name == "$env" && len(c.secret) > 0 {
			c.fail(d, path, say("sensitive_use", "the sensitive variable %q may be used in conditions and in the body of http nodes only", "name", name))
		}
	}))
}

// names visits the names of variables in an expression.
type names func(name string)

// Visit implements ast.Visitor.
func (f names) Visit(n *ast.Node) {
	if i, ok := (*n).(*ast.IdentifierNode); ok {
		f(i.Value)
	}
}
