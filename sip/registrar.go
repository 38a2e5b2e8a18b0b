package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// registrar keeps the contacts of desk phones (RFC 3261 §10.3, RFC 3327 Path).
// A phone is called where its REGISTER came from, since many are behind NAT.
type registrar struct {
	e        *Endpoint
	nonces   *nonces
	failures *limiter // wrong passwords per address …
	guesses  *limiter // … and per user name
	notify   func(deviceID string, online bool)

	order sync.Mutex // held over a change and its notification; before mu

	mu       sync.Mutex
	devices  map[string]*Device // by id
	users    map[string]*Device // by user name
	contacts map[string][]*binding
	flows    map[streamKey]int    // contacts by the way their REGISTER came
	asked    map[string]time.Time // device by id: offered a choice of algorithms, not answered since
}

// binding is one registered contact.
type binding struct {
	uri     sipgo.Uri
	key     string // the URI as text
	from    hop
	path    []sipgo.Uri
	callID  string
	seq     uint32
	expires time.Time
	at      time.Time
}

func newRegistrar(e *Endpoint) *registrar {
	return &registrar{
		e: e, nonces: newNonces(e.cfg.NonceLifetime), failures: newLimiter(4096, 5, 50), guesses: newLimiter(4096, 1, 10),
		devices: map[string]*Device{}, users: map[string]*Device{},
		contacts: map[string][]*binding{}, flows: map[streamKey]int{}, asked: map[string]time.Time{},
	}
}

// set replaces the devices; contacts of removed ones, and of those whose
// credentials changed, end.
func (r *registrar) set(devices []Device) error {
	byID, byUser := map[string]*Device{}, map[string]*Device{}
	for _, d := range devices {
		if d.ID == "" || d.Username == "" || d.Password == "" {
			return fmt.Errorf("%w: device needs id, user name and password", ErrConfig)
		}
		if byID[d.ID] != nil || byUser[d.Username] != nil {
			return fmt.Errorf("%w: device %q or its user name twice", ErrConfig, d.ID)
		}
		switch d.Digest = strings.ToUpper(d.Digest); d.Digest {
		case "", "MD5", "SHA-256":
		default:
			return fmt.Errorf("%w: device %q: digest %q", ErrConfig, d.ID, d.Digest)
		}
		byID[d.ID], byUser[d.Username] = &d, &d
	}
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	old := r.devices
	r.devices, r.users, r.asked = byID, byUser, map[string]time.Time{}
	var offline []string
	for id := range r.contacts {
		if d := byID[id]; d == nil || *d != *old[id] {
			r.drop(id, func(*binding) bool { return true })
			offline = append(offline, id)
		}
	}
	r.mu.Unlock()
	r.tell(offline, false)
	return nil
}

func (r *registrar) tell(ids []string, online bool) {
	for _, id := range ids {
		r.e.log.Info("device registration changed", "device", id, "online", online)
		if r.notify != nil {
			r.notify(id, online)
		}
	}
}

func (r *registrar) registered(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.contacts[id]) > 0
}

func (r *registrar) hasUser(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[name] != nil
}

// at tells whether a phone registered the way a request came.
func (r *registrar) at(from hop) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flows[streamKey{from.network, from.addr}] > 0
}

// targets are the places to ring a device at, the latest contact first.
func (r *registrar) targets(id string) ([]target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.devices[id] == nil {
		return nil, ErrUnknownDevice
	}
	var out []target
	list := slices.Clone(r.contacts[id])
	slices.SortFunc(list, func(a, b *binding) int { return b.at.Compare(a.at) })
	for _, b := range list {
		uri := *b.uri.Clone()
		uri.Headers = nil // would become header fields of the request (RFC 3261 §19.1.5)
		out = append(out, target{uri: uri, to: b.from, path: b.path, phone: true})
	}
	if len(out) == 0 {
		return nil, ErrNotRegistered
	}
	return out, nil
}

