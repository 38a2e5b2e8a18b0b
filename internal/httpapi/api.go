package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/openhotline/hotline/agent/account"
)

// prefix is the root of the API; additive changes only.
const prefix = "/api/v1"

// tags of the operations, in the order of the document.
const (
	tagAccount       = "account"
	tagDesk          = "desk"
	tagConversations = "conversations"
	tagCustomers     = "customers"
	tagFigures       = "figures"
	tagLive          = "live"
	tagSetup         = "setup"
	tagFlows         = "flows"
	tagPhone         = "phone"
	tagAudit         = "audit"
)

var hookHuma sync.Once

// newAPI makes the huma API on a mux: our problems, our names, no extra routes.
func newAPI(mux *http.ServeMux) huma.API {
	hookHuma.Do(func() { // huma has these as package variables only
		huma.NewError = newHumaError
		huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
			p := newHumaError(status, msg, errs...)
			if own, ok := p.(*Problem); ok {
				own.RequestID = requestID(ctx.Context())
			}
			return p
		}
		huma.DefaultArrayNullable = false // see emptySlices
	})
	cfg := huma.DefaultConfig("Hotline", "1.0.0")
	cfg.Info.Description = "The API of a Hotline contact centre. Errors are RFC 9457 problems with a stable type; " +
		"changes within /api/v1 are additive. Live events come over the WebSocket /api/v1/live."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil
	cfg.Transformers = []huma.Transformer{emptySlices}
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: cookieName, Description: "Set by POST /login. Over HTTPS its name begins with __Host-; another port than the usual one is appended."},
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, or the token of POST /login?token=true"},
	}
	cfg.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	cfg.Tags = []*huma.Tag{
		{Name: tagAccount, Description: "Log-in and one's own profile"},
		{Name: tagDesk, Description: "What agents do: presence, offers, calls, wrap-up"},
		{Name: tagConversations, Description: "Conversations and their recordings"},
		{Name: tagCustomers, Description: "Customers and their timeline"},
		{Name: tagFigures, Description: "Wallboard and figures"},
		{Name: tagLive, Description: "The journal of events"},
		{Name: tagSetup, Description: "What is administered"},
		{Name: tagFlows, Description: "Flows and their versions"},
		{Name: tagPhone, Description: "The test phone and click-to-call"},
		{Name: tagAudit, Description: "Who did what"},
	}
	aliasEnums(cfg.Components.Schemas)
	return humago.New(mux, cfg)
}

// operation describes one operation. An empty action means that nobody needs to
// be logged in.
func operation(id, method, path, tag, summary string, action account.Action) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: prefix + path, Tags: []string{tag}, Summary: summary,
		Metadata: map[string]any{"action": action},
	}
	if action == "" {
		op.Security = []map[string][]string{}
	}
	return op
}

// requestWithin bounds what a handler waits for. Figures of long spans take
// longest.
const requestWithin = time.Minute

// register adds an operation whose handler returns errors of the domain; they
// become problems here.
func register[I, O any](s *Server, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, requestWithin)
		defer cancel()
		out, err := handler(ctx, in)
		if err == nil {
			return out, nil
		}
		p := *toProblem(err)
		p.RequestID = requestID(ctx)
		if p.Type == ProblemInternal {
			s.log.Error("request failed", "operation", op.OperationID, "request", p.RequestID, "error", err)
		} else {
			s.log.Debug("request refused", "operation", op.OperationID, "request", p.RequestID, slog.String("problem", string(p.Type)))
		}
		if h := retryAfter(err); h != "" {
			return nil, huma.ErrorWithHeaders(&p, http.Header{"Retry-After": {h}})
		}
		return nil, &p
	})
}

// empty is the output of operations that answer with 204.
type empty struct{}

// list is a page of a list.
type list[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
	}
}

func newList[T any](items []T, next string) *list[T] {
	var l list[T]
	l.Body.Items, l.Body.Next = items, next
	return &l
}

// one is a single thing as the whole body.
type one[T any] struct {
	Body T
}

// Paging is the query of every list.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"400" doc:"As the page before returned it in next"`
	Limit  int    `query:"limit" minimum:"0" maximum:"500" doc:"Items per page; 0 means 50"`
}

// emptySlices is a transformer that answers [] and {} instead of null.
func emptySlices(_ huma.Context, _ string, v any) (any, error) {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return v, nil
	}
	c := reflect.New(rv.Type()).Elem()
	c.Set(rv)
	fillNil(c)
	return c.Interface(), nil
}

// fillNil replaces nil slices and maps in what is addressable below v. It does
// not follow into shared memory: elements behind slices are copied first.
func fillNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fillNil(f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return
		}
		if !holdsNil(v.Type().Elem()) {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			fillNil(c.Index(i))
		}
		v.Set(c)
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		fillNil(c.Elem())
		v.Set(c)
	}
}

// holdsNil reports whether values of a type can hold nil slices or maps.
func holdsNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
		return true
	}
	return false
}
