// Package config has the settings of one process of an installation. A setting
// comes from a flag (--http-addr), else from a variable (HOTLINE_HTTP_ADDR),
// else from the file (http.addr in hotline.yaml), else from its default. What
// people administer while it runs (lines, numbers, queues, flows, users) is not
// here: it lives in the database.
//
// The struct tags are the single description of every setting: its name,
// meaning, bounds and choices. Flags, variables, the commented file and the
// messages about faults are made from them.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is every setting. Default returns the defaults, Load the whole way.
type Config struct {
	Data     string `key:"data" doc:"Folder of the database, recordings, prompts and certificates. It is made when it is missing."`
	Demo     bool   `key:"demo" doc:"Seed a demo shop in three languages when the database is empty, and open the test phone to everybody."`
	Language string `key:"language" enum:"zh-CN,en,ja" doc:"Language of conversations and pages when nothing else decides."`
	Country  string `key:"country" pattern:"country" doc:"Country (ISO 3166) of telephone numbers that come without a prefix, unless their line has one."`
	Node     string `key:"node" pattern:"name" doc:"Name of this process among several; empty: made at the first start and kept in the data folder."`

	HTTP       HTTP       `key:"http" doc:"Plain HTTP: for this machine, or behind a proxy that does HTTPS."`
	HTTPS      HTTPS      `key:"https" doc:"HTTPS, which browsers want before they give the microphone."`
	SIP        SIP        `key:"sip" doc:"SIP signalling of lines and desk phones. An empty address is not listened on."`
	RTP        RTP        `key:"rtp" doc:"Sound of SIP calls."`
	WebRTC     WebRTC     `key:"webrtc" doc:"Sound of browsers."`
	Database   Database   `key:"database" doc:"Where everything is kept."`
	Bus        Bus        `key:"bus" doc:"Events between the processes of an installation (NATS)."`
	Recordings Recordings `key:"recordings" doc:"Recorded calls."`
	Calls      Calls      `key:"calls" doc:"How calls are treated, above all when something fails."`
	Limits     Limits     `key:"limits" doc:"What this process takes at most; beyond it, callers get 503 with Retry-After."`
	TTS        TTS        `key:"tts" doc:"Speech that is made here. An empty program is looked for in PATH."`
	Phone      Phone      `key:"phone" doc:"Click-to-call from web pages."`
	Log        Log        `key:"log" doc:"Log on standard error."`

	// DemoPassword is the password of the demo's log-ins, from
	// HOTLINE_DEMO_PASSWORD only; empty: a random one is made and printed.
	DemoPassword string
	// File is the file that was read; empty when there was none.
	File string
	// Unknown lists HOTLINE_ variables that are no settings, for a warning.
	Unknown []string
}

// HTTP is the plain address.
type HTTP struct {
	Addr           string   `key:"addr" pattern:"listen" doc:"Listen address, host:port; the host may be left out."`
	TrustedProxies []string `key:"trusted_proxies" pattern:"prefixes" doc:"Networks (CIDR) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."`
}

// HTTPS is the address with TLS.
type HTTPS struct {
	Addr  string   `key:"addr" pattern:"listen" doc:"Listen address; empty: no HTTPS."`
	Cert  string   `key:"cert" doc:"Certificate chain (PEM), read again when it changes; empty: one is made and renewed in the data folder."`
	Key   string   `key:"key" doc:"Private key of the certificate (PEM)."`
	Names []string `key:"names" doc:"Further names and addresses in the self-made certificate; this machine's are always in it."`
}

// SIP is the signalling.
type SIP struct {
	UDP         string        `key:"udp" pattern:"listen" doc:"Listen address for UDP."`
	TCP         string        `key:"tcp" pattern:"listen" doc:"Listen address for TCP."`
	TLS         string        `key:"tls" pattern:"listen" doc:"Listen address for TLS, used when sip.cert and sip.key are set."`
	Cert        string        `key:"cert" doc:"Certificate chain for TLS (PEM), read again when it changes."`
	Key         string        `key:"key" doc:"Private key of the certificate (PEM)."`
	Domain      string        `key:"domain" pattern:"host" doc:"Domain and digest realm of desk phones."`
	ExternalIP  string        `key:"external_ip" pattern:"ip" doc:"Address that the other side sees, behind one-to-one NAT; empty: that of the interface."`
	RingTimeout time.Duration `key:"ring_timeout" min:"5s" max:"10m" doc:"Ends an outgoing call that is neither answered nor refused."`
}

// RTP is the sound of SIP calls.
type RTP struct {
	IP         string `key:"ip" pattern:"ip" doc:"Address that RTP sockets listen on; empty: all."`
	ExternalIP string `key:"external_ip" pattern:"ip" doc:"Address told to the other side; empty: sip.external_ip, or that of the interface."`
	Ports      Ports  `key:"ports" doc:"UDP ports, first-last; a call leg takes two. Open them in the firewall."`
}

