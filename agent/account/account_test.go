package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPasswordRule(t *testing.T) {
	tests := []struct {
		password string
		want     error
	}{
		{"quiet violet harbour", nil},
		{"Tr0ub4dor&3-is-a-good-one", nil},
		{"这是一个很长的密码句子呀", nil}, // 12 characters, not bytes
		{"短密码", ErrPasswordShort},
		{"elevenchars", ErrPasswordShort},
		{strings.Repeat("ab", 129), ErrPasswordLong},
		{"passwordpassword", ErrPasswordCommon},
		{"Password12345", ErrPasswordCommon},
		{"P@ssw0rd!!!!!", ErrPasswordCommon},
		{"qwertyuiopasdfghjkl", ErrPasswordCommon},
		{"1q2w3e4r5t6y", ErrPasswordCommon},
		{"123456789012", ErrPasswordCommon},
		{"987654321098", ErrPasswordCommon},
		{"abcdefghijkl", ErrPasswordCommon},
		{"aaaaaaaaaaaa", ErrPasswordCommon},
		{"abababababab", ErrPasswordCommon},
		{"2024Welcome2024!", ErrPasswordCommon},
		{"correcthorsebatterystaple", ErrPasswordCommon},
		{"hotlinehotline", ErrPasswordCommon},
		{"52013145201314", ErrPasswordCommon},
		{"lina is my name", ErrPasswordSelf},
		{"my name is Wang", ErrPasswordSelf},
	}
	for _, c := range tests {
		if err := CheckPassword(c.password, "lina@example.org", "Li Wang"); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%q gave %v, want %v", c.password, err, c.want)
		}
	}
}

func cheap() *Hasher { return NewHasher(HasherConfig{MemoryKiB: 64, Passes: 1}) }

func TestHashes(t *testing.T) {
	h := cheap()
	phc, err := h.Hash(t.Context(), "secret")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%q %v", phc, err)
	}
	for password, want := range map[string]bool{"secret": true, "Secret": false, "": false} {
		if ok, err := h.Verify(t.Context(), phc, password); ok != want || err != nil {
			t.Errorf("%q: %v %v", password, ok, err)
		}
	}
	if again, _ := h.Hash(t.Context(), "secret"); again == phc {
		t.Error("two hashes of one password are alike: no salt")
	}
	for _, bad := range []string{"", "x", "$argon2id$v=19$m=99999999,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", strings.Replace(phc, "v=19", "v=18", 1), phc[:len(phc)-30]} {
		if ok, err := h.Verify(t.Context(), bad, "secret"); ok || err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if ok, err := NewHasher(HasherConfig{}).Verify(t.Context(), dummyHash, "x"); ok || err != nil {
		t.Errorf("the dummy: %v %v", ok, err)
	}
}

// TestKnownHash holds argon2id to a value of the reference implementation:
// echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32.
func TestKnownHash(t *testing.T) {
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := NewHasher(HasherConfig{}).Verify(t.Context(), phc, "password"); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(HasherConfig{MemoryKiB: 64, Passes: 1, Parallel: 1, MaxWait: 3 * time.Second})
		h.slot <- struct{}{} // somebody hashes for ever
		start := time.Now()
		if _, err := h.Hash(t.Context(), "x"); !errors.Is(err, ErrBusy) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("2001:db8::1")
	next  = netip.MustParseAddr("2001:db8::2") // the same /64
)

