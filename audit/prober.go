package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

// Handshake implements check.Prober.
func (s *session) Handshake(ctx context.Context, c *tls.Config) (*tls.ConnectionState, error) {
	if err := s.admit(ctx); err != nil {
		return nil, err
	}
	defer s.budget.give()
	ctx, cancel := context.WithTimeout(ctx, s.options.RequestTimeout)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", "")
	if err != nil {
		s.judge(check.Front, err)
		return nil, plainly(err)
	}
	defer conn.Close()
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName = s.url.Hostname()
	}
	client := tls.Client(conn, c)
	if err := client.HandshakeContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.judge(check.Front, err)
			return nil, reason(err)
		}
		return nil, &handshakeError{err}
	}
	s.judge(check.Front, nil)
	state := client.ConnectionState()
	return &state, nil
}

// Dial implements check.Prober.
func (s *session) Dial(ctx context.Context, to netip.AddrPort) error {
	if to.Port() != s.allowed.around || s.allowed.around == 0 || !ownAddress(to.Addr()) {
		return errors.New("the address is not part of this audit")
	}
	if err := s.budget.take(ctx); err != nil {
		return reason(err)
	}
	defer s.budget.give()
	d := net.Dialer{Timeout: min(2*time.Second, s.options.RequestTimeout)}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return plainly(err)
	}
	return conn.Close()
}

func ownAddress(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, own := range all {
		if n, ok := own.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a.Unmap().WithZone("") {
				return true
			}
		}
	}
	return false
}
