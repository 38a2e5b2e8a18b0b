package setup

import (
	"errors"
	"testing"

	"github.com/openhotline/hotline/agent/account"
)

func TestCheckWrapUp(t *testing.T) {
	t.Parallel()
	codes := []WrapUpCode{
		{Code: "information"},
		{Code: "sold", QueueID: "qu_sales", Required: true},
		{Code: "returned", QueueID: "qu_service"},
	}
	for _, c := range []struct{ name, queue, code, want string }{
		{"a code of every queue", "qu_sales", "information", ""},
		{"the queue's own code", "qu_sales", "sold", ""},
		{"another queue's code", "qu_sales", "returned", "scope"},
		{"a code of a queue after a direct call", "", "sold", "scope"},
		{"a code that does not exist", "qu_sales", "none", "reference"},
		{"none where the queue wants one", "qu_sales", "", "required"},
		{"none where another queue wants one", "qu_service", "", ""},
		{"none after a direct call", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := CheckWrapUp(codes, c.queue, c.code)
			var f *account.FieldError
			switch {
			case c.want == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case c.want != "" && (!errors.As(err, &f) || f.Field != "code" || f.Code != c.want):
				t.Fatalf("%v, want the fault %s of the field code", err, c.want)
			}
		})
	}
	everywhere := append(codes, WrapUpCode{Code: "done", Required: true})
	if err := CheckWrapUp(everywhere, "", ""); err == nil {
		t.Error("a code that every conversation wants was not asked for")
	}
}
