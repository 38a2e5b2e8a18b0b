package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var (
	errInfoType = errors.New("sip: INFO body of unknown type")
	errSyntax   = errors.New("sip: syntax")
)

// Durations of a digit that an INFO may ask for.
const (
	defaultDigit = 160 * time.Millisecond
	minDigit     = 40 * time.Millisecond
	maxDigit     = 5 * time.Second
)

// parseInfoDigit reads application/dtmf-relay ("Signal=5\r\nDuration=160") and
// application/dtmf ("5"). Digits are 0-9, *, #, A-D; 10 to 15 stand for *, #, A-D
// and 16 for a hook flash, which is refused.
func parseInfoDigit(contentType string, body []byte) (byte, time.Duration, error) {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf":
		digit, err := parseDigit(strings.TrimSpace(string(body)))
		return digit, defaultDigit, err
	case "application/dtmf-relay":
	default:
		return 0, 0, errInfoType
	}
	var digit byte
	duration := defaultDigit
	for line := range strings.Lines(string(body)) {
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "signal":
			d, err := parseDigit(v)
			if err != nil {
				return 0, 0, err
			}
			digit = d
		case "duration":
			ms, err := strconv.ParseUint(v, 10, 31)
			if err != nil {
				return 0, 0, fmt.Errorf("%w: duration", errSyntax)
			}
			duration = min(max(time.Duration(ms)*time.Millisecond, minDigit), maxDigit)
		}
	}
	if digit == 0 {
		return 0, 0, fmt.Errorf("%w: no signal", errSyntax)
	}
	return digit, duration, nil
}

func parseDigit(s string) (byte, error) {
	if len(s) == 1 {
		c := s[0]
		if c >= 'a' && c <= 'd' {
			c -= 'a' - 'A'
		}
		if strings.IndexByte("0123456789*#ABCD", c) >= 0 {
			return c, nil
		}
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil && n >= 10 && n <= 15 {
		return "*#ABCD"[n-10], nil
	}
	return 0, fmt.Errorf("%w: not a digit", errSyntax)
}

// parseSessionExpires reads Session-Expires (RFC 4028 §4): seconds and refresher
// ("uac", "uas" or empty).
func parseSessionExpires(v string) (time.Duration, string, error) {
	number, _, _ := strings.Cut(v, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil || n == 0 {
		return 0, "", fmt.Errorf("%w: Session-Expires", errSyntax)
	}
	refresher, _ := param(v, "refresher")
	switch refresher = strings.ToLower(refresher); refresher {
	case "", "uac", "uas":
	default:
		return 0, "", fmt.Errorf("%w: refresher", errSyntax)
	}
	return time.Duration(n) * time.Second, refresher, nil
}

// parseSeconds reads a delta-seconds value with or without parameters.
func parseSeconds(v string) (time.Duration, bool) {
	number, _, _ := strings.Cut(v, ";")
	number, _, _ = strings.Cut(number, "(") // Retry-After may carry a comment
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	return time.Duration(n) * time.Second, err == nil
}

// parseRAck reads RAck (RFC 3262 §7.2): response number, CSeq number, method.
func parseRAck(v string) (rseq, seq uint32, method string, err error) {
	f := strings.Fields(v)
	if len(f) != 3 {
		return 0, 0, "", fmt.Errorf("%w: RAck", errSyntax)
	}
	a, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil {
		return 0, 0, "", fmt.Errorf("%w: RAck: %w", errSyntax, err)
	}
	b, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		return 0, 0, "", fmt.Errorf("%w: RAck: %w", errSyntax, err)
	}
	return uint32(a), uint32(b), f[2], nil
}