func TestThrottle(t *testing.T) {
	th, now := NewThrottle(ThrottleConfig{}), time.Unix(1e9, 0)
	for i := range 5 {
		if w := th.Wait("a", here, now); w != 0 {
			t.Fatalf("try %d waits %s", i, w)
		}
		th.Failed("a", here, now)
	}
	wants := []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	for i, want := range wants {
		if w := th.Wait("a", here, now); w != want*time.Second {
			t.Fatalf("wait %d is %s, want %ds", i, w, want)
		}
		now = now.Add(want * time.Second)
		th.Failed("a", here, now)
	}
	if th.Wait("a", there, now) != 0 || th.Wait("b", here, now) != 0 {
		t.Error("others are not locked out")
	}
	th.Succeeded("a", here)
	if th.Wait("a", here, now) != 0 {
		t.Error("a success forgets")
	}
	for i := range 50 {
		th.Failed(fmt.Sprint(i), there, now)
	}
	if th.Wait("new", next, now) == 0 {
		t.Error("guessing over many accounts from one network is slowed down")
	}
	if th.Wait("new", next, now.Add(16*time.Minute)) != 0 {
		t.Error("it is forgotten in time")
	}
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	th, now := NewThrottle(ThrottleConfig{MaxEntries: 100}), time.Unix(1e9, 0)
	for i := range 10000 {
		th.Failed(fmt.Sprint(i), netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(th.m) > 100 {
		t.Errorf("%d entries", len(th.m))
	}
}

func TestPermissionTable(t *testing.T) {
	for _, a := range Actions() {
		if !Allowed(RoleAdmin, a) {
			t.Errorf("an admin may not %s", a)
		}
		if strings.HasSuffix(string(a), ".write") && Allowed(RoleAuditor, a) {
			t.Errorf("an auditor changes with %s", a)
		}
		if Allowed("", a) || Allowed("boss", a) {
			t.Errorf("an unknown role has %s", a)
		}
	}
	if Allowed(RoleAdmin, "made.up") {
		t.Error("an unknown action is allowed")
	}
	for _, c := range []struct {
		user, token Role
		want        bool
	}{
		{RoleAdmin, RoleAuditor, true}, {RoleSupervisor, RoleAgent, true}, {RoleSupervisor, RoleAdmin, false},
		{RoleAgent, RoleSupervisor, false}, {RoleAuditor, RoleAgent, false}, {"", RoleAgent, false},
	} {
		if MayDelegate(c.user, c.token) != c.want {
			t.Errorf("%s to %s", c.user, c.token)
		}
	}
}

// shelf is a Store with one user, for the service's own tests.
type shelf struct {
	fail error // of writing sessions
	Store
	user     User
	tokens   map[string]Token
	sessions map[string]Session
	puts     int
}

func (s *shelf) Record(_ context.Context, kind Kind, id string) (Record, error) {
	if kind != KindUser || id != s.user.ID {
		return Record{}, ErrNotFound
	}
	return s.user.Record()
}

func (s *shelf) RecordByKey(_ context.Context, kind Kind, key string) (Record, error) {
	if kind == KindToken {
		if t, ok := s.tokens[key]; ok {
			return t.Record()
		}
		return Record{}, ErrNotFound
	}
	if key != s.user.Email {
		return Record{}, ErrNotFound
	}
	return s.user.Record()
}

func (s *shelf) Session(_ context.Context, hash string) (Session, error) {
	v, ok := s.sessions[hash]
	if !ok {
		return v, ErrNotFound
	}
	return v, nil
}

func (s *shelf) PutSession(_ context.Context, v Session) error {
	s.puts++
	if s.fail != nil {
		return s.fail
	}
	s.sessions[v.Hash] = v
	return nil
}

func (s *shelf) DeleteSessions(_ context.Context, f SessionFilter) (int, error) {
	n := 0
	for h, v := range s.sessions {
		if f.Hash == h || !f.ExpiredBefore.IsZero() && v.ExpiresAt.Before(f.ExpiredBefore) || !f.SeenBefore.IsZero() && v.SeenAt.Before(f.SeenBefore) {
			delete(s.sessions, h)
			n++
		}
	}
	return n, nil
}

func newShelf(t *testing.T) (*shelf, *Service, *time.Time) {
	t.Helper()
	hash, err := cheap().Hash(t.Context(), "quiet violet harbour")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	s := &shelf{
		user:   User{ID: "us_1", Email: "a@example.org", Role: RoleSupervisor, PasswordHash: hash},
		tokens: map[string]Token{}, sessions: map[string]Session{},
	}
	return s, NewService(s, Config{Hasher: cheap(), Now: func() time.Time { return now }}), &now
}

func TestSessions(t *testing.T) {
	s, svc, now := newShelf(t)
	src := Source{Address: here, UserAgent: strings.Repeat("é", 200)}
	secret, a, err := svc.Login(t.Context(), " A@Example.org", "quiet violet harbour", src)
	if err != nil || a.User.ID != "us_1" || a.Role != RoleSupervisor {
		t.Fatalf("%+v %v", a, err)
	}
	for _, v := range s.sessions {
		if strings.Contains(v.Hash, secret) || v.Hash == secret || len(v.UserAgent) > 200 {
			t.Errorf("session %+v", v)
		}
	}
	check := func(after time.Duration, want error) {
		t.Helper()
		*now = now.Add(after)
		if _, err := svc.Authenticate(t.Context(), secret, src); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("after %s more: %v, want %v", after, err, want)
		}
	}
	check(0, nil)
	check(30*time.Second, nil)
	if s.puts != 1 {
		t.Errorf("the session was written %d times within a minute", s.puts)
	}
	for range 15 {
		check(11*time.Hour, nil) // used now and then
	}
	check(11*time.Hour, ErrCredentials) // 7 days are over
	if err := svc.Sweep(t.Context()); err != nil || len(s.sessions) != 0 {
		t.Errorf("%d sessions remain: %v", len(s.sessions), err)
	}
	secret, _, err = svc.Login(t.Context(), "a@example.org", "quiet violet harbour", src)
	if err != nil {
		t.Fatal(err)
	}
	check(12*time.Hour, ErrCredentials) // not used
	secret, _, _ = svc.Login(t.Context(), "a@example.org", "quiet violet harbour", src)
	s.user.Disabled = true
	check(0, ErrCredentials)
	if _, _, err := svc.Login(t.Context(), "a@example.org", "quiet violet harbour", src); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	for _, bad := range []string{"", "hls_", "x", "hls_" + strings.Repeat("A", 43)} {
		if _, err := svc.Authenticate(t.Context(), bad, src); !errors.Is(err, ErrCredentials) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A database that cannot write ends nobody's session: they are used on for as
// long as one may be, and end after that.
func TestSessionsOutliveADatabaseThatCannotWrite(t *testing.T) {
	s, svc, now := newShelf(t)
	secret, _, err := svc.Login(t.Context(), "a@example.org", "quiet violet harbour", Source{Address: here})
	if err != nil {
		t.Fatal(err)
	}
	s.fail = ErrUnavailable
	check := func(after time.Duration, want error) {
		t.Helper()
		*now = now.Add(after)
		if _, err := svc.Authenticate(t.Context(), secret, Source{}); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("after %s more: %v, want %v", after, err, want)
		}
	}
	check(5*time.Minute, nil)
	check(11*time.Hour, nil)
	check(11*time.Hour, nil) // by what is remembered
	s.fail = nil
	check(2*time.Minute, nil)
	for _, v := range s.sessions {
		if !v.SeenAt.Equal(*now) {
			t.Errorf("seen at %s, now %s", v.SeenAt, *now)
		}
	}
	check(12*time.Hour, ErrCredentials)
}

func TestTokens(t *testing.T) {
	s, svc, now := newShelf(t)
	tok, secret := NewToken("x", "us_1", RoleAgent, now.Add(time.Hour))
	s.tokens[tok.Hash] = tok
	a, err := svc.Authenticate(t.Context(), secret, Source{})
	if err != nil || a.Role != RoleAgent || a.User.Role != RoleSupervisor || a.TokenID != tok.ID {
		t.Fatalf("%+v %v", a, err)
	}
	s.user.Role = RoleAuditor // lowered since: the token does more than the user may
	if _, err := svc.Authenticate(t.Context(), secret, Source{}); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	s.user.Role = RoleSupervisor
	*now = now.Add(time.Hour)
	if _, err := svc.Authenticate(t.Context(), secret, Source{}); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
}
