package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The length of a password, in characters; the upper bound keeps hashing cheap.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Errors of the password rule.
var (
	ErrPasswordShort  = errors.New("account: password needs at least 12 characters")
	ErrPasswordLong   = errors.New("account: password has more than 256 characters")
	ErrPasswordCommon = errors.New("account: password is among the common ones")
	ErrPasswordSelf   = errors.New("account: password contains the name or address")
)

// common.txt has one word or password per line: what people and lists of leaked
// passwords build long but weak passwords from.
//
//go:embed common.txt
var commonText string

var common = func() map[string]bool {
	m := make(map[string]bool)
	for line := range strings.Lines(commonText) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			m[line] = true
		}
	}
	return m
}()

// CheckPassword applies the rule of NIST SP 800-63B §3.1.1.2: length, no common
// password, nothing of the user's own name or address; no classes of characters.
func CheckPassword(password, email, name string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return ErrPasswordShort
	case n > MaxPassword:
		return ErrPasswordLong
	}
	low := strings.ToLower(password)
	if isCommon(low) {
		return ErrPasswordCommon
	}
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	for _, own := range append(strings.Fields(strings.ToLower(name)), local) {
		if utf8.RuneCountInString(own) >= 4 && strings.Contains(low, own) {
			return ErrPasswordSelf
		}
	}
	return nil
}

var unleet = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// isCommon reports whether a lower-case password is a listed one, also with
// digits for letters, repeated, or with figures and signs around.
func isCommon(low string) bool {
	if common[low] || common[unleet.Replace(low)] || fewCharacters(low) || isRun(low) {
		return true
	}
	core := strings.TrimFunc(low, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, c := range []string{core, unleet.Replace(core), unleet.Replace(low)} {
		if c = strings.TrimFunc(c, func(r rune) bool { return !unicode.IsLetter(r) }); common[c] || common[unit(c)] {
			return true
		}
	}
	return common[unit(low)]
}

// fewCharacters reports whether s has fewer than four different characters.
func fewCharacters(s string) bool {
	seen := make(map[rune]bool)
	for _, r := range s {
		seen[r] = true
	}
	return len(seen) < 4
}

// isRun reports whether every character follows the one before by one step, up
// or down (digits may wrap), as in 123456789012 or zyxwvutsrqpo.
func isRun(s string) bool {
	rs := []rune(s)
	for _, step := range []rune{1, -1} {
		ok := true
		for i := 1; i < len(rs) && ok; i++ {
			d := rs[i] - rs[i-1]
			ok = d == step || d == -9*step && unicode.IsDigit(rs[i]) && unicode.IsDigit(rs[i-1])
		}
		if ok {
			return true
		}
	}
	return false
}

// unit is the shortest part whose repetition makes s, or s.
func unit(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// HasherConfig configures a Hasher. The defaults are those of OWASP's Password
// Storage Cheat Sheet for argon2id: 19 MiB, 2 passes, 1 lane.
type HasherConfig struct {
	MemoryKiB uint32        // defaults to 19456
	Passes    uint32        // defaults to 2
	Parallel  int           // hashes at the same time; defaults to the number of CPUs
	MaxWait   time.Duration // for a free place before ErrBusy; defaults to 5s
}

// Hasher hashes and verifies passwords with argon2id (RFC 9106), a bounded number at a time.
type Hasher struct {
	cfg  HasherConfig
	slot chan struct{}
}

// NewHasher returns a hasher.
func NewHasher(cfg HasherConfig) *Hasher {
	cfg.MemoryKiB = cmp.Or(cfg.MemoryKiB, 19456)
	cfg.Passes = cmp.Or(cfg.Passes, 2)
	cfg.Parallel = cmp.Or(cfg.Parallel, runtime.NumCPU())
	cfg.MaxWait = cmp.Or(cfg.MaxWait, 5*time.Second)
	return &Hasher{cfg: cfg, slot: make(chan struct{}, cfg.Parallel)}
}

func (h *Hasher) acquire(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.cfg.MaxWait, ErrBusy)
	defer cancel()
	select {
	case h.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

const (
	saltBytes = 16
	keyBytes  = 32
)

// dummyHash is verified when there is no user, so that the answer takes as long.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Hash returns the PHC string of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer func() { <-h.slot }()
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key := argon2.IDKey([]byte(password), salt, h.cfg.Passes, h.cfg.MemoryKiB, 1, keyBytes)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.cfg.MemoryKiB, h.cfg.Passes,
		enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// Verify reports whether the password belongs to the PHC string. An error means
// that it could not be checked.
func (h *Hasher) Verify(ctx context.Context, phc, password string) (bool, error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if len(password) > 4*MaxPassword {
		return false, nil
	}
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer func() { <-h.slot }()
	got := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(got, p.key) == 1, nil
}

type phcHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// parsePHC reads an argon2id string in the PHC format, with bounds on its cost.
func parsePHC(s string) (phcHash, error) {
	var p phcHash
	bad := errors.New("account: stored password hash is damaged")
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return p, bad
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(p.key) < 16 || len(p.key) > 64 || len(p.salt) < 8 ||
		p.memory < 8 || p.memory > 1<<20 || p.passes < 1 || p.passes > 20 || p.lanes < 1 || p.lanes > 16 {
		return p, bad
	}
	return p, nil
}
