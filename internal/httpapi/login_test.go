package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

func credentials(email, password string) map[string]string {
	return map[string]string{"email": email, "password": password}
}

func TestLoginSetsACookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.do("", "POST", prefix+"/login", credentials("Agent@example.org ", testPassword))
	var me Me
	a.want(200, &me)
	if me.User.ID != "us_agent" || me.Token != "" || len(me.Permissions) == 0 {
		t.Errorf("me is %+v", me)
	}
	c := a.Cookies()[0]
	if !strings.HasPrefix(c.Name, "hotline_") || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	cookie := c.Name + "=" + c.Value
	w.do("", "GET", prefix+"/me", nil, "Cookie", cookie).want(200)
	w.do("", "POST", prefix+"/logout", nil, "Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").problem(403, ProblemCrossOrigin, "")
	w.do("", "POST", prefix+"/logout", nil, "Cookie", cookie, "Sec-Fetch-Site", "same-origin").want(204)
	w.do("", "GET", prefix+"/me", nil, "Cookie", cookie).problem(401, ProblemUnauthenticated, "")
}

func TestLoginOverHTTPS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.TrustedProxies = mustPrefixes("127.0.0.0/8", "::1/128") })
	a := w.do("", "POST", prefix+"/login", credentials("agent@example.org", testPassword), "X-Forwarded-Proto", "https", "Host", "hotline.example")
	c := a.want(200).Cookies()[0]
	if c.Name != "__Host-hotline" || !c.Secure || c.Path != "/" {
		t.Errorf("cookie %+v", c)
	}
	w.do("", "GET", prefix+"/me", nil, "Cookie", c.Name+"="+c.Value, "X-Forwarded-Proto", "https", "Host", "hotline.example").want(200)
}

func TestPlainAddressTellsToUseHTTPS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.do("", "POST", prefix+"/login", credentials("agent@example.org", testPassword), "Host", "192.0.2.7:8080")
	a.problem(403, ProblemHTTPSRequired, "")
	if h := a.Header.Get("X-Hotline-Use-Https"); h != "https://192.0.2.7:8443" {
		t.Errorf("header is %q", h)
	}
	var sys SystemBody
	w.do("", "GET", prefix+"/system", nil, "Host", "192.0.2.7:8080").want(200, &sys)
	if sys.Secure || sys.HTTPSURL != "https://192.0.2.7:8443" {
		t.Errorf("system is %+v", sys)
	}
	w.do("", "GET", prefix+"/system", nil, "Host", "localhost:8080").want(200, &sys)
	if !sys.Secure {
		t.Error("localhost is secure")
	}
}

func TestLoginIsThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for range 5 {
		w.do("", "POST", prefix+"/login", credentials("agent@example.org", "wrong")).problem(401, ProblemCredentials, "")
	}
	a := w.do("", "POST", prefix+"/login", credentials("agent@example.org", testPassword))
	a.problem(429, ProblemThrottled, "")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.do("", "POST", prefix+"/login", credentials("admin@example.org", testPassword)).want(200)
	w.do("", "POST", prefix+"/login", credentials("nobody@example.org", testPassword)).problem(401, ProblemCredentials, "")
	n := 0
	for _, e := range w.m.audit {
		if e.Action == "user.login_failed" {
			n++
		}
	}
	if n != 6 {
		t.Errorf("the audit has %d failed log-ins, want 6", n)
	}
}

func TestTokensAndNewPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var me Me
	w.do("", "POST", prefix+"/login?token=true", credentials("agent@example.org", testPassword)).want(200, &me)
	bearer := func(secret string) []string { return []string{"Authorization", "Bearer " + secret} }
	w.do("", "GET", prefix+"/me", nil, bearer(me.Token)...).want(200)
	w.do("", "GET", prefix+"/me", nil, "Authorization", "Basic abc").problem(401, ProblemUnauthenticated, "")
	w.do("", "GET", prefix+"/me", nil, bearer("hlt_wrong")...).problem(401, ProblemUnauthenticated, "")

	var other Me
	w.do("", "POST", prefix+"/login?token=true", credentials("agent@example.org", testPassword)).want(200, &other)
	change := map[string]string{"password": "another violet harbour", "old_password": "wrong"}
	w.do("", "PATCH", prefix+"/me", change, bearer(me.Token)...).problem(422, ProblemValidation, "#/old_password")
	change["old_password"] = testPassword
	w.do("", "PATCH", prefix+"/me", change, bearer(me.Token)...).want(200)
	w.do("", "GET", prefix+"/me", nil, bearer(me.Token)...).want(200)
	w.do("", "GET", prefix+"/me", nil, bearer(other.Token)...).problem(401, ProblemUnauthenticated, "")
	w.do("", "POST", prefix+"/login", credentials("agent@example.org", testPassword)).problem(401, ProblemCredentials, "")

	var tok NewTokenBody
	end := w.m.now().Add(time.Hour)
	w.do(account.RoleAdmin, "POST", prefix+"/tokens", map[string]any{"name": "reports", "role": "agent", "user_id": "us_supervisor", "expires_at": end}).want(201, &tok)
	w.do("", "GET", prefix+"/wallboard", nil, bearer(tok.Secret)...).problem(403, ProblemForbidden, "")
	w.do("", "GET", prefix+"/queues", nil, bearer(tok.Secret)...).want(200)
	w.do(account.RoleAdmin, "DELETE", prefix+"/tokens/"+tok.Token.ID, nil).want(204)
	w.do("", "GET", prefix+"/queues", nil, bearer(tok.Secret)...).problem(401, ProblemUnauthenticated, "")
}

func TestAdminsKeepTheirRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.do(account.RoleAdmin, "PATCH", prefix+"/users/us_admin", `{"version":1,"role":"agent"}`).problem(422, ProblemValidation, "#/role")
	w.do(account.RoleAdmin, "DELETE", prefix+"/users/us_admin", nil).problem(409, ProblemState, "")
	w.do(account.RoleAdmin, "PATCH", prefix+"/users/us_agent", `{"version":1,"disabled":true}`).want(200)
	w.do(account.RoleAgent, "GET", prefix+"/me", nil).problem(401, ProblemUnauthenticated, "")
}
