package npmregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/packument"
)

// Registry is the address of the registry that is asked for a package.
func (c *Client) Registry(name string) string { return c.settings.registryOf(name) }

// Packument returns all that the registry says of a package: some MiB for old ones.
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

func (c *Client) get(ctx context.Context, u *url.URL, credential string, most int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
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
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500:
		return nil, again{statusError(code)}
	case code != http.StatusOK:
		return nil, statusError(code)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return nil, again{fmt.Errorf("breaks its answer off: %w", err)}
	case int64(len(text)) > most:
		return nil, fmt.Errorf("answers with more than %d MiB", most>>20)
	}
	return text, nil
}
