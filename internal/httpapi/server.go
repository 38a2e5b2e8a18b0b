package httpapi

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// Config has what a Server needs. Fields without a default are required.
type Config struct {
	Accounts account.Store
	Omni     omni.Store
	Journal  Journal
	Desk     Desk
	Phone    Phone
	// Erasures are those that were asked for.
	Erasures Erasures
	// Supervision lets supervisors listen to calls; nil: there is none.
	Supervision Supervision
	// HideSupervision keeps from agents that a supervisor listens.
	HideSupervision bool
	// Commit makes one atomic change of customers' rows.
	Commit Commit
	// Revision changes with every administered record (store.DB.SetupRevision).
	// nil: changes by other processes are not noticed.
	Revision func(context.Context) (string, error)
	// Figures computes figures from the journal's segments.
	Figures Figures
	// Balance computes how evenly work is spread; nil: nobody is told.
	Balance Balance
	// Wallboard is the live state of queues and agents.
	Wallboard Wallboard

	// LineState tells how the registration of a line stands; nil: it has none.
	// Without the function nobody is told.
	LineState func(lineID string) *setup.Registration
	// DeviceOnline tells whether a desk phone is registered.
	DeviceOnline func(deviceID string) bool

	// Simulation gives a token with which calls count as simulated; nil: there is none.
	Simulation Simulation

	// Service does log-ins. Defaults to account.NewService(Accounts, …).
	Service *account.Service
	// Web has the built pages (package web); nil: a page that says how to build.
	Web fs.FS
	// Recordings has the sound files, by omni.Recording.Path.
	Recordings fs.FS
	// Ready tells why the installation is not ready. Defaults to always ready.
	Ready Readiness
	// Warnings tells what of a ready installation works only in part; nil: nothing.
	Warnings Readiness
	// Media is shown by the metrics; nil: not shown.
	Media MediaHealth
	// Live is shown by the metrics; nil: not shown.
	Live LiveCounts

	// Demo opens the test phone to everybody and shows the demo log-ins.
	Demo bool
	// PhoneKey signs the tokens of click-to-call; empty: only the demo's phone.
	PhoneKey []byte
	// ICEServers are told to the browsers of agents and to the test phone.
	ICEServers []ICEServer
	// HTTPSPort is where HTTPS is served, for the advice to use it. 0: nowhere.
	HTTPSPort int
	// TrustedProxies may say in X-Forwarded-For and -Proto whom they speak for.
	TrustedProxies []netip.Prefix
	// DefaultLanguage of the installation. Defaults to "en".
	DefaultLanguage string
	// Version of the binary. Defaults to "dev".
	Version string
	// NodeID names this process.
	NodeID string
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// Server is the HTTP side of one process. Handler serves it; Close ends its sockets.
type Server struct {
	cfg     Config
	log     *slog.Logger
	mux     *http.ServeMux
	api     huma.API
	service *account.Service
	now     func() time.Time
	metrics *metrics
	hub     *hub
	phones  *phones
	// listenings keeps the audit from having a listening twice.
	listenings listenings
	rosters    rosters
	handler    http.Handler
}

// New returns a server. It starts nothing: run Handler in an http.Server and
// Run beside it.
func New(cfg Config, log *slog.Logger) *Server {
	cfg.DefaultLanguage = cmp.Or(cfg.DefaultLanguage, "en")
	cfg.Version = cmp.Or(cfg.Version, "dev")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Service == nil {
		cfg.Service = account.NewService(cfg.Accounts, account.Config{Now: cfg.Now, Log: log})
	}
	s := &Server{cfg: cfg, log: log, mux: http.NewServeMux(), service: cfg.Service, now: cfg.Now}
	s.metrics = newMetrics(s)
	s.hub = newHub(s)
	s.phones = newPhones(s)
	s.api = newAPI(s.mux)
	s.api.UseMiddleware(s.authorize)
	s.registerAll()
	s.handler = s.wrap(s.mux)
	return s
}

// Handler serves everything: API, sockets, health, metrics and pages.
func (s *Server) Handler() http.Handler { return s.handler }

// OpenAPI returns the document in YAML.
func (s *Server) OpenAPI() ([]byte, error) { return s.api.OpenAPI().YAML() }

func (s *Server) registerAll() {
	s.registerAccount()
	s.registerDesk()
	s.registerSupervision()
	s.registerConsult()
	s.registerConversations()
	s.registerRecordings()
	s.registerHolds()
	s.registerErasures()
	s.registerCustomers()
	s.registerJournal()
	s.registerFigures()
	s.registerSetup()
	s.registerUsers()
	s.registerTokens()
	s.registerFlows()
	s.registerAudit()
	s.registerPhone()
	s.registerSimulations()
	s.registerSystem()
	s.registerStatic()
}
