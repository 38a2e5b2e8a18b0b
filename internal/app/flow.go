package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/flowtest"
)

// errFlow is a flow with faults, or a dialogue that went otherwise.
var errFlow = errors.New("the flow has faults, see above")

func flowCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("flow", "check FILE… | test SCRIPT… [--flow FILE]", std)
	asJSON := fs.Bool("json", false, "print JSON")
	flow := fs.String("flow", "", "flow to test instead of the one that the script names")
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) < 2 || rest[0] != "check" && rest[0] != "test" {
		return wants(std, rest, -1, "check FILE…, or test SCRIPT…")
	}
	failed := false
	for _, file := range rest[1:] {
		ok := false
		if rest[0] == "check" {
			ok, err = checkFlow(file, *asJSON, std)
		} else {
			ok, err = testFlow(ctx, file, *flow, *asJSON, std)
		}
		if err != nil {
			return err
		}
		failed = failed || !ok
	}
	if failed {
		return errFlow
	}
	return nil
}

func checkFlow(file string, asJSON bool, std Streams) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	_, problems := ivr.ParseFile(file, text)
	if asJSON {
		return !ivr.Failed(problems), json.NewEncoder(std.Out).Encode(problems)
	}
	for _, p := range problems {
		fmt.Fprintln(std.Out, p)
	}
	if len(problems) == 0 {
		fmt.Fprintf(std.Out, "%s: ok\n", file)
	}
	return !ivr.Failed(problems), nil
}

func testFlow(ctx context.Context, script, flow string, asJSON bool, std Streams) (bool, error) {
	report, err := flowtest.RunFile(ctx, script, flow)
	if err != nil {
		return false, err
	}
	if asJSON {
		return report.OK(), report.WriteJSON(std.Out)
	}
	return report.OK(), report.WriteText(std.Out)
}
