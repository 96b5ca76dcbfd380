package audit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/proof"
)

// prove is why active probes are not permitted on the target, nil when they are. A
// loopback address is its owner's own; any other must hold the key. The address that
// answered is the only one asked from then on: a name that leads elsewhere a moment
// later leads this run nowhere.
func (s *session) prove(ctx context.Context) error {
	if s.unreachable != nil {
		return s.unreachable
	}
	if s.public.Loopback && len(s.options.ControlKey) == 0 {
		return nil
	}
	if len(s.options.ControlKey) == 0 {
		return errors.New("control of the host is not proved: no key was given")
	}
	if err := s.proof(ctx); err != nil {
		return fmt.Errorf("control of the host is not proved: %w", err)
	}
	return nil
}

// proof asks each address of the host until one answers at all, and judges that answer.
func (s *session) proof(ctx context.Context) error {
	var last error
	for _, addr := range s.allowed.front {
		one := allowed{front: s.allowed.front[:0:0], plain: s.allowed.plain, around: s.allowed.around}
		one.front = append(one.front, addr)
		all := s.allowed
		s.allowed = one
		s.transport.CloseIdleConnections()
		s.verified.CloseIdleConnections()
		answered, err := s.challenge(ctx)
		if answered || err == nil {
			return err
		}
		s.allowed, last = all, err
	}
	return last
}

// challenge sends one fresh nonce. It goes past the memory of answers, for no two may
// be equal.
func (s *session) challenge(ctx context.Context) (answered bool, err error) {
	nonce := proof.NewNonce()
	x := &check.Exchange{Request: check.Request{Path: proof.Path + "?nonce=" + nonce}}
	if err := s.admit(ctx); err != nil {
		return false, err
	}
	defer s.budget.give()
	ctx, cancel := context.WithTimeout(ctx, s.options.RequestTimeout)
	defer cancel()
	req, err := s.request(ctx, x, "")
	if err != nil {
		return false, err
	}
	transport := s.transport
	if !s.public.Loopback {
		transport = s.verified // else whoever stands on the way could pass the answer on
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false, plainly(err)
	}
	defer resp.Body.Close()
	return true, s.verify(nonce, resp)
}

func (s *session) verify(nonce string, resp *http.Response) error {
	host, port, err := net.SplitHostPort(hostPort(s.url))
	if err != nil {
		return err
	}
	return proof.Verify(s.options.ControlKey, host, port, nonce, resp)
}
