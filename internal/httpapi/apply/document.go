// Package apply brings an installation into the state that a YAML file
// describes, through the API of the running server: teams, hours, breaks,
// queues, devices, users, agents, wrap-up codes, flows, lines and numbers.
//
// A file names things by id, or by what identifies them among people (name,
// number, e-mail address, user name, code); references may use either. Only what
// the file has changes; nothing is deleted. Passwords count for new things only,
// because the server does not show the present ones.
package apply

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/openhotline/hotline/internal/httpapi"
)

// Problem is one fault of a file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"` // queues[0].ring_timeout
	Message string `json:"message"`
	Allowed string `json:"allowed,omitempty"`
}

// Error implements error.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Path, p.Message)
	if p.Allowed != "" {
		s += " (allowed: " + p.Allowed + ")"
	}
	return s
}

// Problems are all faults of a file.
type Problems []Problem

// Error implements error.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// section is one kind of thing in a file, in the order in which they are made.
type section struct {
	name   string // in the file
	path   string // in the API
	schema string // New… and …Patch
	key    string // what identifies one among people
	// refs tells which fields refer to which section.
	refs map[string]string
	// later are fields that may refer to what is made after it.
	later []string
	// secret are fields that the server does not show.
	secret []string
}

var sections = []section{
	{name: "teams", path: "/teams", schema: "Team", key: "name"},
	{name: "hours", path: "/hours", schema: "Calendar", key: "name"},
	{name: "breaks", path: "/breaks", schema: "Break", key: "id"},
	{name: "queues", path: "/queues", schema: "Queue", key: "name", refs: map[string]string{"team_id": "teams", "order": "agents", "overflow": "queues"}, later: []string{"order", "overflow"}},
	{name: "devices", path: "/devices", schema: "Device", key: "username", secret: []string{"password"}},
	{name: "users", path: "/users", schema: "User", key: "email", refs: map[string]string{"team_id": "teams", "agent_id": "agents"}, later: []string{"agent_id"}, secret: []string{"password"}},
	{name: "agents", path: "/agents", schema: "Agent", key: "name", refs: map[string]string{"user_id": "users", "team_id": "teams", "queues": "queues", "device_id": "devices"}},
	{name: "wrapup_codes", path: "/wrapup-codes", schema: "WrapUpCode", key: "code", refs: map[string]string{"queue_id": "queues"}},
	{name: "flows", path: "/flows", schema: "Flow", key: "name"},
	{name: "lines", path: "/lines", schema: "Line", key: "name", secret: []string{"password"}},
	{name: "numbers", path: "/numbers", schema: "Number", key: "number", refs: map[string]string{"line_ids": "lines", "flow_id": "flows"}},
}

// schemas gives the names of the schemas for a new and a changed thing.
func (s section) schemas() (fresh, patch string) {
	if s.name == "users" {
		return "UserInputBody", "UserPatchBody"
	}
	return "New" + s.schema, s.schema + "Patch"
}

// item is one thing that the file describes.
type item struct {
	section *section
	index   int
	fields  map[string]any
	at      map[string]*token.Token // by path below the item; "" is the item
	// flows only
	text     string
	textFile string // where the text's lines count; empty: in this file
	textLine int    // line of the file before the first line of the text
	publish  bool
}

// Document is a file that was read.
type Document struct {
	name  string
	items []*item
}

