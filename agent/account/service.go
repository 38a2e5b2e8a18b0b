package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/openhotline/hotline/internal/id"
)

// Config configures a Service.
type Config struct {
	// SessionIdle ends a session that was not used for so long. Defaults to 12h.
	SessionIdle time.Duration
	// SessionMax ends a session whatever happens. Defaults to 7 days.
	SessionMax time.Duration
	// Hasher hashes passwords. Defaults to NewHasher(HasherConfig{}).
	Hasher *Hasher
	// Throttle slows down guessing. Defaults to NewThrottle(ThrottleConfig{}).
	Throttle *Throttle
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
	// Log hears of sessions that cannot be moved on. Defaults to nobody.
	Log *slog.Logger
}

// Service does log-ins, sessions and tokens on a Store.
type Service struct {
	store Store
	cfg   Config

	mu sync.Mutex
	// unsaved holds, by hash, when sessions were seen while the database could
	// not write it down.
	unsaved map[string]time.Time
}

// maxUnsaved bounds what is remembered of sessions; the rest may end early.
const maxUnsaved = 10_000

// seenWithin bounds how long a request waits for its session to be moved on.
const seenWithin = time.Second

// NewService returns a service on the store.
func NewService(store Store, cfg Config) *Service {
	cfg.SessionIdle = cmp.Or(cfg.SessionIdle, 12*time.Hour)
	cfg.SessionMax = cmp.Or(cfg.SessionMax, 7*24*time.Hour)
	if cfg.Hasher == nil {
		cfg.Hasher = NewHasher(HasherConfig{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Throttle == nil {
		cfg.Throttle = NewThrottle(ThrottleConfig{})
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{store: store, cfg: cfg, unsaved: map[string]time.Time{}}
}

// Prefixes tell secrets apart, and let scanners of leaked files find them.
const (
	sessionPrefix = "hls_"
	tokenPrefix   = "hlt_"
)

// newSecret returns a secret of 256 random bits and its hash.
func newSecret(prefix string) (secret, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	secret = prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return secret, HashSecret(secret)
}

// HashSecret is how secrets of sessions and tokens are stored. They have 256
// random bits, so one round of SHA-256 is enough.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Source is where a request comes from.
type Source struct {
	Address   netip.Addr
	UserAgent string
}

// Login checks the password and begins a session. The errors are ErrCredentials
// (wrong, unknown or disabled: not told apart), *ThrottledError and ErrBusy.
func (s *Service) Login(ctx context.Context, email, password string, src Source) (string, Actor, error) {
	email = NormalEmail(email)
	now := s.cfg.Now()
	if wait := s.cfg.Throttle.Wait(email, src.Address, now); wait > 0 {
		return "", Actor{}, &ThrottledError{RetryAfter: wait}
	}
	u, err := s.userByEmail(ctx, email)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", Actor{}, err
	}
	hash := u.PasswordHash
	if err != nil || u.Disabled || hash == "" {
		hash = dummyHash // takes the same time as a real one
	}
	ok, verr := s.cfg.Hasher.Verify(ctx, hash, password)
	if verr != nil {
		return "", Actor{}, verr
	}
	if !ok || hash == dummyHash {
		s.cfg.Throttle.Failed(email, src.Address, now)
		return "", Actor{User: User{Email: email}}, ErrCredentials
	}
	s.cfg.Throttle.Succeeded(email, src.Address)
	return s.begin(ctx, u, src, now)
}

func (s *Service) begin(ctx context.Context, u User, src Source, now time.Time) (string, Actor, error) {
	secret, hash := newSecret(sessionPrefix)
	ua := src.UserAgent
	if len(ua) > 200 {
		ua = strings.ToValidUTF8(ua[:200], "")
	}
	sess := Session{
		ID: id.New(id.Session), Hash: hash, UserID: u.ID, Address: src.Address.String(), UserAgent: ua,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.cfg.SessionMax),
	}
	if err := s.store.PutSession(ctx, sess); err != nil {
		return "", Actor{}, fmt.Errorf("begin session: %w", err)
	}
	return secret, Actor{User: u, Role: u.Role, SessionID: sess.ID, Address: src.Address.String()}, nil
}

// Authenticate returns who holds the secret of a session or token, or
// ErrCredentials when it is unknown, expired, or its user disabled.
func (s *Service) Authenticate(ctx context.Context, secret string, src Source) (Actor, error) {
	if strings.HasPrefix(secret, tokenPrefix) {
		return s.byToken(ctx, secret, src)
	}
	if !strings.HasPrefix(secret, sessionPrefix) {
		return Actor{}, ErrCredentials
	}
	sess, err := s.store.Session(ctx, HashSecret(secret))
	if errors.Is(err, ErrNotFound) {
		return Actor{}, ErrCredentials
	} else if err != nil {
		return Actor{}, err
	}
	now := s.cfg.Now()
	if at := s.lastSeen(sess.Hash); at.After(sess.SeenAt) {
		sess.SeenAt = at
	}
	if !now.Before(sess.ExpiresAt) || now.Sub(sess.SeenAt) >= s.cfg.SessionIdle {
		return Actor{}, ErrCredentials
	}
	u, err := s.activeUser(ctx, sess.UserID)
	if err != nil {
		return Actor{}, err
	}
	if now.Sub(sess.SeenAt) >= time.Minute {
		sess.SeenAt = now
		s.moveOn(ctx, sess)
	}
	return Actor{User: u, Role: u.Role, SessionID: sess.ID, Address: src.Address.String()}, nil
}

// moveOn notes that a session was seen. A database that cannot write must keep
// nobody from working: it is remembered here then, and written a minute later.
func (s *Service) moveOn(ctx context.Context, sess Session) {
	limited, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	err := s.store.PutSession(limited, sess)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.unsaved, sess.Hash)
		return
	}
	s.cfg.Log.Warn("session not moved on", "session", sess.ID, "err", err)
	if len(s.unsaved) < maxUnsaved {
		s.unsaved[sess.Hash] = sess.SeenAt
	}
}

