package httpapi

import (
	"context"
	"net/http"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
)

// PhoneNumber is a number that the test phone can call.
type PhoneNumber struct {
	Number      string `json:"number"`
	Description string `json:"description"`
	Language    string `json:"language"`
}

// PhoneBody tells whether the phone may be used.
type PhoneBody struct {
	Open            bool          `json:"open" doc:"Usable with what was sent: the demo, or a valid token"`
	Demo            bool          `json:"demo"`
	Numbers         []PhoneNumber `json:"numbers" doc:"What may be called"`
	DefaultLanguage string        `json:"default_language"`
	ICEServers      []ICEServer   `json:"ice_servers,omitempty" nullable:"false" doc:"What the browser asks for its public address and for a relay; only where the phone may be used"`
}

type phoneInput struct {
	Token string `query:"token" maxLength:"2000" doc:"Signed click-to-call token"`
}

// SystemBody is what the pages must know before anybody logs in.
type SystemBody struct {
	Version         string   `json:"version"`
	Demo            bool     `json:"demo"`
	DemoLogins      []string `json:"demo_logins" doc:"Addresses of the demo's users; the password was printed at the start"`
	DefaultLanguage string   `json:"default_language"`
	Secure          bool     `json:"secure" doc:"The page may use the microphone: HTTPS, or plain HTTP on this very machine"`
	HTTPSURL        string   `json:"https_url" doc:"Where to go when secure is false; empty when HTTPS is not served"`
	Head            int64    `json:"head" doc:"Seq of the last event"`
}

func (s *Server) registerPhone() {
	register(s, operation("get-phone", http.MethodGet, "/phone", tagPhone, "Is the test phone open, and what can it call", ""), s.phoneInfo)
}

func (s *Server) phoneInfo(ctx context.Context, in *phoneInput) (*one[PhoneBody], error) {
	body := PhoneBody{Demo: s.cfg.Demo, DefaultLanguage: s.cfg.DefaultLanguage}
	may, err := s.phones.permit(in.Token)
	if err != nil {
		return &one[PhoneBody]{body}, nil // closed, which is an answer and not a fault
	}
	body.Open, body.ICEServers = true, openICEServers(s.cfg.ICEServers)
	numbers, err := setup.All[setup.Number](ctx, s.cfg.Accounts, account.KindNumber)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		if n.Enabled && may.allows(n) {
			body.Numbers = append(body.Numbers, PhoneNumber{n.Number, n.Description, n.Language})
		}
	}
	return &one[PhoneBody]{body}, nil
}

func (s *Server) registerSystem() {
	register(s, operation("get-system", http.MethodGet, "/system", tagAccount, "What the pages must know before anybody logs in", ""), s.system)
	s.registerHealth()
}

// demoLogins are the users that the demo seeds.
var demoLogins = []string{"agent@demo", "agent2@demo", "supervisor@demo", "admin@demo"}

func (s *Server) system(ctx context.Context, _ *struct{}) (*one[SystemBody], error) {
	r := requestOf(ctx)
	body := SystemBody{
		Version: s.cfg.Version, Demo: s.cfg.Demo, DefaultLanguage: s.cfg.DefaultLanguage,
		Secure: secure(ctx) || loopback(r.Host), HTTPSURL: s.httpsAddress(r),
	}
	if s.cfg.Demo {
		body.DemoLogins = demoLogins
	}
	head, err := s.cfg.Journal.Head(ctx)
	body.Head = head
	return &one[SystemBody]{body}, err
}
