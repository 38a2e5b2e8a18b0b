package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/eval"
)

// evalFlags are what `hotline eval` is asked.
type evalFlags struct {
	data, train, pack, lang, overlay string
	dialogues, extraction, faq       string
	own, json, curve, noise          bool
	limit, folds                     int
}

func evalCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("eval", "--data FILE.jsonl [--train FILE.jsonl | --pack P --lang L] | --dialogues | --extraction | --faq FILE.jsonl | --folds K | --curve | --noise", std)
	var f evalFlags
	fs.StringVar(&f.data, "data", "", `rows to measure: {"text","intent","lang","pack"}, one a line`)
	fs.StringVar(&f.dialogues, "dialogues", "", `conversations to hold: {"pack","turns":[{"user","intent","slots","bot","pending"}]}, one a line`)
	fs.StringVar(&f.extraction, "extraction", "", `texts to make tickets of: {"pack","text" or "turns","gold":{"issue_type",…}}, one a line`)
	fs.StringVar(&f.faq, "faq", "", `questions to find: {"pack","faq","answer_key","paraphrases"}, one a line`)
	fs.BoolVar(&f.own, "known", false, "with --faq: use the wordings that the pack itself knows for articles of the same key")
	fs.StringVar(&f.train, "train", "", "rows to train on instead of a pack, same format")
	fs.StringVar(&f.pack, "pack", "", "industry pack of rows that do not name theirs; other rows are skipped")
	fs.StringVar(&f.lang, "lang", "", "language of rows that do not name theirs (zh, en, ja); other rows are skipped")
	fs.IntVar(&f.folds, "folds", 0, "cross-validate the training rows in so many parts, near-identical wordings in one")
	fs.BoolVar(&f.curve, "curve", false, "learning curve: train on growing shares of the training rows, measure on --data or by cross-validation")
	fs.BoolVar(&f.noise, "noise", false, "find suspicious training rows: those that cross-validation labels otherwise, and near-identical ones under different labels")
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
	models := userModels(std.Err)
	engines := &eval.Engines{Name: f.pack, Language: f.lang, Overlays: overlays(f.overlay), Change: func(cfg *bot.Config) error {
		l, err := lookups(cfg.Pack, cfg.Overlays, variables(std.Environ))
		cfg.Lookup, cfg.Models = l, models
		return err
	}}
	defer engines.Close()
	switch {
	case f.curve || f.noise || f.folds != 0:
		return evalTraining(ctx, f, std)
	case f.data != "":
		return evalRows(ctx, f, std)
	case f.dialogues != "":
		return measure(f.dialogues, f, std, eval.ReadDialogues, func(rows []eval.Dialogue, progress func(float64)) (report, error) {
			return engines.Dialogues(ctx, rows, progress)
		})
	case f.extraction != "":
		return measure(f.extraction, f, std, eval.ReadExtractions, func(rows []eval.Extraction, progress func(float64)) (report, error) {
			return engines.Extract(ctx, rows, progress)
		})
	case f.faq != "":
		return measure(f.faq, f, std, eval.ReadParaphrased, func(rows []eval.Paraphrased, progress func(float64)) (report, error) {
			return engines.Retrieve(ctx, rows, f.own, progress)
		})
	}
	return wants(std, rest, -1, "--data, --dialogues, --extraction or --faq FILE.jsonl, or --folds K, --curve or --noise")
}

// defaultFolds is into how many parts training rows are divided.
const defaultFolds = 5

// evalTraining measures training rows against themselves.
func evalTraining(ctx context.Context, f evalFlags, std Streams) error {
	if f.folds < 0 || f.folds == 1 || f.folds > 20 {
		fmt.Fprintf(std.Err, "hotline eval: --folds: %d is not from 2 to 20\n", f.folds)
		return errUsage
	}
	folds := cmp.Or(f.folds, defaultFolds)
	set, err := trainingRows(f, std)
	if err != nil {
		return err
	}
	progress := progressOn(std.Err)("training")
	var r report
	switch {
	case f.noise:
		r, err = set.Noise(ctx, folds, progress)
	case f.curve:
		var test []eval.Row
		if f.data != "" {
			if test, err = readRows(f.data); err != nil {
				return err
			}
			test = slices.DeleteFunc(test, func(r eval.Row) bool {
				return f.pack != "" && r.Pack != "" && r.Pack != f.pack || f.lang != "" && r.Lang != "" && r.Lang != f.lang
			})
			if len(test) == 0 {
				return errNoRows
			}
		}
		r, err = set.Curve(ctx, test, progress)
	default:
		r, err = set.CrossValidate(ctx, folds, progress)
	}
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(std.Out).Encode(r)
	}
	r.Print(std.Out, f.limit)
	return nil
}

// trainingRows are those of a file or of a pack.
func trainingRows(f evalFlags, std Streams) (*eval.RowSet, error) {
	if f.train != "" {
		rows, err := readRows(f.train)
		if err != nil {
			return nil, err
		}
		return eval.OfRows(rows), nil
	}
	if f.pack == "" || f.lang == "" {
		fmt.Fprintln(std.Err, "hotline eval: --train FILE.jsonl, or --pack and --lang, say which rows")
		return nil, errUsage
	}
	return eval.OfPack(f.pack, f.lang, overlays(f.overlay))
}

// report is what can be printed for people.
type report interface {
	Print(w io.Writer, limit int)
}

// measure reads rows, measures them, and prints the report.
func measure[T any](file string, f evalFlags, std Streams, read func(io.Reader) ([]T, error), run func([]T, func(float64)) (report, error)) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := read(in)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	r, err := run(rows, progressOn(std.Err)("measuring"))
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(std.Out).Encode(r)
	}
	r.Print(std.Out, f.limit)
	return nil
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
