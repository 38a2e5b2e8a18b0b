package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// ProblemType is the stable, translatable kind of a problem.
type ProblemType string

// The types of problems. The pages translate them; they never change.
const (
	ProblemValidation      ProblemType = "urn:hotline:problem:validation"
	ProblemMalformed       ProblemType = "urn:hotline:problem:malformed"
	ProblemCredentials     ProblemType = "urn:hotline:problem:credentials"
	ProblemUnauthenticated ProblemType = "urn:hotline:problem:unauthenticated"
	ProblemForbidden       ProblemType = "urn:hotline:problem:forbidden"
	ProblemCrossOrigin     ProblemType = "urn:hotline:problem:cross-origin"
	ProblemHTTPSRequired   ProblemType = "urn:hotline:problem:https-required"
	ProblemNotFound        ProblemType = "urn:hotline:problem:not-found"
	ProblemMethod          ProblemType = "urn:hotline:problem:method-not-allowed"
	ProblemVersion         ProblemType = "urn:hotline:problem:version-conflict"
	ProblemTaken           ProblemType = "urn:hotline:problem:taken"
	ProblemInUse           ProblemType = "urn:hotline:problem:in-use"
	ProblemState           ProblemType = "urn:hotline:problem:state-conflict"
	ProblemTooLarge        ProblemType = "urn:hotline:problem:too-large"
	ProblemMediaType       ProblemType = "urn:hotline:problem:media-type"
	ProblemRange           ProblemType = "urn:hotline:problem:range"
	ProblemThrottled       ProblemType = "urn:hotline:problem:throttled"
	ProblemUnavailable     ProblemType = "urn:hotline:problem:unavailable"
	ProblemInternal        ProblemType = "urn:hotline:problem:internal"
)

// ProblemTypes lists every type of problem.
var ProblemTypes = []ProblemType{
	ProblemValidation, ProblemMalformed, ProblemCredentials, ProblemUnauthenticated, ProblemForbidden,
	ProblemCrossOrigin, ProblemHTTPSRequired, ProblemNotFound, ProblemMethod, ProblemVersion, ProblemTaken,
	ProblemInUse, ProblemState, ProblemTooLarge, ProblemMediaType, ProblemRange, ProblemThrottled,
	ProblemUnavailable, ProblemInternal,
}

// Problem is an error as clients see it (RFC 9457).
type Problem struct {
	Type      ProblemType  `json:"type" doc:"Stable kind of the problem; clients translate it"`
	Title     string       `json:"title" doc:"English summary of the type"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty" doc:"What is wrong in this case, in English"`
	Errors    []FieldError `json:"errors,omitempty" nullable:"false" doc:"The fields that are wrong"`
	RequestID string       `json:"request_id,omitempty" doc:"To be found in the server's log"`
}

