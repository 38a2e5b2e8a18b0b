package app

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
)

// errTampered is why verify fails; what was found is printed before.
var errTampered = errors.New("the chain of recordings is broken")

// verifyCommand holds every finished recording to the chain of seals.
func verifyCommand(ctx context.Context, args []string, std Streams) error {
	head, asJSON := "", false
	cfg, rest, err := configured("verify", "[--head SEAL] [--json] [flags]", args, std, func(fs *flag.FlagSet) {
		fs.StringVar(&head, "head", "", "a seal that was noted before and must be in the chain")
		fs.BoolVar(&asJSON, "json", false, "the result for programs")
	})
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	db, err := openExisting(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := db.VerifySeals(ctx, cfg.RecordingsDir(), head)
	if err != nil {
		return err
	}
	if asJSON {
		if err := json.NewEncoder(std.Out).Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.Out, "%d recordings hold (%d of them deleted in time); %d are older than the chain\nhead %s\n", r.Sealed-int64(len(r.Resealed)), r.Deleted, r.Unsealed, r.Head)
	}
	if len(r.Resealed) > 0 && !asJSON {
		fmt.Fprintf(std.Out, "sealed again by the node that was given up: %s\n", strings.Join(r.Resealed, ", "))
	}
	if b := r.Broken; b != nil {
		return fmt.Errorf("%w at seal %d, recording %s: %s: %s", errTampered, b.Seq, b.RecordingID, b.What, b.Detail)
	}
	return nil
}
