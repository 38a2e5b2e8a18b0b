// Command bench measures what the media engine costs: relayed calls beside
// rtpengine's userspace daemon in the same run, mixed and recorded calls, and
// three-party rooms.
//
// The measured process does nothing else; the load comes from a second one.
// CPU time is that of the measured process alone, from /proc; each figure is
// the median of interleaved runs. It needs Linux, and rtpengine for the
// comparison; without it that column is empty.
//
//	go run ./media/bench -runs 3 -seconds 5
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// options are the flags of the driver.
type options struct {
	runs    int
	length  time.Duration
	calls   string
	json    bool
	pin     bool
	only    string
	threads int
}

func run(ctx context.Context, args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "role=serve":
			return exit(serve(ctx, os.Stdin, os.Stdout))
		case "role=load":
			return exit(load(ctx, os.Stdin, os.Stdout))
		}
	}
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 3, "runs of each measurement, interleaved; the median counts")
	f.DurationVar(&o.length, "length", 5*time.Second, "measured time of a run")
	f.StringVar(&o.calls, "calls", "300,500", "numbers of relayed calls")
	f.StringVar(&o.only, "only", "", "run only the rows whose name contains this")
	f.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	f.BoolVar(&o.pin, "pin", true, "give the measured process a core of its own")
	f.IntVar(&o.threads, "rtpengine-threads", 0, "worker threads of rtpengine; 0 leaves its default")
	if err := f.Parse(args); err != nil {
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	rows, err := measure(ctx, o)
	if o.json {
		_ = json.NewEncoder(os.Stdout).Encode(rows)
	} else {
		printTable(os.Stdout, rows)
	}
	return exit(err)
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
