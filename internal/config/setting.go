package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix begins the names of all variables.
const EnvPrefix = "HOTLINE_"

// Error is one fault of the configuration.
type Error struct {
	Source  string // hotline.yaml:3:5, HOTLINE_HTTP_ADDR or --http-addr; empty: between settings
	Key     string // http.addr
	Message string
	Allowed string // what would be right
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	if e.Allowed != "" {
		b.WriteString(" (allowed: " + e.Allowed + ")")
	}
	return b.String()
}

// setting is one key: where its value is, and what may be in it.
type setting struct {
	path  string // http.addr
	value reflect.Value
	tag   reflect.StructTag
}

func (s setting) env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.path, ".", "_"))
}

func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.path) }

func (s setting) secret() bool { return s.tag.Get("secret") == "true" }

// section is a group of settings.
type section struct {
	name, doc string
	settings  []setting
}

// sections lists every setting of c in the order of the file; the first section
// has no name.
func sections(c *Config) []section {
	out := []section{{}}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			continue
		}
		if f.Type.Kind() != reflect.Struct {
			out[0].settings = append(out[0].settings, setting{key, v.Field(i), f.Tag})
			continue
		}
		sec := section{name: key, doc: f.Tag.Get("doc")}
		for j := range f.Type.NumField() {
			g := f.Type.Field(j)
			sec.settings = append(sec.settings, setting{key + "." + g.Tag.Get("key"), v.Field(i).Field(j), g.Tag})
		}
		out = append(out, sec)
	}
	return out
}

// settings lists every setting of c.
func settings(c *Config) []setting {
	var out []setting
	for _, sec := range sections(c) {
		out = append(out, sec.settings...)
	}
	return out
}

// String gives the value as flags and variables write it.
func (s setting) String() string {
	switch v := s.value.Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case time.Duration:
		return duration(v)
	case fmt.Stringer:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// duration writes 30m instead of 30m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// set reads a text into the value. Lists are separated by commas.
func (s setting) set(text string) error {
	bad := func(allowed string) error {
		shown := strconv.Quote(text)
		if s.secret() {
			shown = "the value"
		}
		return &Error{Key: s.path, Message: shown + " is not right", Allowed: allowed}
	}
	switch s.value.Interface().(type) {
	case string:
		if allowed := s.wrong(text); allowed != "" {
			return bad(allowed)
		}
		s.value.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return bad("true or false")
		}
		s.value.SetBool(b)
	case int:
		low, _ := strconv.Atoi(s.tag.Get("min"))
		high, _ := strconv.Atoi(s.tag.Get("max"))
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return bad(fmt.Sprintf("a whole number from %d to %d", low, high))
		}
		s.value.SetInt(int64(n))
	case time.Duration:
		low, _ := time.ParseDuration(s.tag.Get("min"))
		high, _ := time.ParseDuration(s.tag.Get("max"))
		d, err := time.ParseDuration(text)
		if err != nil || d < low || d > high {
			return bad(fmt.Sprintf("a time with its unit, from %s to %s, such as 30s or 5m", duration(low), duration(high)))
		}
		s.value.SetInt(int64(d))
	case Ports:
		p, err := ParsePorts(text)
		if err != nil {
			return bad("first-last between 1024 and 65535, such as 20000-29999")
		}
		s.value.Set(reflect.ValueOf(p))
	case []string:
		list := []string{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return s.setList(list)
	}
	return nil
}

// setList sets a list whose items are already apart.
func (s setting) setList(list []string) error {
	for _, item := range list {
		if allowed := s.wrong(item); allowed != "" {
			return &Error{Key: s.path, Message: strconv.Quote(item) + " is not right", Allowed: allowed}
		}
	}
	s.value.Set(reflect.ValueOf(list))
	return nil
}

var (
	hostPattern    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	namePattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,48}$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

// wrong returns what is allowed when a text is not, else the empty string.
func (s setting) wrong(text string) string {
	if enum := s.tag.Get("enum"); enum != "" {
		choices := strings.Split(enum, ",")
		if !slices.Contains(choices, text) {
			return strings.Join(choices, ", ")
		}
		return ""
	}
	ok, allowed := true, ""
	switch s.tag.Get("pattern") {
	case "listen":
		ok, allowed = text == "" || listenable(text), "host:port or :port, the host being an address of this machine; port 0 lets the system choose"
	case "ip":
		_, err := netip.ParseAddr(text)
		ok, allowed = text == "" || err == nil, "an IP address"
	case "ips":
		_, err := netip.ParseAddr(text)
		ok, allowed = err == nil, "IP addresses"
	case "prefixes":
		_, err := parsePrefix(text)
		ok, allowed = err == nil, "networks such as 10.0.0.0/8"
	case "host":
		ok, allowed = hostPattern.MatchString(text), "a host name"
	case "name":
		ok, allowed = text == "" || namePattern.MatchString(text), "letters, digits, - and _, at most 48"
	case "country":
		ok, allowed = countryPattern.MatchString(text), "two capital letters of ISO 3166, such as CN, JP or US"
	case "database":
		ok, allowed = databaseURL(text), "postgres://…, sqlite:PATH or nothing"
	}
	if ok {
		return ""
	}
	return allowed
}

func listenable(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535 && (host == "" || hostPattern.MatchString(host) || net.ParseIP(host) != nil)
}

func databaseURL(s string) bool {
	if s == "" || strings.HasPrefix(s, "sqlite:") && len(s) > len("sqlite:") {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Host != ""
}
