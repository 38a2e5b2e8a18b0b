package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// FileName is looked for in the working folder when no file is named.
const FileName = "hotline.yaml"

// environment are variables that are no settings of the file.
var environment = []string{EnvPrefix + "CONFIG", EnvPrefix + "DEMO_PASSWORD", EnvPrefix + "TESTDATA", EnvPrefix + "TOKEN", EnvPrefix + "SERVER"}

// FlagValues are the flags of a command line: --config and one per setting.
type FlagValues struct {
	file  string
	given []given
}

type given struct{ path, text string }

// Flags defines --config and a flag for every setting in a set of flags. After
// parsing, Load takes the result.
func Flags(fs *flag.FlagSet) *FlagValues {
	fv := &FlagValues{}
	fs.StringVar(&fv.file, "config", "", "`file` with settings; default "+FileName+" when it exists")
	def := Default()
	for _, s := range settings(&def) {
		f := &flagValue{fv: fv, setting: s, scratch: s.String()}
		usage := s.tag.Get("doc")
		if enum := s.tag.Get("enum"); enum != "" {
			usage += " One of: " + strings.ReplaceAll(enum, ",", ", ") + "."
		}
		fs.Var(f, s.flag(), usage)
	}
	return fv
}

// flagValue checks a flag's text while the command line is parsed.
type flagValue struct {
	fv      *FlagValues
	setting setting
	scratch string
}

// String implements flag.Value.
func (f *flagValue) String() string {
	if f.fv == nil {
		return ""
	}
	return f.scratch
}

// Set implements flag.Value.
func (f *flagValue) Set(text string) error {
	c := Default()
	for _, s := range settings(&c) {
		if s.path == f.setting.path {
			if err := s.set(text); err != nil {
				return err
			}
		}
	}
	f.scratch = text
	f.fv.given = append(f.fv.given, given{f.setting.path, text})
	return nil
}

// IsBoolFlag lets --demo stand alone.
func (f *flagValue) IsBoolFlag() bool {
	if f.fv == nil {
		return false
	}
	_, ok := f.setting.value.Interface().(bool)
	return ok
}

// Load puts the settings together: flags over variables (environ as os.Environ
// gives it) over the file over the defaults. fv may be nil. All faults are in
// the error, each an *Error.
func Load(fv *FlagValues, environ []string) (Config, error) {
	if fv == nil {
		fv = &FlagValues{}
	}
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, EnvPrefix) {
			env[k] = v
		}
	}
	c := Default()
	var faults []error
	file := fv.file
	if file == "" {
		file = env[EnvPrefix+"CONFIG"]
	}
	if file == "" {
		if _, err := os.Stat(FileName); err == nil {
			file = FileName
		}
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("read configuration: %w", err)
		}
		c.File = file
		faults = append(faults, readFile(&c, file, text)...)
	}
	faults = append(faults, readEnv(&c, env)...)
	for _, g := range fv.given {
		for _, s := range settings(&c) {
			if s.path == g.path {
				faults = append(faults, sourced("--"+s.flag(), s.set(g.text))...)
			}
		}
	}
	c.DemoPassword = env[EnvPrefix+"DEMO_PASSWORD"]
	if len(faults) == 0 {
		faults = c.check()
	}
	return c, errors.Join(faults...)
}

func readEnv(c *Config, env map[string]string) []error {
	var faults []error
	known := slices.Clone(environment)
	for _, s := range settings(c) {
		known = append(known, s.env())
		if text, ok := env[s.env()]; ok {
			faults = append(faults, sourced(s.env(), s.set(text))...)
		}
	}
	for k := range env {
		if !slices.Contains(known, k) {
			c.Unknown = append(c.Unknown, k)
		}
	}
	slices.Sort(c.Unknown)
	return faults
}

// sourced adds where a value came from to its fault.
func sourced(source string, err error) []error {
	var e *Error
	if errors.As(err, &e) {
		e.Source = source
		return []error{e}
	}
	return nil
}
