package app

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/store"
)

// errTampered is why verify fails; what was found is printed before.
var errTampered = errors.New("the chain of recordings is broken")

// verifyCommand holds every finished recording to the chain of seals.
func verifyCommand(ctx context.Context, args []string, std Streams) error {
	head, asJSON := "", false
	define := func(fs *flag.FlagSet) {
		fs.StringVar(&head, "head", "", "a seal that was noted before and must be in the chain")
		fs.BoolVar(&asJSON, "json", false, "the result for programs")
	}
	return withExisting(ctx, "verify", "[--head SEAL] [--json] [flags]", args, std, 0, "flags only", define, func(cfg config.Config, _ []string, db *store.DB) error {
		r, err := verifySeals(ctx, cfg, db, head)
		if err != nil {
			return err
		}
		if asJSON {
			err = json.NewEncoder(std.Out).Encode(r)
		} else {
			err = printSeals(std.Out, r)
		}
		if err != nil || len(r.Broken) == 0 {
			return err
		}
		b := r.Broken[0]
		return fmt.Errorf("%w at seal %d, recording %s: %s: %s (%d faults in all)", errTampered, b.Seq, b.RecordingID, b.What, b.Detail, r.BrokenCount)
	})
}

// verifySeals verifies the recordings in the folder of a configuration.
func verifySeals(ctx context.Context, cfg config.Config, db *store.DB, head string) (store.SealReport, error) {
	node := "" // it is the only one
	if db.Dialect() != "sqlite" {
		var err error
		if node, err = nodeID(cfg); err != nil {
			return store.SealReport{}, err
		}
	}
	return db.VerifySeals(ctx, cfg.RecordingsDir(), node, head)
}

// printSeals says what was found, for people.
func printSeals(out io.Writer, r store.SealReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d recordings hold (%d of them deleted in time); %d are older than the chain\nhead %s\n", r.Hold, r.Deleted, r.Unsealed, r.Head)
	for _, node := range slices.Sorted(maps.Keys(r.Elsewhere)) {
		fmt.Fprintf(&b, "elsewhere: %d recordings of node %s: run this there\n", r.Elsewhere[node], node)
	}
	if len(r.Resealed) > 0 {
		fmt.Fprintf(&b, "sealed again by the node that was given up: %s\n", strings.Join(r.Resealed, ", "))
	}
	for _, f := range r.Broken {
		fmt.Fprintf(&b, "broken: seal %d, recording %s: %s: %s\n", f.Seq, f.RecordingID, f.What, f.Detail)
	}
	if more := r.BrokenCount - int64(len(r.Broken)); more > 0 {
		fmt.Fprintf(&b, "broken: %d more\n", more)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
