package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/openhotline/hotline/bot/eval"
)

// evalFlags are what `hotline eval` is asked.
type evalFlags struct {
	data, train, pack, lang, overlay string
	json                             bool
	limit                            int
}

func evalCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("eval", "--data FILE.jsonl [--train FILE.jsonl | --pack P --lang L]", std)
	var f evalFlags
	fs.StringVar(&f.data, "data", "", `rows to measure: {"text","intent","lang","pack"}, one a line`)
	fs.StringVar(&f.train, "train", "", "rows to train on instead of a pack, same format")
	fs.StringVar(&f.pack, "pack", "", "industry pack of rows that do not name theirs; other rows are skipped")
	fs.StringVar(&f.lang, "lang", "", "language of rows that do not name theirs (zh, en, ja); other rows are skipped")
	fs.StringVar(&f.overlay, "packs", "", "folder laid over the embedded packs")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	fs.IntVar(&f.limit, "limit", 20, "how many intents, confusions and mistakes to list")
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	if f.data == "" {
		return wants(std, rest, -1, "--data FILE.jsonl")
	}
	return evalRows(ctx, f, std)
}

func evalRows(ctx context.Context, f evalFlags, std Streams) error {
	rows, err := readRows(f.data)
	if err != nil {
		return err
	}
	var judge eval.Judge
	var training *eval.Training
	progress := progressOn(std.Err)
	if f.train != "" {
		examples, err := readRows(f.train)
		if err != nil {
			return err
		}
		judge, training, err = eval.Train(ctx, examples, progress("training"))
		if err != nil {
			return err
		}
	} else if judge, training, err = eval.TrainPacks(ctx, rows, f.pack, f.lang, overlays(f.overlay), progress("training")); err != nil {
		return err
	}
	report := eval.Classify(rows, judge, progress("measuring"))
	report.Training = training
	if report.Rows == 0 {
		return errNoRows
	}
	if f.json {
		return json.NewEncoder(std.Out).Encode(report)
	}
	report.Print(std.Out, f.limit)
	return nil
}

func readRows(file string) ([]eval.Row, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := eval.ReadRows(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return rows, nil
}

func overlays(dir string) []fs.FS {
	if dir == "" {
		return nil
	}
	return []fs.FS{os.DirFS(dir)}
}

// progressOn tells how far long work is, every five seconds, and nothing
// about work that is done sooner.
func progressOn(w io.Writer) func(what string) func(done float64) {
	return func(what string) func(float64) {
		last := time.Now()
		return func(done float64) {
			if time.Since(last) >= 5*time.Second {
				last = time.Now()
				fmt.Fprintf(w, "%s: %.0f %%\n", what, 100*done)
			}
		}
	}
}

var errNoRows = errors.New("no row belongs to the pack and language that are asked for")