// authenticate checks the digest of a request. Nothing is stored before the
// password was right.
func (r *registrar) authenticate(req *sipgo.Request, from hop) (*Device, *refusal) {
	now := time.Now()
	cred := credentials(req, r.e.cfg.Domain)
	if cred == nil {
		return nil, r.challenge(req, false, now)
	}
	if !r.nonces.valid(cred.Nonce, now) {
		return nil, r.challenge(req, true, now)
	}
	name, _, _ := strings.Cut(cred.Username, "@")
	r.mu.Lock()
	device := r.users[name]
	r.mu.Unlock()
	// Neither the right nor a wrong password is looked at when too many were
	// wrong: the answer must not tell a guesser anything. A phone that is
	// registered there is let through: addresses can be forged over UDP, and
	// nobody's guesses may lock an office out.
	addr := from.addr.Addr()
	if (!r.failures.left(addr) || !r.guesses.leftNamed(name)) && !r.lives(device, addr) {
		return nil, r.e.unavailable()
	}
	password, only := "", ""
	if device != nil {
		password, only = device.Password, device.Digest
	}
	ok := digestMatches(cred, string(req.Method), cred.Username, password, only) && device != nil && sameResource(cred.URI, &req.Recipient)
	if !ok {
		r.failures.take(addr)
		r.guesses.takeNamed(name)
		r.e.log.Warn("wrong SIP credentials", "source", from.addr)
		return nil, &refusal{code: 403}
	}
	if !r.nonces.use(cred.Nonce, cred.Nc, now) {
		r.e.log.Warn("digest replayed", "source", from.addr, "device", device.ID)
		return nil, r.challenge(req, true, now)
	}
	r.mu.Lock()
	delete(r.asked, device.ID)
	r.mu.Unlock()
	return device, nil
}

// lives tells whether a device is registered from an address: guesses elsewhere
// must not shut it out.
func (r *registrar) lives(d *Device, addr netip.Addr) bool {
	if d == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.contacts[d.ID], func(b *binding) bool { return b.from.addr.Addr() == addr })
}

// challenge asks for credentials.
func (r *registrar) challenge(req *sipgo.Request, stale bool, now time.Time) *refusal {
	user := userOf(&req.From().Address)
	if req.Method == sipgo.REGISTER {
		user = userOf(&req.To().Address)
	}
	algorithms := r.algorithms(user, headerValue(req, "User-Agent"), stale, now)
	return &refusal{code: 401, headers: r.nonces.challenges(r.e.cfg.Domain, algorithms, stale, now)}
}

// askedAgain is how long after a choice of algorithms a request without
// credentials means that the phone could not make it.
const askedAgain = 5 * time.Second

// algorithms are those to offer a user, the stronger one first. Older phones
// give up when they see one they do not know, even beside MD5.
func (r *registrar) algorithms(user, agent string, stale bool, now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.users[user]
	switch {
	case d == nil:
	case d.Digest != "":
		return []string{d.Digest}
	case onlyMD5(agent):
		return []string{"MD5"}
	default:
		since, ok := r.asked[d.ID]
		if ok && now.Sub(since) >= askedAgain {
			return []string{"MD5"}
		}
		if !ok && !stale {
			r.asked[d.ID] = now
		}
	}
	return []string{"SHA-256", "MD5"}
}

// onlyMD5 tells whether a user agent refuses a response that offers SHA-256:
// phones built on libre before its version 3.
func onlyMD5(agent string) bool {
	for _, old := range []string{"baresip v0.", "baresip v1.", "baresip v2."} {
		if strings.HasPrefix(agent, old) {
			return true
		}
	}
	return false
}

// credentials are those of a request for our realm, nil when there are none.
func credentials(req *sipgo.Request, realm string) *digest.Credentials {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range req.GetHeaders(name) {
			if c, err := digest.ParseCredentials(h.Value()); err == nil && c.Realm == realm {
				return c
			}
		}
	}
	return nil
}