// WebRTC is the sound of browsers.
type WebRTC struct {
	UDP        string   `key:"udp" pattern:"listen" doc:"The one UDP port for all browsers; host:port. Open it in the firewall."`
	ExternalIP []string `key:"external_ip" pattern:"ips" doc:"Addresses that browsers see, behind one-to-one NAT."`
	STUN       []string `key:"stun" doc:"STUN servers told to browsers, such as stun:stun.example.org:3478."`
	TURN       []string `key:"turn" doc:"TURN servers told to browsers, such as turn:turn.example.org:3478?transport=udp."`
	TURNUser   string   `key:"turn_user" doc:"User name for the TURN servers."`
	TURNSecret string   `key:"turn_secret" secret:"true" doc:"Password for the TURN servers."`
}

// Database is where everything is kept.
type Database struct {
	URL string `key:"url" secret:"true" pattern:"database" doc:"postgres://user:password@host/name, or sqlite:PATH; empty: hotline.db in the data folder."`
}

// Bus connects processes.
type Bus struct {
	URL    string   `key:"url" secret:"true" doc:"External NATS servers, such as nats://host:4222; empty: the one within the process."`
	Listen string   `key:"listen" pattern:"listen" doc:"Address for the other processes of a cluster; empty: no cluster."`
	Routes []string `key:"routes" doc:"The other processes of the cluster, such as nats://host:6222."`
	Secret string   `key:"secret" secret:"true" doc:"Shared secret of the cluster."`
}

// Recordings are the recorded calls.
type Recordings struct {
	Dir  string `key:"dir" doc:"Folder of the sound files; empty: recordings in the data folder."`
	Days int    `key:"days" min:"0" max:"36500" doc:"Days after which recordings are deleted; 0: never."`
	// ReserveMB is in units of 2^20 bytes.
	ReserveMB int `key:"reserve_mb" min:"1" max:"1000000" doc:"Megabytes of their disk that recordings leave free, so that the database goes on. Below it calls are not recorded, and the conversation says so."`
}

// Calls tells how calls are treated when something fails.
type Calls struct {
	Anchor          time.Duration `key:"anchor" min:"10s" max:"1h" doc:"How long a caller is kept while the agent's browser is gone."`
	Rejoin          time.Duration `key:"rejoin" min:"0s" max:"1h" doc:"A caller who was lost in an outage and rings again within this time gets the old place in the queue."`
	PresenceGrace   time.Duration `key:"presence_grace" min:"0s" max:"10m" doc:"How long an agent without connection keeps the presence."`
	Drain           time.Duration `key:"drain" min:"0s" max:"24h" doc:"How long a stopping process waits for its calls to end."`
	EmergencyPrompt string        `key:"emergency_prompt" doc:"Sound file for callers while the database is away; empty: they get 503."`
	HideSupervision bool          `key:"hide_supervision" doc:"Keep from agents that a supervisor listens to their call. The law of many countries wants them to be told."`
}

// Limits bound a process.
type Limits struct {
	Calls          int `key:"calls" min:"1" max:"100000" doc:"Calls at the same time."`
	CallsPerSecond int `key:"calls_per_second" min:"1" max:"10000" doc:"New calls per second."`
}

// TTS is speech synthesis.
type TTS struct {
	EspeakNG       string        `key:"espeak_ng" doc:"Program espeak-ng, for Chinese and English."`
	OpenJTalk      string        `key:"open_jtalk" doc:"Program open_jtalk, for Japanese."`
	JapaneseVoice  string        `key:"japanese_voice" doc:"Voice file (.htsvoice) for open_jtalk. Without one, Japanese texts need sound files."`
	JapaneseDict   string        `key:"japanese_dict" doc:"Dictionary folder for open_jtalk."`
	Timeout        time.Duration `key:"timeout" min:"1s" max:"5m" doc:"How long making one prompt may take."`
	PromptsMaxSize int           `key:"prompts_max_mb" min:"10" max:"1000000" doc:"Megabytes of made prompts that are kept in the data folder."`
}

// Phone is click-to-call.
type Phone struct {
	Key string `key:"key" secret:"true" doc:"Secret of at least 16 characters that signs click-to-call tokens; empty: only the demo's phone."`
}

// Log is the log.
type Log struct {
	Level  string `key:"level" enum:"debug,info,warn,error" doc:"The least important lines that are written."`
	Format string `key:"format" enum:"text,json" doc:"text for people, json for programs."`
}

// Ports is a range of UDP ports.
type Ports struct {
	First, Last int
}

// String gives first-last.
func (p Ports) String() string { return fmt.Sprintf("%d-%d", p.First, p.Last) }

