package sip

import (
	"strconv"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

const magicCookie = "z9hG4bK"

type txState uint8

const (
	txTrying     txState = iota // client: calling
	txProceeding                // a provisional response was sent or received
	txAccepted                  // INVITE: 2xx (RFC 6026)
	txCompleted                 // final response; INVITE: other than 2xx
	txConfirmed                 // INVITE server: ACK of the other final response
	txTerminated
)

// serverTx is a server transaction (RFC 3261 §17.2, RFC 6026 §7.1). The 2xx of
// an INVITE is retransmitted by the dialog.
type serverTx struct {
	e      *Endpoint
	key    string
	req    *sipgo.Request // nil once answered: only the answer is repeated
	invite bool
	reply  hop

	mu        sync.Mutex
	state     txState
	last      []byte // response to repeat
	interval  time.Duration
	repeat    *time.Timer // G
	end       *time.Timer // H, I, J or L
	cancelled bool
	onCancel  func()
	tag       string // of the dialog that it opens
}

// serverKey identifies the transaction a request belongs to (RFC 3261 §17.2.3).
// CANCEL and ACK are looked up with method INVITE.
func serverKey(req *sipgo.Request, method sipgo.RequestMethod) string {
	via := req.Via()
	branch := via.Params.GetOr("branch", "")
	if method == sipgo.ACK {
		method = sipgo.INVITE
	}
	var b strings.Builder
	if len(branch) > len(magicCookie) && strings.HasPrefix(branch, magicCookie) {
		for _, s := range []string{branch, "\x00", strings.ToLower(via.Host), ":", strconv.Itoa(via.Port), "\x00", string(method)} {
			b.WriteString(s)
		}
		return b.String()
	}
	// RFC 2543: no usable branch. The To tag is left out, since the ACK has ours.
	for _, s := range []string{
		req.Recipient.String(), tagOf(req.From()), req.CallID().Value(),
		strconv.FormatUint(uint64(req.CSeq().SeqNo), 10), via.Value(), string(method),
	} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.String()
}

// respond sends a response and moves the state. Responses after a final one
// are dropped, except 2xx repeated by the dialog.
func (t *serverTx) respond(res *sipgo.Response) error {
	data := wire(res)
	t.mu.Lock()
	switch {
	case t.state == txAccepted && res.StatusCode/100 == 2:
	case t.state > txProceeding:
		t.mu.Unlock()
		return ErrState
	case res.StatusCode < 200:
		t.state, t.last = txProceeding, data
	case t.invite && res.StatusCode < 300:
		t.state, t.last = txAccepted, nil
		t.endAfter(64 * t.e.cfg.T1) // L
	case t.invite:
		t.state, t.last = txCompleted, data
		t.endAfter(64 * t.e.cfg.T1) // H
		if !t.reply.reliable() {
			t.interval = t.e.cfg.T1
			t.repeat = time.AfterFunc(t.interval, t.retransmit) // G
		}
	default:
		t.state, t.last = txCompleted, data
		if t.reply.reliable() {
			t.endAfter(0) // J
		} else {
			t.endAfter(64 * t.e.cfg.T1)
		}
	}
	if t.state > txProceeding {
		t.req, t.onCancel = nil, nil // for 32 s a transaction must not hold its call
	}
	return t.sendAndUnlock(data)
}

// sendAndUnlock sends what the state wants. A datagram goes out before the state
// can change: a repeated 100 must not follow the answer. Streams keep the order
// of their queue and may have to connect. Needs t.mu.
func (t *serverTx) sendAndUnlock(data []byte) error {
	if t.reply.reliable() {
		t.mu.Unlock()
		return t.e.net.send(t.reply, data, nil)
	}
	defer t.mu.Unlock()
	return t.e.net.send(t.reply, data, nil)
}

// trying sends 100 unless another response went before.
func (t *serverTx) trying(res *sipgo.Response) {
	t.mu.Lock()
	silent := t.state == txTrying
	t.mu.Unlock()
	if silent {
		_ = t.respond(res) // only the dialog, which calls this, sends others
	}
}

// request is what is to be answered, nil once it is.
func (t *serverTx) request() *sipgo.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.req
}

// resend repeats bytes of a 2xx that was sent before, for the dialog.
func (t *serverTx) resend(data []byte) { _ = t.e.net.send(t.reply, data, nil) }

