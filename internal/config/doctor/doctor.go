// Package doctor looks at a machine and a configuration before, or while, an
// installation runs on it: ports, disk, clock, database, speech, certificates,
// and whether browsers will give the microphone. It changes nothing but for a
// file that it writes into the data folder and removes again.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/config"
)

// Level says how bad a finding is.
type Level string

// The levels. Only a fault keeps an installation from working.
const (
	OK      Level = "ok"
	Advice  Level = "advice"
	Warning Level = "warning"
	Fault   Level = "fault"
)

// Finding is the result of one check.
type Finding struct {
	Check   string `json:"check"` // ports, disk, clock, database, speech, https …
	Level   Level  `json:"level"`
	Subject string `json:"subject"` // http :8080, zh-CN …
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"` // what to do about it
}

// Report is the result of all checks.
type Report struct {
	Healthy  bool      `json:"healthy"` // no fault
	Findings []Finding `json:"findings"`
}

// Options are what the checks need beside the configuration.
type Options struct {
	Config config.Config
	// Database opens the database and tells which it is; nil: not checked.
	Database func(ctx context.Context) (description string, err error)
	// FailedRecordings counts recordings that failed since a time and tells when
	// the last one did; nil: not checked.
	FailedRecordings func(ctx context.Context, since time.Time) (n int, last time.Time, err error)
	// Speech tells whether a language can be spoken here; nil: not checked.
	Speech func(language string) error
	// Languages to speak. Defaults to zh-CN, en and ja.
	Languages []string
	// Running tells that an installation of ours holds the ports: then it is no
	// fault that they are taken. Defaults to asking /healthz of http.addr.
	Running func(ctx context.Context) bool
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// doctor collects the findings.
type doctor struct {
	Options
	report Report
}

func (d *doctor) add(check string, level Level, subject, message, fix string) {
	d.report.Findings = append(d.report.Findings, Finding{check, level, subject, message, fix})
	if level == Fault {
		d.report.Healthy = false
	}
}

// Run makes all checks. It takes at most a few seconds; ctx ends it earlier.
func Run(ctx context.Context, o Options) Report {
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Languages) == 0 {
		o.Languages = []string{"zh-CN", "en", "ja"}
	}
	if o.Running == nil {
		o.Running = func(ctx context.Context) bool { return answers(ctx, o.Config.HTTP.Addr) }
	}
	d := &doctor{Options: o, report: Report{Healthy: true}}
	d.settings()
	d.ports(ctx)
	d.disk()
	d.limits()
	d.clock()
	d.database(ctx)
	d.recordings(ctx)
	d.speech()
	d.https()
	d.nat()
	return d.report
}

func (d *doctor) settings() {
	file := d.Config.File
	if file == "" {
		file = "none"
	}
	d.add("settings", OK, "file", "configuration file: "+file, "")
	for _, name := range d.Config.Unknown {
		d.add("settings", Warning, name, "this variable is no setting", "see hotline.yaml for the names")
	}
}

func (d *doctor) database(ctx context.Context) {
	if d.Database == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	start := time.Now()
	what, err := d.Database(ctx)
	if err != nil {
		d.add("database", Fault, what, "cannot be used: "+err.Error(), "check database.url, and that the server runs and lets this user in")
		return
	}
	d.add("database", OK, what, fmt.Sprintf("answers in %d ms", time.Since(start).Milliseconds()), "")
}

func (d *doctor) speech() {
	if d.Speech == nil {
		return
	}
	for _, lang := range d.Languages {
		if err := d.Speech(lang); err != nil {
			d.add("speech", Warning, lang, "texts cannot be spoken: "+err.Error(), "install the engine, or use sound files in the flows")
			continue
		}
		d.add("speech", OK, lang, "texts can be spoken", "")
	}
}

// Write writes the report for people.
func (r Report) Write(w io.Writer) error {
	signs := map[Level]string{OK: "ok     ", Advice: "advice ", Warning: "WARNING", Fault: "FAULT  "}
	for _, f := range r.Findings {
		line := fmt.Sprintf("%s  %-9s %s", signs[f.Level], f.Check, strings.TrimPrefix(f.Subject+": ", ": ")+f.Message)
		if f.Fix != "" && f.Level != OK {
			line += "\n                   -> " + f.Fix
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	count := map[Level]int{}
	for _, f := range r.Findings {
		count[f.Level]++
	}
	_, err := fmt.Fprintf(w, "%d checks: %d faults, %d warnings, %d pieces of advice\n", len(r.Findings), count[Fault], count[Warning], count[Advice])
	return err
}

// WriteJSON writes the report for programs.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
