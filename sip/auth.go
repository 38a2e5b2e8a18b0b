package sip

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// digestState answers the challenges of a line (RFC 7616, RFC 8760). Nil answers
// none.
type digestState struct {
	username, password string
	challenges         map[string]*digest.Challenge // by header to answer in
	count              int
}

func newDigestState(username, password string) *digestState {
	if username == "" {
		return nil
	}
	return &digestState{username: username, password: password, challenges: map[string]*digest.Challenge{}}
}

// learn takes the best challenge of a 401 or 407; false when there is none that
// can be answered, or the same nonce was answered already and is not stale.
func (s *digestState) learn(res *sipgo.Response) bool {
	if s == nil {
		return false
	}
	from, to := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		from, to = "Proxy-Authenticate", "Proxy-Authorization"
	}
	var best *digest.Challenge
	for _, h := range res.GetHeaders(from) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			continue
		}
		c.Algorithm = strings.ToUpper(c.Algorithm)
		for i := range c.QOP {
			c.QOP[i] = strings.TrimSpace(c.QOP[i])
		}
		if digest.CanDigest(c) && (best == nil || len(c.Algorithm) > len(best.Algorithm)) {
			best = c
		}
	}
	if best == nil {
		return false
	}
	if old := s.challenges[to]; old != nil && old.Nonce == best.Nonce && !best.Stale {
		return false
	}
	s.challenges[to] = best
	s.count = 0
	return true
}

// apply adds credentials for the challenges known so far.
func (s *digestState) apply(req *sipgo.Request) {
	if s == nil || len(s.challenges) == 0 {
		return
	}
	s.count++
	for header, c := range s.challenges {
		cred, err := digest.Digest(c, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(),
			Username: s.username, Password: s.password, Count: s.count,
		})
		if err == nil {
			req.AppendHeader(sipgo.NewHeader(header, cred.String()))
		}
	}
}

// nonces makes and checks digest nonces. A nonce carries its time and a MAC, so
// nothing is stored for those who only ask; the count of a nonce is kept once it
// was used with the right password.
type nonces struct {
	key      [32]byte
	lifetime time.Duration

	mu   sync.Mutex
	used map[string]usedNonce
}

type usedNonce struct {
	count int
	until time.Time
}

// maxUsedNonces bounds the counts kept; beyond it nonces that are not known are
// treated as stale.
const maxUsedNonces = 65_536

func newNonces(lifetime time.Duration) *nonces {
	n := &nonces{lifetime: lifetime, used: map[string]usedNonce{}}
	_, _ = rand.Read(n.key[:])
	return n
}

func (n *nonces) make(now time.Time) string {
	var b [16 + 16]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixNano()))
	_, _ = rand.Read(b[8:16])
	copy(b[16:], n.mac(b[:16]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (n *nonces) mac(b []byte) []byte {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(b)
	return h.Sum(nil)[:16]
}

// valid tells whether a nonce is one of ours that has not expired.
func (n *nonces) valid(nonce string, now time.Time) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 32 || subtle.ConstantTimeCompare(b[16:], n.mac(b[:16])) != 1 {
		return false
	}
	age := now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(b))))
	return age >= -time.Second && age <= n.lifetime
}

// use counts a nonce; false when the count was used before (a replay).
func (n *nonces) use(nonce string, count int, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, ok := n.used[nonce]
	if ok && count <= u.count {
		return false
	}
	if !ok && len(n.used) >= maxUsedNonces {
		n.forget(now)
		if len(n.used) >= maxUsedNonces {
			return false
		}
	}
	n.used[nonce] = usedNonce{count: count, until: now.Add(n.lifetime)}
	return true
}

// forget drops expired nonces. Needs n.mu.
func (n *nonces) forget(now time.Time) {
	for k, u := range n.used {
		if now.After(u.until) {
			delete(n.used, k)
		}
	}
}

func (n *nonces) sweep(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(now)
}

// challenges are the WWW-Authenticate values for the algorithms, the preferred
// one first (RFC 8760 §2.4).
func (n *nonces) challenges(realm string, algorithms []string, stale bool, now time.Time) []Header {
	nonce := n.make(now)
	var out []Header
	for _, algorithm := range algorithms {
		v := `Digest realm="` + realm + `",nonce="` + nonce + `",algorithm=` + algorithm + `,qop="auth"`
		if stale {
			v += ",stale=true"
		}
		out = append(out, Header{"WWW-Authenticate", v})
	}
	return out
}

// digestMatches recomputes the response of credentials (qop=auth only). only,
// when not empty, is the one algorithm that counts.
func digestMatches(c *digest.Credentials, method, username, password, only string) bool {
	algorithm := cmp.Or(strings.ToUpper(c.Algorithm), "MD5")
	if c.QOP != "auth" || c.Cnonce == "" || c.Nc <= 0 || (algorithm != "MD5" && algorithm != "SHA-256") || (only != "" && algorithm != only) {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{
		Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{"auth"},
	}, digest.Options{
		Method: method, URI: c.URI, Username: username, Password: password, Count: c.Nc, Cnonce: c.Cnonce,
	})
	return err == nil && subtle.ConstantTimeCompare([]byte(want.Response), []byte(strings.ToLower(c.Response))) == 1
}
