package httpapi

import (
	"io"
	"log/slog"

	"github.com/danielgtaylor/huma/v2"
)

// Validator checks documents by the schemas of the API without a server.
type Validator struct {
	registry huma.Registry
}

// NewValidator returns a validator.
func NewValidator() *Validator {
	s := New(Config{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	return &Validator{s.api.OpenAPI().Components.Schemas}
}

// Check checks a document (as encoding/json decodes it) by a schema such as
// NewQueue or QueuePatch, and returns its faults.
func (v *Validator) Check(schema string, doc any) []FieldError {
	s := v.registry.Map()[schema]
	if s == nil {
		return []FieldError{{Code: "invalid", Message: "there is no schema " + schema}}
	}
	pb, res := huma.NewPathBuffer(nil, 0), &huma.ValidateResult{}
	pb.Push("body")
	huma.Validate(v.registry, s, pb, huma.ModeWriteToServer, doc, res)
	var out []FieldError
	for _, err := range res.Errors {
		if d, ok := err.(huma.ErrorDetailer); ok {
			out = append(out, fieldError(d.ErrorDetail()))
		}
	}
	return out
}

// Fields lists the fields of a schema, for messages about unknown ones.
func (v *Validator) Fields(schema string) []string {
	s := v.registry.Map()[schema]
	if s == nil {
		return nil
	}
	var out []string
	for k := range s.Properties {
		out = append(out, k)
	}
	return out
}
