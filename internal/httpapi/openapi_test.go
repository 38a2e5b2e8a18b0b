package httpapi

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

var update = flag.Bool("update", false, "rewrite openapi.yaml")

func TestOpenAPIFileIsCurrent(t *testing.T) {
	got, err := newTestServer(t, nil).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("openapi.yaml is not what the types say: run go test ./internal/httpapi -run OpenAPI -update and look at the difference")
	}
}

func TestOperationsAreWellFormed(t *testing.T) {
	s := newTestServer(t, nil)
	seen := map[string]bool{}
	for path, item := range s.api.OpenAPI().Paths {
		if !strings.HasPrefix(path, prefix+"/") {
			t.Errorf("%s is outside of %s", path, prefix)
		}
		for _, op := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if op.OperationID == "" || seen[op.OperationID] || strings.ToLower(op.OperationID) != op.OperationID {
				t.Errorf("%s %s: operation id %q", op.Method, path, op.OperationID)
			}
			seen[op.OperationID] = true
			if len(op.Tags) != 1 || op.Summary == "" {
				t.Errorf("%s has no tag or summary", op.OperationID)
			}
		}
	}
	if len(seen) < 70 {
		t.Errorf("only %d operations", len(seen))
	}
}
