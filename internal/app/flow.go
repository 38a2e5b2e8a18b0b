package app

import (
	"context"
	"fmt"
	"os"

	"github.com/openhotline/hotline/ivr"
)

func flowCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("flow", "check FILE", std)
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) == 2 && rest[0] == "check" {
		text, err := os.ReadFile(rest[1])
		if err != nil {
			return err
		}
		_, problems := ivr.ParseFile(rest[1], text)
		for _, p := range problems {
			fmt.Fprintln(std.Out, p)
		}
		if ivr.Failed(problems) {
			return fmt.Errorf("%s cannot be published", rest[1])
		}
		return nil
	}
	return wants(std, rest, -1, "check FILE")
}
