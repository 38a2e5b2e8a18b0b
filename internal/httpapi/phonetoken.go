package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrPhoneToken means that a click-to-call token is not valid (any more).
var ErrPhoneToken = errors.New("httpapi: click-to-call token is not valid")

// PhoneToken lets a page of the firm call certain numbers for a while.
type PhoneToken struct {
	Numbers []string  `json:"n"`
	Expires time.Time `json:"e"`
}

const phoneTokenPrefix = "hlp_"

// SignPhoneToken returns the token in the form that pages carry: HMAC-SHA-256
// over its JSON.
func SignPhoneToken(key []byte, t PhoneToken) (string, error) {
	if len(key) < 16 || len(t.Numbers) == 0 || t.Expires.IsZero() {
		return "", fmt.Errorf("%w: needs a key of 16 bytes, numbers and an end", ErrPhoneToken)
	}
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return phoneTokenPrefix + enc.EncodeToString(body) + "." + enc.EncodeToString(mac(key, body)), nil
}

// ParsePhoneToken checks signature and end.
func ParsePhoneToken(key []byte, token string, now time.Time) (PhoneToken, error) {
	var t PhoneToken
	rest, ok := strings.CutPrefix(token, phoneTokenPrefix)
	body64, sig64, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || len(key) < 16 {
		return t, ErrPhoneToken
	}
	enc := base64.RawURLEncoding
	body, err1 := enc.DecodeString(body64)
	sig, err2 := enc.DecodeString(sig64)
	if err1 != nil || err2 != nil || !hmac.Equal(sig, mac(key, body)) {
		return t, ErrPhoneToken
	}
	if err := json.Unmarshal(body, &t); err != nil || !now.Before(t.Expires) {
		return PhoneToken{}, ErrPhoneToken
	}
	return t, nil
}

func mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("hotline phone token\n"))
	h.Write(body)
	return h.Sum(nil)
}
