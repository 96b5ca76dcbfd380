package npmregistry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	text, err := tries(ctx, func() ([]byte, error) {
		body, err := c.open(ctx, u, credential, "application/json")
		if err != nil {
			return nil, err
		}
		return readAll(body, most)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	return text, nil
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
	return c.do(r, credential)
}