// FieldError tells which field of a request is wrong, and why.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer into the body as a URI fragment, such as #/skills/0"`
	Parameter string `json:"parameter,omitempty" doc:"Name of the path, query or header parameter"`
	Code      string `json:"code" doc:"Stable kind of the fault: required, unknown, type, one_of, too_small, too_large, pattern, format, unique, reference, scope, weak_password, syntax, invalid"`
	Message   string `json:"message" doc:"What was expected, in English"`
	Line      int    `json:"line,omitempty" doc:"Line in a text field, from 1"`
	Column    int    `json:"column,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

type problemKind struct {
	status int
	title  string
}

var problemKinds = map[ProblemType]problemKind{
	ProblemValidation:      {http.StatusUnprocessableEntity, "Some fields are not valid"},
	ProblemMalformed:       {http.StatusBadRequest, "The request cannot be read"},
	ProblemCredentials:     {http.StatusUnauthorized, "E-mail address or password is wrong"},
	ProblemUnauthenticated: {http.StatusUnauthorized, "Log in first"},
	ProblemForbidden:       {http.StatusForbidden, "Your role does not permit this"},
	ProblemCrossOrigin:     {http.StatusForbidden, "The request comes from another site"},
	ProblemHTTPSRequired:   {http.StatusForbidden, "Use the HTTPS address"},
	ProblemNotFound:        {http.StatusNotFound, "There is no such thing"},
	ProblemMethod:          {http.StatusMethodNotAllowed, "The address does not have this method"},
	ProblemVersion:         {http.StatusConflict, "It was changed in the meantime"},
	ProblemTaken:           {http.StatusConflict, "This name or number is already in use"},
	ProblemInUse:           {http.StatusConflict, "Others still refer to it"},
	ProblemState:           {http.StatusConflict, "This is not possible now"},
	ProblemTooLarge:        {http.StatusRequestEntityTooLarge, "The request is too large"},
	ProblemMediaType:       {http.StatusUnsupportedMediaType, "The content type is not supported"},
	ProblemRange:           {http.StatusRequestedRangeNotSatisfiable, "The range does not exist"},
	ProblemThrottled:       {http.StatusTooManyRequests, "Too many requests"},
	ProblemUnavailable:     {http.StatusServiceUnavailable, "This is not available now"},
	ProblemInternal:        {http.StatusInternalServerError, "Something went wrong inside"},
}

// problem makes a problem of a type, with optional details.
func problem(t ProblemType, detail string, fields ...FieldError) *Problem {
	k := problemKinds[t]
	return &Problem{Type: t, Title: k.title, Status: k.status, Detail: detail, Errors: fields}
}

// typeOfStatus gives the problem type for a status that huma or net/http chose.
func typeOfStatus(status int) ProblemType {
	switch status {
	case http.StatusBadRequest:
		return ProblemMalformed
	case http.StatusUnauthorized:
		return ProblemUnauthenticated
	case http.StatusForbidden:
		return ProblemForbidden
	case http.StatusNotFound:
		return ProblemNotFound
	case http.StatusMethodNotAllowed:
		return ProblemMethod
	case http.StatusConflict:
		return ProblemState
	case http.StatusRequestEntityTooLarge:
		return ProblemTooLarge
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		return ProblemMediaType
	case http.StatusUnprocessableEntity:
		return ProblemValidation
	case http.StatusTooManyRequests:
		return ProblemThrottled
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return ProblemUnavailable
	}
	return ProblemInternal
}

// newHumaError replaces huma's error model by ours.
func newHumaError(status int, msg string, errs ...error) huma.StatusError {
	t := typeOfStatus(status)
	p := problem(t, "")
	p.Status = status
	if t == ProblemInternal {
		return p // the inner text never leaves
	}
	p.Detail = msg
	for _, err := range errs {
		if err == nil {
			continue
		}
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			p.Errors = append(p.Errors, fieldError(d.ErrorDetail()))
			continue
		}
		p.Errors = append(p.Errors, FieldError{Code: "invalid", Message: err.Error()})
	}
	return p
}

// fieldError turns huma's location (body.skills[0]) into a pointer or parameter.
func fieldError(d *huma.ErrorDetail) FieldError {
	f := FieldError{Code: codeOf(d.Message), Message: d.Message}
	where, rest, _ := strings.Cut(d.Location, ".")
	if i := strings.IndexByte(where, '['); where != "" && i > 0 { // body[0]
		where, rest = where[:i], where[i:]
	}
	if where != "body" {
		f.Parameter = rest
		return f
	}
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		name = strings.TrimSuffix(name, " to be present")
		if rest != name && !strings.HasSuffix(rest, "."+name) {
			rest = strings.TrimPrefix(rest+"."+name, ".")
		}
	}
	f.Pointer = pointer(rest)
	return f
}

// pointer turns a.b[0] into #/a/b/0 (RFC 6901 as a fragment).
func pointer(path string) string {
	if path == "" {
		return "#"
	}
	path = strings.NewReplacer("~", "~0", "/", "~1", "[", ".", "]", "").Replace(path)
	return "#/" + strings.ReplaceAll(strings.TrimPrefix(path, "."), ".", "/")
}

// codeOf names the fault of one of huma's messages.
func codeOf(message string) string {
	for _, c := range [][2]string{
		{"expected required property", "required"}, {"required ", "required"}, {"unexpected property", "unknown"},
		{"unknown query parameter", "unknown"}, {"expected value to be one of", "one_of"},
		{"expected number >", "too_small"}, {"expected length >", "too_small"}, {"expected array length >", "too_small"},
		{"expected number <", "too_large"}, {"expected length <", "too_large"}, {"expected array length <", "too_large"},
		{"expected string to match pattern", "pattern"}, {"expected array items to be unique", "unique"},
		{"expected string to be", "format"}, {"expected boolean", "type"}, {"expected number", "type"},
		{"expected integer", "type"}, {"expected string", "type"}, {"expected array", "type"}, {"expected object", "type"},
		{"invalid ", "type"},
	} {
		if strings.HasPrefix(message, c[0]) {
			return c[1]
		}
	}
	return "invalid"
}

// errBody is a body that cannot be read as JSON.
var errBody = errors.New("httpapi: body is not a JSON object")

// toProblem is the one place where errors become statuses. The text of an error
// that is not known here never leaves.
func toProblem(err error) *Problem {
	var p *Problem
	var field *account.FieldError
	var filter *omni.FilterError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &field):
		return invalid(field.Field, field.Code, "%s", field.Message)
	case errors.Is(err, account.ErrNotFound), errors.Is(err, omni.ErrNotFound):
		return problem(ProblemNotFound, "")
	case errors.Is(err, account.ErrForbidden):
		return problem(ProblemForbidden, "")
	case errors.Is(err, account.ErrCredentials):
		return problem(ProblemCredentials, "")
	case errors.Is(err, account.ErrVersion), errors.Is(err, omni.ErrChanged):
		return problem(ProblemVersion, "")
	case errors.Is(err, account.ErrTaken):
		return problem(ProblemTaken, "")
	case errors.Is(err, account.ErrInUse):
		return problem(ProblemInUse, "")
	case errors.Is(err, account.ErrState), errors.Is(err, omni.ErrMove):
		return problem(ProblemState, "")
	case errors.Is(err, account.ErrBusy), errors.Is(err, account.ErrUnavailable):
		return problem(ProblemUnavailable, "")
	case errors.Is(err, account.ErrAway):
		return problem(ProblemUnavailable, "the node that carries this call, or that routes, does not answer")
	case errors.Is(err, omni.ErrCursor):
		return problem(ProblemValidation, "", FieldError{Parameter: "cursor", Code: "invalid", Message: "cursor is not one that a list returned"})
	case errors.As(err, &filter):
		return problem(ProblemValidation, "", FieldError{Parameter: filter.Field, Code: "invalid", Message: filter.Error()})
	case errors.Is(err, omni.ErrFilter):
		return problem(ProblemValidation, err.Error())
	case errors.Is(err, errBody):
		return problem(ProblemMalformed, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem(ProblemUnavailable, "")
	}
	return problem(ProblemInternal, "")
}

// invalid is a validation problem about one field of the body.
func invalid(field, code, format string, args ...any) *Problem {
	return problem(ProblemValidation, "", FieldError{Pointer: pointer(field), Code: code, Message: fmt.Sprintf(format, args...)})
}