// ParsePorts reads first-last.
func ParsePorts(s string) (Ports, error) {
	a, b, ok := strings.Cut(s, "-")
	first, err1 := strconv.Atoi(strings.TrimSpace(a))
	last, err2 := strconv.Atoi(strings.TrimSpace(b))
	if !ok || err1 != nil || err2 != nil || first < 1024 || last > 65535 || last-first < 1 {
		return Ports{}, fmt.Errorf("config: %q is no port range", s)
	}
	return Ports{first, last}, nil
}

// Default returns the defaults.
func Default() Config {
	return Config{
		Data: "data", Language: "en", Country: "CN",
		HTTP:       HTTP{Addr: ":8080", TrustedProxies: []string{}},
		HTTPS:      HTTPS{Addr: ":8443", Names: []string{}},
		SIP:        SIP{UDP: ":5060", TCP: ":5060", TLS: ":5061", Domain: "hotline.local", RingTimeout: 3 * time.Minute},
		RTP:        RTP{Ports: Ports{20000, 29999}},
		WebRTC:     WebRTC{UDP: ":8189", ExternalIP: []string{}, STUN: []string{}, TURN: []string{}},
		Bus:        Bus{Routes: []string{}},
		Recordings: Recordings{Days: 90, ReserveMB: 256},
		Calls: Calls{
			Anchor: time.Minute, Rejoin: 5 * time.Minute, PresenceGrace: 30 * time.Second, Drain: 30 * time.Minute,
		},
		Limits: Limits{Calls: 2000, CallsPerSecond: 500},
		TTS:    TTS{Timeout: 20 * time.Second, PromptsMaxSize: 500},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// DatabaseURL is the database's URL with the default filled in.
func (c Config) DatabaseURL() string {
	if c.Database.URL != "" {
		return c.Database.URL
	}
	return "sqlite:" + filepath.Join(c.Data, "hotline.db")
}

// SIPTLS is the listen address for SIP over TLS; empty without a certificate.
func (c Config) SIPTLS() string {
	if c.SIP.Cert == "" {
		return ""
	}
	return c.SIP.TLS
}

// RecordingsDir is the folder of recordings with the default filled in.
func (c Config) RecordingsDir() string {
	if c.Recordings.Dir != "" {
		return c.Recordings.Dir
	}
	return filepath.Join(c.Data, "recordings")
}

// PromptsDir is the folder of made prompts.
func (c Config) PromptsDir() string { return filepath.Join(c.Data, "prompts") }

// Retention is how long recordings are kept; negative: for ever.
func (c Config) Retention() time.Duration {
	if c.Recordings.Days == 0 {
		return -1
	}
	return time.Duration(c.Recordings.Days) * 24 * time.Hour
}

// Reserve is what recordings leave free of their disk, in bytes.
func (c Config) Reserve() uint64 { return uint64(c.Recordings.ReserveMB) << 20 }

// Proxies are the trusted proxies' networks. Load has checked them.
func (c Config) Proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range c.HTTP.TrustedProxies {
		if p, err := parsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// parsePrefix reads a network, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// MediaIP is the address told to the other side of SIP calls; invalid: that of
// the interface. Load has checked it.
func (c Config) MediaIP() netip.Addr {
	for _, s := range []string{c.RTP.ExternalIP, c.SIP.ExternalIP} {
		if a, err := netip.ParseAddr(s); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// Port is the port of a listen address; 0 when it has none.
func Port(addr string) int {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		return 0
	}
	return n
}

// check finds faults between settings, which no single one has.
func (c Config) check() []error {
	var errs []error
	add := func(key, format string, args ...any) {
		errs = append(errs, &Error{Key: key, Message: fmt.Sprintf(format, args...)})
	}
	if (c.HTTPS.Cert == "") != (c.HTTPS.Key == "") {
		add("https.cert", "cert and key go together")
	}
	if (c.SIP.Cert == "") != (c.SIP.Key == "") {
		add("sip.cert", "cert and key go together")
	}
	if c.Phone.Key != "" && len(c.Phone.Key) < 16 {
		add("phone.key", "needs at least 16 characters")
	}
	if c.HTTP.Addr == "" && c.HTTPS.Addr == "" {
		add("http.addr", "neither HTTP nor HTTPS has an address")
	}
	if p := Port(c.WebRTC.UDP); p != 0 && p >= c.RTP.Ports.First && p <= c.RTP.Ports.Last {
		add("webrtc.udp", "port %d lies within rtp.ports %s", p, c.RTP.Ports)
	}
	for key, file := range map[string]string{"https.cert": c.HTTPS.Cert, "https.key": c.HTTPS.Key, "sip.cert": c.SIP.Cert, "sip.key": c.SIP.Key} {
		if file != "" {
			if _, err := os.Stat(file); err != nil {
				add(key, "cannot be read: %v", err)
			}
		}
	}
	return errs
}
