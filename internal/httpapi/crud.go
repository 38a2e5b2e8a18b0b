package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
)

// resource describes one kind of administered record to the generic handlers.
type resource[T any] struct {
	kind        account.Kind
	idKind      id.Kind // empty: the id is a chosen word, and required
	path        string  // below the prefix: /queues
	name        string  // in operation ids: queue
	plural      string
	tag         string
	read, write account.Action
	required    []string // fields that a new one must have
	fresh       func() T // with the defaults
	key         func(T) string
	title       func(T) string // for the audit
	meta        func(*T) *setup.Meta
	// check refuses what a schema cannot; it may set fields. was is nil for a new one.
	check func(ctx context.Context, v *T, was *T) error
	// hide takes secrets out of what leaves; keep puts them back into a change.
	hide func(*T)
	// used refuses deleting what others refer to.
	used func(ctx context.Context, id string) error
	// team is the team that a thing belongs to; empty: it is everybody's, so that a
	// supervisor with a team, who changes only what belongs to that, leaves it
	// alone. nil: everybody who may write changes every one.
	team func(ctx context.Context, v T) (string, error)
}

// Bodies are documents that the handlers merge; huma validates them by schema.
type (
	createInput struct{ Body json.RawMessage }
	patchInput  struct {
		ID   string `path:"id" maxLength:"60"`
		Body json.RawMessage
	}
)

// partial makes the schema of a new or changed resource out of the full one:
// without what only the server sets, and with other required fields.
func partial(r huma.Registry, t reflect.Type, name string, required []string, extra map[string]*huma.Schema) *huma.Schema {
	r.Schema(t, true, "")
	full := r.Map()[t.Name()]
	s := &huma.Schema{
		Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, Required: required, AdditionalProperties: false,
	}
	for k, p := range full.Properties {
		if !p.ReadOnly {
			s.Properties[k] = p
		}
	}
	for k, p := range extra {
		s.Properties[k] = p
	}
	s.PrecomputeMessages()
	r.Map()[name] = s
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func jsonBody(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

func registerResource[T any](s *Server, res resource[T]) {
	reg := s.api.OpenAPI().Components.Schemas
	t := reflect.TypeFor[T]()
	minOne, maxID := 1.0, 60
	idSchema := &huma.Schema{Type: huma.TypeString, MaxLength: &maxID, Description: "A chosen identifier; made when absent", Pattern: "^" + string(res.idKind) + "_[0-9A-Za-z_-]{1,48}$"}
	required := res.required
	if res.idKind == "" {
		idSchema.Description, idSchema.Pattern = "A chosen word", "^[a-z][a-z0-9_]{0,47}$"
		required = append([]string{"id"}, required...)
	}
	if res.fresh == nil {
		res.fresh = func() T { var v T; return v }
	}
	all := operation("list-"+res.plural, http.MethodGet, res.path, res.tag, "List "+spaced(res.plural), res.read)
	register(s, all, func(ctx context.Context, in *Paging) (*list[T], error) { return res.list(ctx, s, *in) })

	create := operation("create-"+res.name, http.MethodPost, res.path, res.tag, "Create a "+spaced(res.name), res.write)
	create.DefaultStatus = http.StatusCreated
	create.RequestBody = jsonBody(partial(reg, t, "New"+t.Name(), required, map[string]*huma.Schema{"id": idSchema}))
	register(s, create, func(ctx context.Context, in *createInput) (*one[T], error) { return res.create(ctx, s, in.Body) })

	get := operation("get-"+res.name, http.MethodGet, res.path+"/{id}", res.tag, "Get a "+spaced(res.name), res.read)
	register(s, get, func(ctx context.Context, in *idInput) (*one[T], error) {
		v, err := res.get(ctx, s, in.ID)
		if err == nil && res.hide != nil {
			res.hide(&v)
		}
		return &one[T]{v}, err
	})

	update := operation("update-"+res.name, http.MethodPatch, res.path+"/{id}", res.tag, "Change a "+spaced(res.name), res.write)
	update.Description = "Only the fields that are there change. version is the one that is being changed."
	update.RequestBody = jsonBody(partial(reg, t, t.Name()+"Patch", []string{"version"}, map[string]*huma.Schema{
		"version": {Type: huma.TypeInteger, Format: "int64", Minimum: &minOne, Description: "Version that is being changed"},
	}))
	register(s, update, func(ctx context.Context, in *patchInput) (*one[T], error) { return res.update(ctx, s, in.ID, in.Body) })

	del := operation("delete-"+res.name, http.MethodDelete, res.path+"/{id}", res.tag, "Delete a "+spaced(res.name), res.write)
	del.DefaultStatus = http.StatusNoContent
	register(s, del, func(ctx context.Context, in *deleteInput) (*empty, error) { return nil, res.remove(ctx, s, *in) })
}

func spaced(s string) string { return strings.ReplaceAll(s, "-", " ") }

// page reads one page of records.
func (s *Server) page(ctx context.Context, kind account.Kind, p Paging) ([]account.Record, string, error) {
	limit := p.Limit
	if limit <= 0 {
		limit = 50
	}
	records, err := s.cfg.Accounts.Records(ctx, kind, account.Page{After: p.Cursor, Limit: limit + 1})
	if err != nil {
		return nil, "", err
	}
	if len(records) > limit {
		return records[:limit], records[limit-1].ID, nil
	}
	return records, "", nil
}

func (res resource[T]) list(ctx context.Context, s *Server, p Paging) (*list[T], error) {
	records, next, err := s.page(ctx, res.kind, p)
	if err != nil {
		return nil, err
	}
	items := make([]T, 0, len(records))
	for _, r := range records {
		v, err := setup.Decode[T](r)
		if err != nil {
			return nil, err
		}
		if res.hide != nil {
			res.hide(&v)
		}
		items = append(items, v)
	}
	return newList(items, next), nil
}

func (res resource[T]) get(ctx context.Context, s *Server, recordID string) (T, error) {
	r, err := s.cfg.Accounts.Record(ctx, res.kind, recordID)
	if err != nil {
		var zero T
		return zero, err
	}
	return setup.Decode[T](r)
}

func (res resource[T]) create(ctx context.Context, s *Server, body json.RawMessage) (*one[T], error) {
	v := res.fresh()
	if err := overlay(&v, body); err != nil {
		return nil, err
	}
	var given struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, errBody
	}
	m := res.meta(&v)
	*m = setup.Meta{ID: given.ID}
	if m.ID == "" {
		m.ID = id.New(res.idKind)
	}
	return res.save(ctx, s, "create", v, nil)
}

func (res resource[T]) update(ctx context.Context, s *Server, recordID string, body json.RawMessage) (*one[T], error) {
	v, err := res.get(ctx, s, recordID)
	if err != nil {
		return nil, err
	}
	was := clone(v)
	kept := *res.meta(&v)
	if err := overlay(&v, body); err != nil {
		return nil, err
	}
	m := res.meta(&v)
	kept.Version = m.Version
	*m = kept
	return res.save(ctx, s, "update", v, &was)
}

// clone copies a value by its JSON, so that nothing is shared.
func clone[T any](v T) T {
	var c T
	if b, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(b, &c) // what was marshalled can be unmarshalled
	}
	return c
}

