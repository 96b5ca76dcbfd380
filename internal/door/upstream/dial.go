package upstream

import (
	"context"
	"net"
	"time"
)

// dialer connects within timeout. "localhost" is both loopback addresses, IPv4 first,
// without asking the system's resolver: an Express app may listen on either.
func dialer(timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host != "localhost" {
			return d.DialContext(ctx, network, address)
		}
		conn, err4 := d.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
		if err4 == nil || ctx.Err() != nil || timedOut(err4) {
			return conn, err4
		}
		conn, err6 := d.DialContext(ctx, "tcp6", net.JoinHostPort("::1", port))
		if err6 != nil {
			return nil, err4 // the one that people know
		}
		return conn, nil
	}
}