// sameResource tells whether a digest is for this Request-URI; ports and
// parameters are left out, since phones differ in writing them.
func sameResource(uri string, target *sipgo.Uri) bool {
	u, err := parseSIPURI(uri)
	return err == nil && u.User == target.User && strings.EqualFold(u.Host, target.Host)
}

// receive takes a REGISTER.
func (r *registrar) receive(req *sipgo.Request, from hop) {
	if req.Recipient.Scheme == "tel" {
		r.e.answer(req, from, &refusal{code: 416})
		return
	}
	if to := &req.To().Address; to.Scheme != "sip" && to.Scheme != "sips" {
		r.e.answer(req, from, &refusal{code: 404}) // RFC 3261 §10.3 step 5
		return
	}
	device, refused := r.authenticate(req, from)
	if refused != nil {
		r.e.answer(req, from, refused)
		return
	}
	if userOf(&req.To().Address) != device.Username {
		r.e.answer(req, from, &refusal{code: 403})
		return
	}
	tx := r.e.newServerTx(req, from)
	if tx == nil {
		return
	}
	change, refused := r.parse(req, from)
	if refused == nil {
		refused = r.apply(device, req, change)
	}
	if refused != nil {
		r.e.respondTx(tx, refused.code, refused.reason, refused.headers...)
		return
	}
	_ = tx.respond(r.accepted(device, req))
}

// change is what a REGISTER asks for.
type change struct {
	all  bool // Contact: *
	list []contactChange
}

type contactChange struct {
	b       *binding
	expires time.Duration
}

// parse reads the contacts of a REGISTER (RFC 3261 §10.3 steps 6 and 7).
func (r *registrar) parse(req *sipgo.Request, from hop) (change, *refusal) {
	bad := &refusal{code: 400, reason: "Bad Request: Contact"}
	asked := r.e.cfg.RegisterDefault
	header := headerValue(req, "Expires")
	if v, ok := parseSeconds(header); ok && header != "" {
		asked = v
	}
	var out change
	contacts := req.GetHeaders("Contact")
	for _, h := range contacts {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok {
			return out, bad
		}
		if c.Address.Wildcard {
			if len(contacts) != 1 || asked != 0 || header == "" {
				return out, bad
			}
			return change{all: true}, nil
		}
		if c.Address.Scheme != "sip" && c.Address.Scheme != "sips" || badAddress(&c.Address) {
			return out, bad
		}
		expires := asked
		if v, ok := c.Params.Get("expires"); ok {
			if s, ok := parseSeconds(v); ok {
				expires = s
			}
		}
		if expires > 0 && expires < r.e.cfg.RegisterMin {
			return out, (&refusal{code: 423}).with("Min-Expires", seconds(r.e.cfg.RegisterMin))
		}
		out.list = append(out.list, contactChange{expires: min(expires, r.e.cfg.RegisterMax), b: &binding{
			uri: *c.Address.Clone(), key: c.Address.String(), from: from, path: paths(req),
			callID: req.CallID().Value(), seq: req.CSeq().SeqNo,
		}})
	}
	if len(out.list) > r.e.cfg.MaxContacts {
		return out, &refusal{code: 403, reason: "Too many contacts"}
	}
	return out, nil
}

// paths are the Path values of a REGISTER (RFC 3327).
func paths(req *sipgo.Request) []sipgo.Uri {
	var out []sipgo.Uri
	for _, v := range headerValues(req, "Path", true) {
		var u sipgo.Uri
		if _, err := sipgo.ParseAddressValue(v, &u, nil); err == nil && !badAddress(&u) {
			out = append(out, u)
		}
	}
	return out
}

