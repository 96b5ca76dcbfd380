package audit

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
)

// VerifiedGet asks the target's address as requests with credentials do when it is not
// loopback, which no test server can be.
func VerifiedGet(t check.Target, extra ...*x509.Certificate) error {
	var problems guard.Problems
	s := newSession(t, "target", &problems)
	roots, err := pool(extra)
	if err := errors.Join(err, problems.Err()); err != nil {
		return err
	}
	var o Options
	o.check(&problems)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.open(ctx, o, roots, make(map[string]*budget))
	defer s.close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return err
	}
	resp, err := s.verified.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// RequestLine is what a server sees of a path.
func RequestLine(path string) (string, error) {
	u, err := target("http", "shop.example", path)
	if err != nil {
		return "", err
	}
	return u.RequestURI(), nil
}
