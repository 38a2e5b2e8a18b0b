package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/ivr"
)

type flowText struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Text string `json:"text" maxLength:"1000000" doc:"YAML; empty: the stored draft"`
	}
}

type flowDraft struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Version int64  `json:"version" minimum:"1" doc:"Version of the record that is being changed"`
		Text    string `json:"text" maxLength:"1000000" doc:"YAML; faults are stored too and reported"`
	}
}

type flowPublish struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Version int64  `json:"version" minimum:"1" doc:"Version of the record that is being changed"`
		Note    string `json:"note,omitempty" maxLength:"500" doc:"What is new"`
	}
}

type flowRollback struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Version   int64 `json:"version" minimum:"1" doc:"Version of the record that is being changed"`
		ToVersion int   `json:"to_version" minimum:"1" doc:"Version of the flow that shall answer calls"`
	}
}

// FlowProblem is one fault of a flow's text.
type FlowProblem struct {
	Severity string   `json:"severity" enum:"error,warning" doc:"Only errors keep a flow from being published"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Path     string   `json:"path" doc:"Where in the document, such as nodes.menu.choices.1"`
	Message  string   `json:"message"`
	Allowed  []string `json:"allowed" doc:"What would be right, where that is a list"`

	Code   string            `json:"code" doc:"Stable kind of the problem, for translation; the message says the same in English"`
	Params map[string]string `json:"params,omitempty" doc:"What the message names: the holes of a translation"`
}

// FlowValidation is what became of checking a flow's text.
type FlowValidation struct {
	Valid    bool          `json:"valid"`
	Problems []FlowProblem `json:"problems"`
}

// FlowDraft is a stored draft with its faults.
type FlowDraft struct {
	Flow       setup.Flow     `json:"flow"`
	Validation FlowValidation `json:"validation"`
}

func (s *Server) registerFlows() {
	res := resource[setup.Flow]{
		kind: account.KindFlow, idKind: id.Flow, path: "/flows", name: "flow", plural: "flows", tag: tagFlows,
		read: account.ActFlowsRead, write: account.ActFlows, required: []string{"name"},
		key: func(f setup.Flow) string { return f.Name }, title: func(f setup.Flow) string { return f.Name },
		meta: func(f *setup.Flow) *setup.Meta { return &f.Meta }, used: s.flowUsed,
		check: func(_ context.Context, f *setup.Flow, was *setup.Flow) error {
			f.Published, f.Latest = 0, 0 // set by publishing only
			if was != nil {
				f.Published, f.Latest = was.Published, was.Latest
			}
			return nil
		},
	}
	registerResource(s, res)
	register(s, operation("list-flow-names", http.MethodGet, "/flow-names", tagFlows, "List the flows by name, without their texts, for everybody who can hand a caller to one", account.ActFlowNames), s.flowNames)
	register(s, operation("list-flow-versions", http.MethodGet, "/flows/{id}/versions", tagFlows, "List the published versions of a flow, newest first", account.ActFlowsRead), s.flowVersions)
	register(s, operation("validate-flow", http.MethodPost, "/flows/{id}/validate", tagFlows, "Check the text of a flow", account.ActFlowsRead), s.validateFlow)
	register(s, operation("save-flow-draft", http.MethodPut, "/flows/{id}/draft", tagFlows, "Store the draft of a flow", account.ActFlows),
		func(ctx context.Context, in *flowDraft) (*one[FlowDraft], error) {
			body, err := json.Marshal(map[string]any{"version": in.Body.Version, "draft": in.Body.Text})
			if err != nil {
				return nil, err
			}
			f, err := res.update(ctx, s, in.ID, body)
			if err != nil {
				return nil, err
			}
			return &one[FlowDraft]{FlowDraft{Flow: f.Body, Validation: checkFlow(in.Body.Text)}}, nil
		})
	register(s, operation("publish-flow", http.MethodPost, "/flows/{id}/publish", tagFlows, "Publish the draft: it answers calls from now on", account.ActFlows), s.publishFlow)
	register(s, operation("rollback-flow", http.MethodPost, "/flows/{id}/rollback", tagFlows, "Let an earlier version answer calls again", account.ActFlows), s.rollbackFlow)
}

// checkFlow checks the text of a flow; warnings do not make it invalid.
func checkFlow(text string) FlowValidation {
	_, problems := ivr.Parse([]byte(text))
	v := FlowValidation{Valid: true}
	for _, p := range problems {
		v.Valid = v.Valid && p.Severity != ivr.Error
		v.Problems = append(v.Problems, FlowProblem{string(p.Severity), p.Line, p.Column, p.Path, p.Message, p.Allowed, p.Code, p.Params})
	}
	return v
}

func (s *Server) flow(ctx context.Context, flowID string) (setup.Flow, error) {
	r, err := s.cfg.Accounts.Record(ctx, account.KindFlow, flowID)
	if err != nil {
		return setup.Flow{}, err
	}
	return setup.Decode[setup.Flow](r)
}

func (s *Server) validateFlow(ctx context.Context, in *flowText) (*one[FlowValidation], error) {
	text := in.Body.Text
	if text == "" {
		f, err := s.flow(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		text = f.Draft
	}
	return &one[FlowValidation]{checkFlow(text)}, nil
}

// FlowName is what everybody may know of a flow.
type FlowName struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Published bool   `json:"published" doc:"Some version answers calls"`
}

// flowNames answers from the roster: every page asks, and the texts are long.
func (s *Server) flowNames(ctx context.Context, in *Paging) (*list[FlowName], error) {
	r, err := s.roster(ctx)
	if err != nil {
		return nil, err
	}
	from, _ := slices.BinarySearchFunc(r.flows, in.Cursor+"\x00", func(f FlowName, after string) int { return cmp.Compare(f.ID, after) })
	names, next := r.flows[from:], ""
	if limit := cmp.Or(in.Limit, 50); len(names) > limit {
		names, next = names[:limit], names[limit-1].ID
	}
	return newList(names, next), nil
}

func (s *Server) flowVersions(ctx context.Context, in *idInput) (*list[setup.FlowVersion], error) {
	f, err := s.flow(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var out []setup.FlowVersion
	for n := f.Latest; n > 0; n-- {
		v, err := s.flowVersion(ctx, f.ID, n)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return newList(out, ""), nil
}

func (s *Server) flowVersion(ctx context.Context, flowID string, n int) (setup.FlowVersion, error) {
	r, err := s.cfg.Accounts.Record(ctx, account.KindFlowVersion, setup.FlowVersionID(flowID, n))
	if err != nil {
		return setup.FlowVersion{}, err
	}
	return setup.Decode[setup.FlowVersion](r)
}

func (s *Server) publishFlow(ctx context.Context, in *flowPublish) (*one[setup.Flow], error) {
	f, err := s.flow(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(f.Draft) == "" {
		return nil, invalid("draft", "required", "there is no draft to publish")
	}
	if v := checkFlow(f.Draft); !v.Valid {
		p := problem(ProblemValidation, "the draft has faults")
		for _, fp := range v.Problems {
			if fp.Severity != string(ivr.Error) {
				continue
			}
			p.Errors = append(p.Errors, FieldError{Pointer: "#/draft", Code: "syntax", Message: cmp.Or(fp.Path, "flow") + ": " + fp.Message, Line: fp.Line, Column: fp.Column})
		}
		return nil, p
	}
	before := f
	f.Version = in.Body.Version
	f.Latest++
	f.Published = f.Latest
	version := setup.FlowVersion{
		FlowID: f.ID, Version: f.Latest, Text: f.Draft, Note: in.Body.Note, PublishedBy: actor(ctx).User.ID, PublishedAt: s.now().UTC(),
	}
	body, err := json.Marshal(version)
	if err != nil {
		return nil, err
	}
	vid := setup.FlowVersionID(f.ID, f.Latest)
	return s.putFlow(ctx, "flow.publish", before, f, account.Write{Record: account.Record{Kind: account.KindFlowVersion, ID: vid, Key: vid, Body: body, Demo: f.Demo}})
}

func (s *Server) rollbackFlow(ctx context.Context, in *flowRollback) (*one[setup.Flow], error) {
	f, err := s.flow(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := s.flowVersion(ctx, f.ID, in.Body.ToVersion); err != nil {
		return nil, referenceError("to_version", setup.FlowVersionID(f.ID, in.Body.ToVersion), err)
	}
	before := f
	f.Version, f.Published = in.Body.Version, in.Body.ToVersion
	return s.putFlow(ctx, "flow.rollback", before, f)
}

// putFlow stores the flow's record, further writes and the audit line at once.
func (s *Server) putFlow(ctx context.Context, action string, before, f setup.Flow, more ...account.Write) (*one[setup.Flow], error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	rec := account.Record{Kind: account.KindFlow, ID: f.ID, Version: f.Version, Key: f.Name, Body: body, Demo: f.Demo}
	writes := append([]account.Write{{Record: rec}}, more...)
	before.Draft, f.Draft = "", "" // the texts are in the versions
	stored, err := s.cfg.Accounts.Change(ctx, writes, []account.Entry{s.entry(ctx, action, f.ID, f.Name, before, f)})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, account.KindFlow, f.ID)
	out, err := setup.Decode[setup.Flow](stored[0])
	return &one[setup.Flow]{out}, err
}
