package hardcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	dialTime     = 500 * time.Millisecond
	maxAddresses = 16
)

// Addresses returns this machine's addresses that others can reach.
func Addresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := prefix.Addr().Unmap(); ip.IsGlobalUnicast() {
			out = append(out, ip)
		}
	}
	return out, nil
}

// Around tells whether the application at upstream, a host:port on loopback, answers on
// other addresses of this machine too: then anyone can walk around the door. For an
// application on another machine it finds nothing; a firewall there is the operator's.
func Around(ctx context.Context, upstream string, addresses func() ([]netip.Addr, error)) []Finding {
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil
	}
	all, err := addresses()
	if err != nil {
		return nil
	}
	all = all[:min(len(all), maxAddresses)]
	open := make([]bool, len(all))
	var wg sync.WaitGroup
	for i, ip := range all {
		wg.Go(func() {
			d := net.Dialer{Timeout: dialTime}
			conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
			if err == nil {
				open[i] = true
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	for i, ip := range all {
		if open[i] {
			return []Finding{{Bypass, fmt.Sprintf("UNPROTECTED: the application answers on %s too, around the door; use app.listen(%s, '127.0.0.1')",
				net.JoinHostPort(ip.String(), port), port), true}}
		}
	}
	return nil
}
