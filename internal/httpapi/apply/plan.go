package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/internal/redact"
)

// Verb is what happens to one thing.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Update Verb = "update"
	Keep   Verb = "keep"
)

// Field is one field that changes.
type Field struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to"`
}

// Step is what happens to one thing.
type Step struct {
	Verb    Verb    `json:"verb"`
	Kind    string  `json:"kind"` // queues
	ID      string  `json:"id,omitempty"`
	Name    string  `json:"name"`
	Fields  []Field `json:"fields,omitempty"`
	Publish bool    `json:"publish,omitempty"`

	item    *item
	desired map[string]any
	present map[string]any // nil: it does not exist
	draft   bool           // the flow's draft changes
}

// Plan is the difference between a file and an installation.
type Plan struct {
	Steps  []*Step `json:"steps"`
	client *Client
	doc    *Document
	ids    map[string]map[string]string // id by section and key
}

// NewPlan compares a document with the installation; it changes nothing.
func NewPlan(ctx context.Context, c *Client, d *Document) (*Plan, error) {
	p := &Plan{client: c, doc: d, ids: map[string]map[string]string{}}
	present := map[string]map[string]map[string]any{} // by section and id
	for _, s := range sections {
		list, err := c.all(ctx, s.path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		p.ids[s.name], present[s.name] = map[string]string{}, map[string]map[string]any{}
		for _, v := range list {
			id, _ := v["id"].(string)
			present[s.name][id] = v
			if k, _ := v[s.key].(string); k != "" {
				p.ids[s.name][k] = id
			}
		}
	}
	for _, it := range d.items {
		step := &Step{Kind: it.section.name, item: it}
		step.Name, _ = it.fields[it.section.key].(string)
		step.ID, _ = it.fields["id"].(string)
		if step.ID == "" {
			step.ID = p.ids[it.section.name][step.Name]
		}
		step.present = present[it.section.name][step.ID]
		if step.ID != "" && step.Name != "" {
			p.ids[it.section.name][step.Name] = step.ID
		}
		p.Steps = append(p.Steps, step)
	}
	for _, step := range p.Steps {
		step.desired = p.resolve(step.item)
		step.compare()
		if step.item.text != "" {
			if err := p.compareText(ctx, step); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// resolve replaces names by ids in the fields that refer to other things. What
// is not known yet stays a name.
func (p *Plan) resolve(it *item) map[string]any {
	out := maps.Clone(it.fields)
	for field, kind := range it.section.refs {
		v, ok := out[field]
		if !ok {
			continue
		}
		out[field] = p.resolved(kind, v)
	}
	return out
}

func (p *Plan) resolved(kind string, v any) any {
	switch t := v.(type) {
	case string:
		if id, ok := p.ids[kind][t]; ok {
			return id
		}
	case []any:
		list := make([]any, len(t))
		for i := range t {
			list[i] = p.resolved(kind, t[i])
		}
		return list
	case map[string]any: // an overflow step
		if t["kind"] == "queue" {
			m := maps.Clone(t)
			m["target"] = p.resolved(kind, t["target"])
			return m
		}
	}
	return v
}

// compare lists the fields that differ.
func (s *Step) compare() {
	s.Verb, s.Fields = Keep, nil
	if s.present == nil {
		s.Verb = Create
	}
	for _, name := range slices.Sorted(maps.Keys(s.desired)) {
		to, from := s.desired[name], s.present[name]
		secret := slices.Contains(s.item.section.secret, name)
		if s.present != nil && (name == "id" || secret || same(from, to)) {
			continue
		}
		f := Field{Name: name, To: shown(name, to)}
		if s.present != nil {
			f.From = shown(name, from)
			s.Verb = Update
		}
		s.Fields = append(s.Fields, f)
	}
}

// same compares two values as JSON; an object may lack what is empty.
func same(a, b any) bool {
	return reflect.DeepEqual(normal(a), normal(b))
}

func normal(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		if l, ok := v.([]any); ok {
			out := make([]any, len(l))
			for i := range l {
				out[i] = normal(l[i])
			}
			return out
		}
		return v
	}
	out := map[string]any{}
	for k, e := range m {
		if e != nil && e != "" {
			out[k] = normal(e)
		}
	}
	return out
}

// shown is a value as JSON without secrets.
func shown(name string, v any) json.RawMessage {
	b, err := json.Marshal(map[string]any{name: v})
	if err != nil {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(redact.JSON(b), &m) != nil {
		return nil
	}
	return m[name]
}

// compareText tells whether a flow's draft and published version must change.
func (p *Plan) compareText(ctx context.Context, s *Step) error {
	published := ""
	if s.present != nil {
		var versions struct {
			Items []struct {
				Version int    `json:"version"`
				Text    string `json:"text"`
			} `json:"items"`
		}
		if err := p.client.do(ctx, http.MethodGet, "/flows/"+s.ID+"/versions", nil, &versions); err != nil {
			return err
		}
		now, _ := s.present["published"].(float64)
		for _, v := range versions.Items {
			if v.Version == int(now) {
				published = v.Text
			}
		}
	}
	s.draft = s.present == nil || s.present["draft"] != s.item.text
	s.Publish = s.item.publish && published != s.item.text
	if (s.draft || s.Publish) && s.Verb == Keep {
		s.Verb = Update
	}
	if s.draft {
		s.Fields = append(s.Fields, Field{Name: "text", To: json.RawMessage(fmt.Sprintf("%q", fmt.Sprintf("%d lines", strings.Count(s.item.text, "\n")+1)))})
	}
	return nil
}

// Changes counts the steps that change something.
func (p *Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.Verb != Keep {
			n++
		}
	}
	return n
}

// Print writes the difference for people: + is new, ~ changes.
func (p *Plan) Print(w io.Writer) error {
	for _, s := range p.Steps {
		if s.Verb == Keep {
			continue
		}
		sign := map[Verb]string{Create: "+", Update: "~"}[s.Verb]
		if _, err := fmt.Fprintf(w, "%s %s %s\n", sign, s.Kind, strings.TrimSpace(s.ID+" "+s.Name)); err != nil {
			return err
		}
		for _, f := range s.Fields {
			line := fmt.Sprintf("    %s: %s\n", f.Name, f.To)
			if s.Verb == Update && f.From != nil {
				line = fmt.Sprintf("    %s: %s -> %s\n", f.Name, f.From, f.To)
			}
			if _, err := io.WriteString(w, line); err != nil {
				return err
			}
		}
		if s.Publish {
			if _, err := io.WriteString(w, "    publish\n"); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d change\n", p.Changes(), len(p.Steps))
	return err
}

// Apply carries the plan out. What the server refuses comes back as Problems
// with the place in the file; what was done before stays done, and applying the
// file again goes on from there.
func (p *Plan) Apply(ctx context.Context) error {
	type rest struct {
		step   *Step
		fields map[string]any
	}
	var later []rest
	for _, s := range p.Steps {
		if s.Verb == Keep {
			continue
		}
		fields, postponed := map[string]any{}, map[string]any{}
		desired := p.resolve(s.item)
		for _, f := range s.Fields {
			if f.Name == "text" && s.Kind == "flows" {
				continue
			}
			to := fields
			if s.Verb == Create && slices.Contains(s.item.section.later, f.Name) {
				to = postponed
			}
			to[f.Name] = desired[f.Name]
		}
		if err := p.write(ctx, s, fields); err != nil {
			return p.placed(s, err)
		}
		if len(postponed) > 0 {
			later = append(later, rest{s, postponed})
		}
		if err := p.flow(ctx, s); err != nil {
			return p.placed(s, err)
		}
	}
	for _, r := range later {
		for field := range r.fields {
			r.fields[field] = p.resolved(r.step.item.section.refs[field], r.fields[field])
		}
		if err := p.write(ctx, r.step, r.fields); err != nil {
			return p.placed(r.step, err)
		}
	}
	return nil
}

// write creates the thing, or changes fields of it; afterwards it is present.
func (p *Plan) write(ctx context.Context, s *Step, fields map[string]any) error {
	var now map[string]any
	path := s.item.section.path
	switch {
	case s.present == nil:
		if err := p.client.do(ctx, http.MethodPost, path, fields, &now); err != nil {
			return err
		}
	case len(fields) > 0:
		fields["version"] = s.present["version"]
		if err := p.client.do(ctx, http.MethodPatch, path+"/"+s.ID, fields, &now); err != nil {
			return err
		}
	default:
		return nil
	}
	s.present = now
	s.ID, _ = now["id"].(string)
	p.ids[s.Kind][s.Name] = s.ID
	return nil
}

// flow stores and publishes a flow's text.
func (p *Plan) flow(ctx context.Context, s *Step) error {
	if s.draft {
		var d struct {
			Flow map[string]any `json:"flow"`
		}
		if err := p.client.do(ctx, http.MethodPut, "/flows/"+s.ID+"/draft", map[string]any{"version": s.present["version"], "text": s.item.text}, &d); err != nil {
			return err
		}
		s.present = d.Flow
	}
	if !s.Publish {
		return nil
	}
	return p.client.do(ctx, http.MethodPost, "/flows/"+s.ID+"/publish", map[string]any{"version": s.present["version"], "note": "apply"}, &s.present)
}

// placed gives a refusal of the server its place in the file.
func (p *Plan) placed(s *Step, err error) error {
	var refused *httpapi.Problem
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", s.item.path(""), err)
	}
	var out Problems
	for _, f := range refused.Errors {
		pr := s.item.problem(p.doc.name, f.Pointer, f.Message, "")
		if f.Line > 0 && s.item.text != "" {
			pr.Line, pr.Column = s.item.textLine+f.Line, f.Column
			if s.item.textFile != "" {
				pr.File = s.item.textFile
			}
		}
		out = append(out, pr)
	}
	if len(out) == 0 {
		out = Problems{s.item.problem(p.doc.name, "", strings.TrimSuffix(refused.Title+": "+refused.Detail, ": "), "")}
	}
	return out
}