func (s *Service) lastSeen(hash string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsaved[hash]
}

func (s *Service) byToken(ctx context.Context, secret string, src Source) (Actor, error) {
	r, err := s.store.RecordByKey(ctx, KindToken, HashSecret(secret))
	if errors.Is(err, ErrNotFound) {
		return Actor{}, ErrCredentials
	} else if err != nil {
		return Actor{}, err
	}
	t, err := DecodeToken(r)
	if err != nil {
		return Actor{}, err
	}
	if !t.ExpiresAt.IsZero() && !s.cfg.Now().Before(t.ExpiresAt) {
		return Actor{}, ErrCredentials
	}
	u, err := s.activeUser(ctx, t.UserID)
	if err != nil {
		return Actor{}, err
	}
	if !MayDelegate(u.Role, t.Role) {
		return Actor{}, ErrCredentials // the user's role was lowered since
	}
	return Actor{User: u, Role: t.Role, TokenID: t.ID, Address: src.Address.String()}, nil
}

func (s *Service) activeUser(ctx context.Context, userID string) (User, error) {
	r, err := s.store.Record(ctx, KindUser, userID)
	if errors.Is(err, ErrNotFound) {
		return User{}, ErrCredentials
	} else if err != nil {
		return User{}, err
	}
	u, err := DecodeUser(r)
	if err == nil && u.Disabled {
		err = ErrCredentials
	}
	return u, err
}

func (s *Service) userByEmail(ctx context.Context, email string) (User, error) {
	r, err := s.store.RecordByKey(ctx, KindUser, email)
	if err != nil {
		return User{}, err
	}
	return DecodeUser(r)
}

