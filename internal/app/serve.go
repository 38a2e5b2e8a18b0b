package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/bus"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/config/doctor"
	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/udp"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

func serveCommand(ctx context.Context, args []string, std Streams) error {
	cfg, rest, err := configured("serve", "[flags]", args, std, nil)
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	log := logger(cfg.Log, std.Err)
	for _, name := range cfg.Unknown {
		log.Warn("variable is no setting", "name", name)
	}
	s, err := open(ctx, cfg, std, log)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx)
}

// service is the running installation's parts, in the order of their making.
type service struct {
	cfg      config.Config
	std      Streams
	log      *slog.Logger
	lock     *os.File
	db       *store.DB
	bus      *bus.Bus
	engine   *media.Engine
	readers  *udp.Group
	ports    *rtp.PortPool
	rtc      *webrtc.API
	calls    *call.Control
	endpoint *sip.Endpoint
	center   *journey.Center
	api      *httpapi.Server
	certs    []interface{ Run(context.Context) error } // certificates that are renewed meanwhile
	password string                                    // of the demo, when it was made now
	nodeID   string
}

// open makes every part; nothing runs yet.
func open(ctx context.Context, cfg config.Config, std Streams, log *slog.Logger) (_ *service, err error) {
	s := &service{cfg: cfg, std: std, log: log}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.openData(ctx); err != nil {
		return nil, err
	}
	if err := s.openMedia(); err != nil {
		return nil, err
	}
	speaker, err := newSpeaker(cfg, log)
	if err != nil {
		return nil, err
	}
	s.center = journey.New(journey.Config{
		NodeID: s.nodeID, Shared: s.db.Dialect() != "sqlite", Bus: s.otherNodes(), Language: cfg.Language, Country: cfg.Country, Recordings: cfg.RecordingsDir(),
		Retention: omni.Retention{Recordings: cfg.Retention()}, Reserve: cfg.Reserve(), Anchor: cfg.Calls.Anchor, Rejoin: cfg.Calls.Rejoin, PresenceGrace: cfg.Calls.PresenceGrace,
		EmergencyPrompt: s.cfg.Calls.EmergencyPrompt, HideSupervision: cfg.Calls.HideSupervision, Seed: uint64(time.Now().UnixNano()),
		Free: func() (uint64, bool) { return doctor.FreeBytes(cfg.RecordingsDir()) },
		MayHear: func(ctx context.Context, by account.Actor, agentID, queueID string) (bool, error) {
			return s.api.MayHear(ctx, by, agentID, queueID)
		},
	}, journeyStore{s.db}, s.calls, s.endpoint, speaker, log)
	s.endpoint.OnRegistration(s.center.Registration)
	return s, s.openAPI()
}

// openData opens the data folder, the database and the bus.
func (s *service) openData(ctx context.Context) (err error) {
	if err := makeData(s.cfg.Data); err != nil {
		return err
	}
	if s.lock, err = lockData(s.cfg.Data); err != nil {
		return err
	}
	if s.nodeID, err = nodeID(s.cfg); err != nil {
		return err
	}
	if s.db, err = store.Open(ctx, s.cfg.DatabaseURL(), s.log); err != nil {
		return err
	}
	if err := s.db.UseSpool(ctx, s.cfg.Data); err != nil {
		return err
	}
	if s.cfg.Demo {
		if s.password, err = seedDemo(ctx, s.db, s.cfg, s.nodeID, s.log); err != nil {
			return err
		}
	}
	routes := make([]string, 0, len(s.cfg.Bus.Routes))
	for _, r := range s.cfg.Bus.Routes {
		routes = append(routes, strings.TrimPrefix(r, "nats://"))
	}
	s.bus, err = bus.New(ctx, bus.Config{
		NodeID: s.nodeID, URL: s.cfg.Bus.URL, Cluster: s.cfg.Bus.Listen, Routes: routes, Secret: s.cfg.Bus.Secret,
	}, s.db, s.log)
	if err != nil {
		return err
	}
	s.db.OnCommit(s.bus.Publish)
	return nil
}