// overlay puts the fields of a document over a value: a field that is there
// replaces the old one whole.
func overlay[T any](v *T, body json.RawMessage) error {
	base, err := json.Marshal(*v)
	if err != nil {
		return err
	}
	doc, over := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(base, &doc); err != nil {
		return err
	}
	if err := json.Unmarshal(body, &over); err != nil {
		return errBody
	}
	for k, e := range over {
		doc[k] = e
	}
	merged, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var out T
	if err := json.Unmarshal(merged, &out); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return invalid(te.Field, "type", "expected %s", te.Type)
		}
		return errBody
	}
	*v = out
	return nil
}

// save checks and stores a new or changed resource with its audit line.
func (res resource[T]) save(ctx context.Context, s *Server, verb string, v T, was *T) (*one[T], error) {
	if err := res.ownTeam(ctx, v, was); err != nil {
		return nil, err
	}
	if res.check != nil {
		if err := res.check(ctx, &v, was); err != nil {
			return nil, err
		}
	}
	m := *res.meta(&v)
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ID, err)
	}
	rec := account.Record{Kind: res.kind, ID: m.ID, Version: m.Version, Key: res.key(v), Body: body, Demo: m.Demo}
	var before any
	if was != nil {
		before = *was
	}
	entry := s.entry(ctx, res.name+"."+verb, m.ID, res.title(v), before, v)
	stored, err := s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec}}, []account.Entry{entry})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, res.kind, m.ID)
	out, err := setup.Decode[T](stored[0])
	if err == nil && res.hide != nil {
		res.hide(&out)
	}
	return &one[T]{out}, err
}

// ownTeam keeps a supervisor with a team from changing what is another team's,
// and from moving things between teams.
func (res resource[T]) ownTeam(ctx context.Context, v T, was *T) error {
	a := actor(ctx)
	if res.team == nil || a.Role != account.RoleSupervisor || a.User.TeamID == "" {
		return nil
	}
	things := []T{v}
	if was != nil {
		things = append(things, *was)
	}
	for _, thing := range things {
		team, err := res.team(ctx, thing)
		if err != nil {
			return err
		}
		if team != a.User.TeamID {
			return problem(ProblemForbidden, "supervisors change what belongs to their own team")
		}
	}
	return nil
}

func (res resource[T]) remove(ctx context.Context, s *Server, in deleteInput) error {
	rec, err := s.cfg.Accounts.Record(ctx, res.kind, in.ID)
	if err != nil {
		return err
	}
	v, err := setup.Decode[T](rec)
	if err != nil {
		return err
	}
	if err := res.ownTeam(ctx, v, nil); err != nil {
		return err
	}
	if res.used != nil {
		if err := res.used(ctx, in.ID); err != nil {
			return err
		}
	}
	if in.Version != 0 {
		rec.Version = in.Version
	}
	entry := s.entry(ctx, res.name+".delete", in.ID, res.title(v), v, nil)
	if _, err := s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec, Delete: true}}, []account.Entry{entry}); err != nil {
		return err
	}
	s.changed(ctx, res.kind, in.ID)
	return nil
}

// refersAll checks a list of references.
func (s *Server) refersAll(ctx context.Context, kind account.Kind, field string, refs []string) error {
	for i, ref := range refs {
		if ref == "" || slices.Index(refs, ref) < i {
			return invalid(fmt.Sprintf("%s[%d]", field, i), "unique", "expected identifiers without repetition")
		}
		if err := s.refers(ctx, kind, fmt.Sprintf("%s[%d]", field, i), ref); err != nil {
			return err
		}
	}
	return nil
}
