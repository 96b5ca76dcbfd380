package npmregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/packument"
)

// Registry is the address of the registry that is asked for a package.
func (c *Client) Registry(name string) string { return c.settings.registryOf(name) }

// Packument returns all that the registry says of a package: some MiB for old ones. The
// error of one that it does not have is fs.ErrNotExist.
func (c *Client) Packument(ctx context.Context, name string) ([]byte, error) {
	return c.document(ctx, c.Registry(name)+strings.Replace(url.PathEscape(name), "%40", "@", 1), packument.MaxSize)
}

// Keys returns the keys with which the registry of a package signs; nil when it has none.
func (c *Client) Keys(ctx context.Context, name string) ([]byte, error) {
	text, err := c.document(ctx, c.Registry(name)+"-/npm/v1/keys", maxFile)
	var code statusError
	if errors.As(err, &code) && (code == http.StatusNotFound || code == http.StatusBadRequest) {
		return nil, nil
	}
	return text, err
}

// A statusError is an answer that is none of success.
type statusError int

func (s statusError) Error() string {
	text := fmt.Sprintf("answers %d %s", int(s), http.StatusText(int(s)))
	if s >= 300 && s < 400 {
		text += ", and a redirect is not followed"
	}
	return text
}

func (s statusError) Is(target error) bool {
	return target == fs.ErrNotExist && int(s) == http.StatusNotFound
}

// document gets one of at most so many bytes, with tries as for advisories.
func (c *Client) document(ctx context.Context, address string, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	credential, err := c.settings.credential(u)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		text, err := c.get(ctx, u, credential, most)
		if err == nil {
			return text, nil
		}
		if !errors.As(err, new(again)) || try == maxTries {
			return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
		}
		select {
		case <-time.After(pause << (try - 1)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Tarball opens the tarball at an address that a registry named; the caller closes it.
// Without TLS only a registry of the settings is asked, and no redirect is followed: the
// address is another's word.
func (c *Client) Tarball(ctx context.Context, address string) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !c.settings.has(u.Host)) {
		return nil, fmt.Errorf("the address of a tarball, %.200q, is neither https nor of a registry of yours", address)
	}
	credential, err := c.settings.credential(u)
	if err != nil {
		return nil, err
	}
	body, err := c.open(ctx, u, credential, "*/*")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	return body, nil
}

// has says whether a host is one of the registries that are asked without TLS, which is
// on loopback.
func (s *Settings) has(host string) bool {
	for _, address := range append(slices.Collect(maps.Values(s.Scopes)), s.Registry) {
		if u, err := url.Parse(address); err == nil && u.Scheme == "http" && u.Host == host {
			return true
		}
	}
	return false
}

func (c *Client) open(ctx context.Context, u *url.URL, credential, accept string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	if credential != "" {
		r.Header.Set("Authorization", credential)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		var verification *tls.CertificateVerificationError
		if errors.As(err, &verification) {
			return nil, err
		}
		return nil, again{err}
	}
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		return answer.Body, nil
	case code == http.StatusTooManyRequests || code >= 500:
		err = again{statusError(code)}
	default:
		err = statusError(code)
	}
	return nil, errors.Join(err, answer.Body.Close())
}

func (c *Client) get(ctx context.Context, u *url.URL, credential string, most int64) ([]byte, error) {
	body, err := c.open(ctx, u, credential, "application/json")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, most+1))
	switch {
	case err != nil:
		return nil, again{fmt.Errorf("breaks its answer off: %w", err)}
	case int64(len(text)) > most:
		return nil, fmt.Errorf("answers with more than %d MiB", most>>20)
	}
	return text, nil
}