// Read reads a file. folder has the files of flows that are named with file:;
// it may be nil. All faults are in the Problems.
func Read(name string, text []byte, folder fs.FS) (*Document, error) {
	r := &reader{name: name, folder: folder, validator: httpapi.NewValidator()}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, r.syntax(err)
	}
	d := &Document{name: name}
	for _, doc := range f.Docs {
		if doc.Body != nil {
			r.document(d, doc.Body)
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return d, nil
}

type reader struct {
	name      string
	folder    fs.FS
	validator *httpapi.Validator
	problems  Problems
}

func (r *reader) syntax(err error) Problems {
	p := Problem{File: r.name, Line: 1, Column: 1, Path: "file", Message: err.Error()}
	if se, ok := err.(yaml.Error); ok { //nolint:errorlint // the parser returns it bare
		p.Message = se.GetMessage()
		if t := se.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	return Problems{p}
}

func (r *reader) fault(t *token.Token, path, message, allowed string) {
	p := Problem{File: r.name, Line: 1, Column: 1, Path: path, Message: message, Allowed: allowed}
	if t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	r.problems = append(r.problems, p)
}

// pairs lists the keys of a mapping.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func (r *reader) document(d *Document, body ast.Node) {
	top, ok := pairs(body)
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	allowed := strings.Join(names, ", ")
	if !ok {
		r.fault(body.GetToken(), "file", "is not a group of keys", allowed)
		return
	}
	for _, p := range top {
		key := p.Key.GetToken().Value
		i := slices.Index(names, key)
		if i < 0 {
			r.fault(p.Key.GetToken(), key, "there is no such section", allowed)
			continue
		}
		seq, ok := p.Value.(*ast.SequenceNode)
		if !ok {
			if _, null := p.Value.(*ast.NullNode); !null {
				r.fault(p.Value.GetToken(), key, "is not a list", "")
			}
			continue
		}
		for n, v := range seq.Values {
			if it := r.item(&sections[i], n, v); it != nil {
				d.items = append(d.items, it)
			}
		}
	}
	slices.SortStableFunc(d.items, func(a, b *item) int { return rank(a.section) - rank(b.section) })
}

func rank(s *section) int {
	return slices.IndexFunc(sections, func(o section) bool { return o.name == s.name })
}

func (r *reader) item(s *section, index int, n ast.Node) *item {
	it := &item{section: s, index: index, at: map[string]*token.Token{}}
	where := it.path("")
	var doc any
	if err := yaml.NodeToValue(n, &doc); err != nil {
		r.fault(n.GetToken(), where, "cannot be read: "+err.Error(), "")
		return nil
	}
	enc, err := json.Marshal(doc)
	if err != nil {
		r.fault(n.GetToken(), where, "cannot be written as JSON", "")
		return nil
	}
	if json.Unmarshal(enc, &it.fields) != nil || it.fields == nil {
		r.fault(n.GetToken(), where, "is not a group of keys", "")
		return nil
	}
	mark(it.at, "", n)
	if s.name == "flows" && !r.flowText(it) {
		return nil
	}
	if id, _ := it.fields[s.key].(string); id == "" && it.fields["id"] == nil {
		r.fault(it.at[""], where, "has neither id nor "+s.key, "")
		return nil
	}
	r.check(it)
	return it
}

// mark notes the place of every path below a node.
func mark(at map[string]*token.Token, path string, n ast.Node) {
	at[path] = n.GetToken()
	if ps, ok := pairs(n); ok {
		if len(ps) > 0 {
			at[path] = ps[0].Key.GetToken()
		}
		for _, p := range ps {
			sub := path + "/" + p.Key.GetToken().Value
			mark(at, sub, p.Value)
			at[sub] = p.Key.GetToken()
		}
	}
	if seq, ok := n.(*ast.SequenceNode); ok {
		for i, v := range seq.Values {
			mark(at, fmt.Sprintf("%s/%d", path, i), v)
		}
	}
}

// flowText takes the text of a flow out of the fields: text, or file.
func (r *reader) flowText(it *item) bool {
	it.publish = true
	if p, ok := it.fields["publish"].(bool); ok {
		it.publish = p
	}
	delete(it.fields, "publish")
	if text, ok := it.fields["text"].(string); ok {
		it.text = text
		if t := it.at["/text"]; t != nil && t.Position != nil {
			it.textLine = t.Position.Line // a block begins on the next line
		}
	}
	if file, ok := it.fields["file"].(string); ok {
		if r.folder == nil || it.text != "" {
			r.fault(it.at["/file"], it.path("file"), "a flow has either text or file", "")
			return false
		}
		b, err := fs.ReadFile(r.folder, file)
		if err != nil {
			r.fault(it.at["/file"], it.path("file"), "cannot be read: "+err.Error(), "a file below the folder of "+r.name)
			return false
		}
		it.text, it.textFile = string(b), file
	}
	delete(it.fields, "text")
	delete(it.fields, "file")
	return true
}

// path names a place in the item for people.
func (it *item) path(field string) string {
	s := fmt.Sprintf("%s[%d]", it.section.name, it.index)
	if field != "" {
		s += "." + field
	}
	return s
}

// check applies the schema of a new thing; which fields must be there depends
// on whether it exists already, and is told by the server.
func (r *reader) check(it *item) {
	fresh, _ := it.section.schemas()
	for _, f := range r.validator.Check(fresh, it.fields) {
		if f.Code == "required" && strings.Count(f.Pointer, "/") == 1 {
			continue
		}
		allowed := ""
		if f.Code == "unknown" && strings.Count(f.Pointer, "/") == 1 {
			fields := r.validator.Fields(fresh)
			if it.section.name == "flows" {
				fields = append(fields, "text", "file", "publish")
			}
			slices.Sort(fields)
			allowed = strings.Join(fields, ", ")
		}
		r.problems = append(r.problems, it.problem(r.name, f.Pointer, f.Message, allowed))
	}
}

// problem places a fault that was found by pointer (#/skills/0).
func (it *item) problem(file, pointer, message, allowed string) Problem {
	path := strings.TrimPrefix(pointer, "#")
	p := Problem{File: file, Line: 1, Column: 1, Path: it.path(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")), Message: message, Allowed: allowed}
	for at := path; ; at = at[:strings.LastIndexByte(at, '/')] {
		if t := it.at[at]; t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
			return p
		}
		if !strings.Contains(at, "/") {
			return p
		}
	}
}