// otherNodes is the way to other nodes; nil when none is configured.
func (s *service) otherNodes() journey.Bus {
	if s.cfg.Bus.URL == "" && s.cfg.Bus.Listen == "" {
		return nil
	}
	return nodeBus{s.bus}
}

// openMedia binds the media ports and makes signalling and call control.
func (s *service) openMedia() (err error) {
	ip := netip.Addr{}
	if s.cfg.RTP.IP != "" {
		ip = netip.MustParseAddr(s.cfg.RTP.IP) // checked by Load
	}
	s.engine = media.NewEngine(media.EngineConfig{})
	// Telephones and browsers share the readers: one wake-up serves both.
	if s.readers, err = udp.NewGroup(udp.Config{}); err != nil {
		return err
	}
	s.ports, err = rtp.NewPortPool(rtp.PoolConfig{
		Readers: s.readers, IP: ip, First: uint16(s.cfg.RTP.Ports.First), Last: uint16(s.cfg.RTP.Ports.Last), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.rtc, err = webrtc.NewAPI(webrtc.Config{
		Readers: s.readers, Address: s.cfg.WebRTC.UDP, ExternalIPs: s.cfg.WebRTC.ExternalIP, IncludeLoopback: true, ICEServers: iceServers(s.cfg.WebRTC),
	}, s.log)
	if err != nil {
		return err
	}
	s.calls = call.New(call.Config{Ports: s.ports, ExternalIP: s.cfg.MediaIP()}, nil, s.engine, s.rtc, s.log)
	sipConfig := sip.Config{
		UDP: s.cfg.SIP.UDP, TCP: s.cfg.SIP.TCP, Domain: s.cfg.SIP.Domain, RingTimeout: s.cfg.SIP.RingTimeout,
		MaxCalls: s.cfg.Limits.Calls, CallRate: s.cfg.Limits.CallsPerSecond, CallBurst: s.cfg.Limits.CallsPerSecond,
		UserAgent: "Hotline", ByeOnShutdown: true,
	}
	if s.cfg.SIP.ExternalIP != "" {
		sipConfig.ExternalIP = netip.MustParseAddr(s.cfg.SIP.ExternalIP) // checked by Load
	}
	if sipConfig.TLS = s.cfg.SIPTLS(); sipConfig.TLS != "" {
		files, err := openCertificate("sip", s.cfg.SIP.Cert, s.cfg.SIP.Key, s.log)
		if err != nil {
			return err
		}
		s.certs = append(s.certs, files)
		sipConfig.TLSConfig = files.TLS()
	}
	if s.endpoint, err = sip.New(sipConfig, s.calls, s.log); err != nil {
		return err
	}
	s.calls.SetEndpoint(s.endpoint)
	return nil
}

func iceServers(c config.WebRTC) []webrtc.ICEServer {
	var out []webrtc.ICEServer
	if len(c.STUN) > 0 {
		out = append(out, webrtc.ICEServer{URLs: c.STUN})
	}
	if len(c.TURN) > 0 {
		out = append(out, webrtc.ICEServer{URLs: c.TURN, Username: c.TURNUser, Credential: c.TURNSecret})
	}
	return out
}

// browserICE is iceServers for the pages: both ends ask the same ones.
func browserICE(c config.WebRTC) []httpapi.ICEServer {
	var out []httpapi.ICEServer
	for _, s := range iceServers(c) {
		out = append(out, httpapi.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	return out
}

// run serves until ctx ends and the calls have drained.
func (s *service) run(ctx context.Context) error {
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	// What runs outlives ctx until the calls have ended.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	g, work := errgroup.WithContext(work)
	g.Go(func() error { return over(work, s.engine.Run(work)) })
	g.Go(func() error { return over(work, s.endpoint.Run(work)) })
	select {
	case <-s.endpoint.Ready():
	case <-work.Done():
		stop(errStopped)
		return g.Wait()
	}
	// Conversations end before what carries them, so that everybody gets a BYE.
	talk, hush := context.WithCancelCause(work)
	quiet := make(chan struct{})
	g.Go(func() error {
		defer close(quiet)
		return over(talk, s.center.Run(talk))
	})
	g.Go(func() error { return over(work, s.db.RunRetention(work, s.cfg.RecordingsDir(), s.cfg.Retention())) })
	g.Go(func() error { return over(work, s.db.RunErasures(work, s.cfg.RecordingsDir())) })
	g.Go(func() error { return over(work, s.db.RunSheets(work, s.nodeID)) })
	g.Go(func() error { return over(work, s.api.Run(work)) })
	for _, c := range s.certs {
		g.Go(func() error { return over(work, c.Run(work)) })
	}
	for _, l := range listeners {
		g.Go(func() error { return s.serveHTTP(work, l) })
	}
	select {
	case <-s.center.Ready():
		s.announce(work, listeners)
	case <-work.Done():
	}
	select {
	case <-ctx.Done():
		s.drain(work)
	case <-work.Done():
	}
	hush(errStopped)
	<-quiet
	s.calls.Close()
	stop(errStopped)
	err = g.Wait()
	s.log.Info("stopped")
	return err
}

var errStopped = errors.New("app: stopped")

// over drops the error with which a part ends because the service stops.
func over(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// drain takes no more calls and waits until those that run have ended, or a
// second signal comes.
func (s *service) drain(ctx context.Context) {
	s.center.Drain()
	s.endpoint.Drain()
	if s.center.Live() == 0 {
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	s.log.Info("draining: no new calls; a second signal stops at once", "conversations", s.center.Live(), "limit", s.cfg.Calls.Drain)
	limit := time.NewTimer(s.cfg.Calls.Drain)
	defer limit.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for s.center.Live() > 0 {
		select {
		case <-tick.C:
		case <-again:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// announce prints where the service is and, the first time, how to log in.
func (s *service) announce(ctx context.Context, listeners []listener) {
	for _, l := range listeners {
		fmt.Fprintf(s.std.Out, "%-8s %s\n", l.scheme, address(l.scheme, l.net.Addr()))
	}
	a := s.endpoint.Addrs()
	for name, at := range map[string]netip.AddrPort{"sip/udp": a.UDP, "sip/tcp": a.TCP, "sip/tls": a.TLS} {
		if at.IsValid() {
			fmt.Fprintf(s.std.Out, "%-8s %s\n", name, at)
		}
	}
	if s.cfg.Demo {
		printDemo(s.std.Out, s.password, s.cfg.DemoPassword != "")
	}
	users, err := s.db.Records(ctx, account.KindUser, account.Page{Limit: 1})
	if err == nil && len(users) == 0 {
		fmt.Fprintf(s.std.Out, "nobody can log in yet; make the first administrator, while this runs:\n  hotline user add YOU@EXAMPLE.COM \"YOUR NAME\" admin%s\n", sameInstallation(s.cfg))
	}
}

// sameInstallation are the flags with which another command finds the
// installation of this configuration.
func sameInstallation(cfg config.Config) string {
	flags := ""
	if cfg.File != "" {
		flags = " --config " + absolute(cfg.File)
	}
	if cfg.Data != config.Default().Data || cfg.File == "" {
		flags += " --data " + absolute(cfg.Data)
	}
	return flags
}

// absolute is a path that holds in every folder.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// address is what people type for a listener.
func address(scheme string, a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// close releases what open made, the last first. It may be called twice.
func (s *service) close() {
	if s.calls != nil {
		s.calls.Close()
	}
	if s.rtc != nil {
		_ = s.rtc.Close()
	}
	if s.ports != nil {
		s.ports.Close()
	}
	if s.readers != nil {
		s.readers.Close()
	}
	if s.bus != nil {
		_ = s.bus.Close()
	}
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			s.log.Error("database not closed", "err", err)
		}
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// lockData keeps a second process out of the data folder.
func lockData(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("data folder %s is in use by another hotline: stop it, or choose another with --data", dir)
	}
	return f, nil
}

// nodeID is the process's name, made at the first start.
func nodeID(cfg config.Config) (string, error) {
	if cfg.Node != "" {
		return cfg.Node, nil
	}
	path := filepath.Join(cfg.Data, "node")
	raw, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	name := id.New(id.Node)
	if err := os.WriteFile(path, []byte(name+"\n"), 0o640); err != nil {
		return "", fmt.Errorf("name of the node: %w", err)
	}
	return name, nil
}