// apply changes the contacts of a device.
func (r *registrar) apply(device *Device, req *sipgo.Request, c change) *refusal {
	now := time.Now()
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	if r.devices[device.ID] != device {
		r.mu.Unlock()
		return &refusal{code: 403}
	}
	before := len(r.contacts[device.ID]) > 0
	for _, b := range r.contacts[device.ID] {
		if b.callID == req.CallID().Value() && req.CSeq().SeqNo < b.seq {
			r.mu.Unlock()
			return &refusal{code: 500, reason: "CSeq out of order"}
		}
	}
	if c.all {
		r.drop(device.ID, func(*binding) bool { return true })
	}
	for _, cc := range c.list {
		r.drop(device.ID, func(b *binding) bool { return b.key == cc.b.key })
		if cc.expires <= 0 {
			continue
		}
		if list := r.contacts[device.ID]; len(list) >= r.e.cfg.MaxContacts {
			oldest := slices.MinFunc(list, func(a, b *binding) int { return a.at.Compare(b.at) })
			r.drop(device.ID, func(b *binding) bool { return b == oldest })
		}
		cc.b.at, cc.b.expires = now, now.Add(cc.expires)
		r.contacts[device.ID] = append(r.contacts[device.ID], cc.b)
		r.flows[streamKey{cc.b.from.network, cc.b.from.addr}]++
		r.e.sources.addPhone(cc.b.from.addr.Addr())
		if s := cc.b.from.conn; s != nil {
			s.trust()
		}
	}
	after := len(r.contacts[device.ID]) > 0
	r.mu.Unlock()
	if before != after {
		r.tell([]string{device.ID}, after)
	}
	return nil
}

// drop removes the bindings of a device that match. Needs r.mu.
func (r *registrar) drop(id string, match func(*binding) bool) {
	kept := r.contacts[id][:0:0]
	for _, b := range r.contacts[id] {
		if !match(b) {
			kept = append(kept, b)
			continue
		}
		key := streamKey{b.from.network, b.from.addr}
		if r.flows[key]--; r.flows[key] <= 0 {
			delete(r.flows, key)
		}
		r.e.sources.removePhone(b.from.addr.Addr())
	}
	if len(kept) == 0 {
		delete(r.contacts, id)
		return
	}
	r.contacts[id] = kept
}

// dropWhere removes matching bindings of all devices and tells who went offline.
func (r *registrar) dropWhere(match func(*binding) bool) {
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	var offline []string
	for id, list := range r.contacts {
		if slices.ContainsFunc(list, match) {
			r.drop(id, match)
			if len(r.contacts[id]) == 0 {
				offline = append(offline, id)
			}
		}
	}
	r.mu.Unlock()
	r.tell(offline, false)
}

// expire removes contacts that were not refreshed.
func (r *registrar) expire(now time.Time) {
	r.dropWhere(func(b *binding) bool { return !now.Before(b.expires) })
	r.nonces.sweep(now)
}

// lost removes the contacts behind a connection that has closed: they cannot
// be reached before they register again.
func (r *registrar) lost(s *stream) {
	r.dropWhere(func(b *binding) bool { return b.from.conn == s })
}

// accepted is the 200 with the contacts now registered.
func (r *registrar) accepted(device *Device, req *sipgo.Request) *sipgo.Response {
	res := newResponse(req, 200, "", statelessTag(req))
	now := time.Now()
	r.mu.Lock()
	for _, b := range r.contacts[device.ID] {
		left := max(0, int(b.expires.Sub(now).Round(time.Second)/time.Second))
		res.AppendHeader(sipgo.NewHeader("Contact", fmt.Sprintf("<%s>;expires=%d", b.key, left)))
	}
	r.mu.Unlock()
	for _, v := range headerValues(req, "Path", false) {
		res.AppendHeader(sipgo.NewHeader("Path", v))
	}
	res.AppendHeader(sipgo.NewHeader("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
	res.AppendHeader(sipgo.NewHeader("Server", r.e.cfg.UserAgent))
	return res
}
