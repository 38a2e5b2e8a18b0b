package flowtest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/openhotline/hotline/ivr"
)

// ErrFailed means that a flow has errors or a dialogue went otherwise than
// scripted; what exactly was written out.
var ErrFailed = errors.New("flowtest: failed")

// ErrUsage means that the command line is wrong.
var ErrUsage = errors.New("usage: flow check [--json] FLOW.yaml … | flow test [--json] [--flow FLOW.yaml] SCRIPT.yaml …")

// Command is `hotline flow`: it checks flows or runs scripted dialogues and
// writes the result to out. Options may stand anywhere.
func Command(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("flow", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	asJSON := fs.Bool("json", false, "")
	flow := fs.String("flow", "", "")
	var rest []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return fmt.Errorf("%w: %w", ErrUsage, err)
		}
		args = fs.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if len(rest) < 2 || !slices.Contains([]string{"check", "test"}, rest[0]) {
		return ErrUsage
	}
	if rest[0] == "check" {
		return check(rest[1:], *asJSON, out)
	}
	return test(ctx, rest[1:], *flow, *asJSON, out)
}

// Checked is what became of one flow. Its JSON is stable.
type Checked struct {
	File     string        `json:"file"`
	Valid    bool          `json:"valid"`
	Problems []ivr.Problem `json:"problems"`
}

func check(files []string, asJSON bool, out io.Writer) error {
	all := make([]Checked, 0, len(files))
	failed := false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("flow: %w", err)
		}
		_, problems := ivr.ParseFile(file, text)
		c := Checked{File: file, Valid: !ivr.Failed(problems), Problems: problems}
		if problems == nil {
			c.Problems = []ivr.Problem{}
		}
		failed = failed || !c.Valid
		all = append(all, c)
	}
	if err := writeChecked(all, asJSON, out); err != nil {
		return err
	}
	if failed {
		return ErrFailed
	}
	return nil
}

func writeChecked(all []Checked, asJSON bool, out io.Writer) error {
	if asJSON {
		return writeJSON(out, all)
	}
	var errs []error
	for _, c := range all {
		for _, p := range c.Problems {
			_, err := fmt.Fprintln(out, p)
			errs = append(errs, err)
		}
		if c.Valid {
			_, err := fmt.Fprintf(out, "%s: can be published\n", c.File)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func test(ctx context.Context, scripts []string, flow string, asJSON bool, out io.Writer) error {
	reports := make([]Report, 0, len(scripts))
	ok := true
	for _, script := range scripts {
		r, err := RunFile(ctx, script, flow)
		if err != nil {
			return err
		}
		ok = ok && r.OK()
		reports = append(reports, r)
	}
	if asJSON {
		if err := writeJSON(out, reports); err != nil {
			return err
		}
	} else {
		for _, r := range reports {
			if err := r.WriteText(out); err != nil {
				return err
			}
		}
	}
	if !ok {
		return ErrFailed
	}
	return nil
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
