package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

const (
	lookupTimeout = 3 * time.Second
	lookupKept    = time.Minute
	lookupMax     = 512 // names kept
)

// names resolves host names, with a small cache.
type names struct {
	resolver resolver
	mu       sync.Mutex
	kept     map[string]lookup
}

type lookup struct {
	hops []hop
	at   time.Time
}

func defaultPort(network string) uint16 {
	if network == viaTLS {
		return 5061
	}
	return 5060
}

// direct is the hop of a URI that has an IP address.
func direct(u *sipgo.Uri, otherwise string) (hop, bool) {
	a, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil {
		return hop{}, false
	}
	network := networkOf(u, otherwise)
	port := defaultPort(network)
	if u.Port > 0 && u.Port <= 65535 {
		port = uint16(u.Port)
	}
	return hop{network: network, addr: netip.AddrPortFrom(a.Unmap(), port)}, true
}

// hops are the addresses of a URI in the order to try them: the IP address, SRV
// records when there is no port, then A and AAAA (RFC 3263 §4.2).
func (n *names) hops(ctx context.Context, u *sipgo.Uri, otherwise string) ([]hop, error) {
	if h, ok := direct(u, otherwise); ok {
		return []hop{h}, nil
	}
	network := networkOf(u, otherwise)
	host := strings.ToLower(u.Host)
	key := fmt.Sprintf("%s %s:%d", network, host, u.Port)
	n.mu.Lock()
	l, ok := n.kept[key]
	n.mu.Unlock()
	if ok && time.Since(l.at) < lookupKept {
		return l.hops, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	hops, err := n.lookup(ctx, host, u.Port, network)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAddress, host, err)
	}
	n.mu.Lock()
	if len(n.kept) >= lookupMax {
		clear(n.kept)
	}
	n.kept[key] = lookup{hops, time.Now()}
	n.mu.Unlock()
	return hops, nil
}

func (n *names) lookup(ctx context.Context, host string, port int, network string) ([]hop, error) {
	var out []hop
	if port == 0 {
		service, proto := "sip", "udp"
		switch network {
		case viaTCP:
			proto = "tcp"
		case viaTLS:
			service, proto = "sips", "tcp"
		}
		if _, records, err := n.resolver.LookupSRV(ctx, service, proto, host); err == nil {
			for _, r := range records[:min(len(records), 8)] {
				addrs, err := n.resolver.LookupNetIP(ctx, "ip", r.Target)
				if err != nil {
					continue
				}
				for _, a := range addrs {
					out = append(out, hop{network: network, addr: netip.AddrPortFrom(a.Unmap(), r.Port), host: host})
				}
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	addrs, err := n.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	p := defaultPort(network)
	if port > 0 {
		p = uint16(port)
	}
	for _, v4 := range []bool{true, false} { // IPv4 first: most trunks have nothing else
		for _, a := range addrs {
			if a = a.Unmap(); a.Is4() == v4 {
				out = append(out, hop{network: network, addr: netip.AddrPortFrom(a, p), host: host})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no address")
	}
	return out, nil
}