func (t *serverTx) retransmit() {
	t.mu.Lock()
	if t.state != txCompleted {
		t.mu.Unlock()
		return
	}
	t.interval = min(2*t.interval, t.e.cfg.T2)
	t.repeat.Reset(t.interval)
	data := t.last
	t.mu.Unlock()
	_ = t.e.net.send(t.reply, data, nil)
}

// receive takes a retransmission, or the ACK of a refusal.
func (t *serverTx) receive(req *sipgo.Request) {
	t.mu.Lock()
	if req.Method == sipgo.ACK {
		if t.state == txCompleted && t.invite {
			t.state, t.last = txConfirmed, nil
			t.stopTimers()
			if t.reply.reliable() {
				t.endAfter(0)
			} else {
				t.endAfter(t.e.cfg.T4) // I
			}
		}
		t.mu.Unlock()
		return
	}
	if t.last == nil {
		t.mu.Unlock()
		return
	}
	_ = t.sendAndUnlock(t.last)
}

// cancel notes a CANCEL and tells the dialog. False when a final response has
// been sent.
func (t *serverTx) cancel() bool {
	t.mu.Lock()
	if t.state > txProceeding {
		t.mu.Unlock()
		return false
	}
	t.cancelled = true
	f := t.onCancel
	t.mu.Unlock()
	if f != nil {
		f()
	}
	return true
}

// opens notes the tag of the dialog that an INVITE opens.
func (t *serverTx) opens(tag string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tag = tag
}

// opened is that tag, empty without one.
func (t *serverTx) opened() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tag
}

// notifyCancel sets who is told of a CANCEL; one that came before is told now.
func (t *serverTx) notifyCancel(f func()) {
	t.mu.Lock()
	t.onCancel = f
	was := t.cancelled
	t.mu.Unlock()
	if was {
		f()
	}
}

// endAfter replaces the timer that removes the transaction. Needs t.mu.
func (t *serverTx) endAfter(d time.Duration) {
	if t.end != nil {
		t.end.Stop()
	}
	t.end = time.AfterFunc(d, t.terminate)
}

func (t *serverTx) stopTimers() {
	if t.repeat != nil {
		t.repeat.Stop()
	}
	if t.end != nil {
		t.end.Stop()
	}
}

func (t *serverTx) terminate() {
	t.mu.Lock()
	t.state = txTerminated
	t.stopTimers()
	t.last, t.onCancel = nil, nil
	t.mu.Unlock()
	t.e.txs.removeServer(t.key, t)
}

// transactions are the live transactions of an endpoint.
type transactions struct {
	mu      sync.Mutex
	servers map[string]*serverTx
	clients map[string]*clientTx
}

func newTransactions() *transactions {
	return &transactions{servers: map[string]*serverTx{}, clients: map[string]*clientTx{}}
}

func (t *transactions) server(key string) *serverTx {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.servers[key]
}

// maxServers bounds the server transactions kept: 64*T1 of 1,000 calls a second
// and what happens in them.
const maxServers = 200_000

// addServer stores tx unless there is one with its key, which it returns, or no
// place.
func (t *transactions) addServer(tx *serverTx) (old *serverTx, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.servers[tx.key]; old != nil {
		return old, false
	}
	if len(t.servers) >= maxServers {
		return nil, false
	}
	t.servers[tx.key] = tx
	return nil, true
}

func (t *transactions) removeServer(key string, tx *serverTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.servers[key] == tx {
		delete(t.servers, key)
	}
}

func (t *transactions) client(key string) *clientTx {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clients[key]
}

func (t *transactions) addClient(tx *clientTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clients[tx.key] = tx
}

func (t *transactions) removeClient(key string, tx *clientTx) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clients[key] == tx {
		delete(t.clients, key)
	}
}

func (t *transactions) counts() (servers, clients int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.servers), len(t.clients)
}

// stopAll ends every transaction without a message.
func (t *transactions) stopAll() {
	t.mu.Lock()
	servers := make([]*serverTx, 0, len(t.servers))
	for _, tx := range t.servers {
		servers = append(servers, tx)
	}
	clients := make([]*clientTx, 0, len(t.clients))
	for _, tx := range t.clients {
		clients = append(clients, tx)
	}
	t.mu.Unlock()
	for _, tx := range servers {
		tx.terminate()
	}
	for _, tx := range clients {
		tx.terminate()
	}
}
