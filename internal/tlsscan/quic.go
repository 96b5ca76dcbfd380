package tlsscan

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// QUIC is what answers on the port by UDP.
type QUIC struct {
	Reachable bool     `json:"reachable"`
	Versions  []string `json:"versions,omitempty"`
}

// quicWait is how long each of two packets waits for an answer, for one may be lost.
const quicWait = 300 * time.Millisecond

// quic sends a packet, which is no connection and not counted as one, whose version nobody has to the port of the scan. Silence is no
// proof that there is no QUIC: what a firewall swallows is silent as well.
func (s *scan) quic(ctx context.Context) {
	q, err := s.askQUIC(ctx, s.addr)
	if err != nil {
		s.skip("quic", err.Error())
		return
	}
	s.mu.Lock()
	s.features.QUIC = q
	s.mu.Unlock()
}

func (s *scan) askQUIC(ctx context.Context, addr string) (*QUIC, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := random32()
	destination, source := [8]byte(r[:8]), [8]byte(r[8:16])
	buf := make([]byte, 1500)
	for range 2 {
		if _, err := c.Write(wire.QUICProbe(destination, source)); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		until := time.Now().Add(quicWait)
		c.SetReadDeadline(until)
		for range 8 {
			n, err := c.Read(buf)
			if errors.Is(err, syscall.ECONNREFUSED) {
				return &QUIC{}, nil
			}
			if err != nil {
				break
			}
			versions, err := wire.ParseVersionNegotiation(buf[:n], destination, source)
			if err != nil {
				continue
			}
			q := &QUIC{Reachable: true}
			for _, v := range versions {
				q.Versions = append(q.Versions, wire.QUICVersion(v))
			}
			slices.Sort(q.Versions)
			return q, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return &QUIC{}, nil
}

// announced holds Alt-Svc against what answers: HTTP/3 that clients are sent to and do not
// find costs each of them a wait.
func (s *scan) announced(ctx context.Context) {
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil || len(s.altSvc) == 0 {
		return
	}
	for _, at := range s.altSvc {
		if at.protocol != "h3" || at.host != "" && !strings.EqualFold(at.host, s.o.ServerName) {
			continue
		}
		q := s.features.QUIC
		if at.port != port {
			if q, err = s.askQUIC(ctx, net.JoinHostPort(host, at.port)); err != nil {
				continue
			}
		}
		if q != nil && !q.Reachable {
			s.note("http.h3-unreachable", "Alt-Svc announces HTTP/3 on port %s, and no QUIC answers there", at.port)
		}
		return
	}
}

// An alternative is one service that Alt-Svc names (RFC 7838 section 3).
type alternative struct{ protocol, host, port string }

// String gives the alternative back as it stood.
func (a alternative) String() string {
	return a.protocol + `="` + net.JoinHostPort(a.host, a.port) + `"`
}

// maxAlternatives are read of an Alt-Svc field.
const maxAlternatives = 8

// alternatives reads an Alt-Svc field. What is no alternative of HTTP is left out.
func alternatives(field string) []alternative {
	var out []alternative
	for part := range strings.SplitSeq(field, ",") {
		value, _, _ := strings.Cut(part, ";")
		protocol, authority, ok := strings.Cut(strings.TrimSpace(value), "=")
		host, port, err := net.SplitHostPort(strings.Trim(authority, `"`))
		if !ok || err != nil || port == "" || len(out) == maxAlternatives || !strings.HasPrefix(protocol, "h") {
			continue
		}
		out = append(out, alternative{protocol, host, port})
	}
	return out
}