// Logout ends the session that has the secret.
func (s *Service) Logout(ctx context.Context, secret string) error {
	_, err := s.store.DeleteSessions(ctx, SessionFilter{Hash: HashSecret(secret)})
	return err
}

// EndSessions ends every session of a user, but the one that has the secret
// (which may be empty): after a new password, a lesser role, or disabling.
func (s *Service) EndSessions(ctx context.Context, userID, exceptSecret string) error {
	f := SessionFilter{UserID: userID}
	if exceptSecret != "" {
		f.ExceptHash = HashSecret(exceptSecret)
	}
	_, err := s.store.DeleteSessions(ctx, f)
	return err
}

// Sweep deletes sessions that have expired. Call it now and then.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.cfg.Now()
	s.mu.Lock()
	maps.DeleteFunc(s.unsaved, func(_ string, at time.Time) bool { return now.Sub(at) >= s.cfg.SessionIdle })
	s.mu.Unlock()
	if _, err := s.store.DeleteSessions(ctx, SessionFilter{ExpiredBefore: now}); err != nil {
		return err
	}
	_, err := s.store.DeleteSessions(ctx, SessionFilter{SeenBefore: now.Add(-s.cfg.SessionIdle)})
	return err
}

// HashPassword checks the rule and hashes a new password.
func (s *Service) HashPassword(ctx context.Context, password string, u User) (string, error) {
	if err := CheckPassword(password, u.Email, u.Name); err != nil {
		return "", err
	}
	return s.cfg.Hasher.Hash(ctx, password)
}

// VerifyPassword reports whether the password is the user's, throttled like a log-in.
func (s *Service) VerifyPassword(ctx context.Context, u User, password string, src Source) (bool, error) {
	now := s.cfg.Now()
	if wait := s.cfg.Throttle.Wait(u.Email, src.Address, now); wait > 0 {
		return false, &ThrottledError{RetryAfter: wait}
	}
	ok, err := s.cfg.Hasher.Verify(ctx, cmp.Or(u.PasswordHash, dummyHash), password)
	if err == nil && !ok {
		s.cfg.Throttle.Failed(u.Email, src.Address, now)
	}
	return ok && u.PasswordHash != "", err
}

// NewToken makes a token and its secret, which is shown once.
func NewToken(name, userID string, role Role, expires time.Time) (Token, string) {
	secret, hash := newSecret(tokenPrefix)
	return Token{ID: id.New(id.Token), Name: name, UserID: userID, Role: role, Hash: hash, ExpiresAt: expires}, secret
}

// NormalEmail is how addresses are compared: without spaces around, in lower case.
func NormalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// DecodeUser turns a record into a user.
func DecodeUser(r Record) (User, error) {
	var u User
	if err := json.Unmarshal(r.Body, &u); err != nil {
		return u, fmt.Errorf("record %s: %w", r.ID, err)
	}
	u.ID, u.Version, u.Demo, u.CreatedAt, u.UpdatedAt = r.ID, r.Version, r.Demo, r.CreatedAt, r.UpdatedAt
	return u, nil
}

// Record turns the user into the record that is stored.
func (u User) Record() (Record, error) {
	body, err := json.Marshal(u)
	return Record{Kind: KindUser, ID: u.ID, Version: u.Version, Key: NormalEmail(u.Email), Body: body, Demo: u.Demo}, err
}

// DecodeToken turns a record into a token.
func DecodeToken(r Record) (Token, error) {
	var t Token
	if err := json.Unmarshal(r.Body, &t); err != nil {
		return t, fmt.Errorf("record %s: %w", r.ID, err)
	}
	t.ID, t.Version, t.CreatedAt = r.ID, r.Version, r.CreatedAt
	return t, nil
}

// Record turns the token into the record that is stored.
func (t Token) Record() (Record, error) {
	body, err := json.Marshal(t)
	return Record{Kind: KindToken, ID: t.ID, Version: t.Version, Key: t.Hash, Body: body}, err
}
