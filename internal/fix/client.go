package fix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// A Client asks the registries of a Config. Tokens go to the host and path they were
// written for and nowhere else, also when a registry redirects.
type Client struct {
	config Config
	http   *http.Client
}

// NewClient returns a client. The proxy is that of the .npmrc, or else of the environment.
func NewClient(config Config) (*Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	for _, key := range []string{"https-proxy", "proxy"} {
		if v := config.values[key]; v != "" && v != "null" && v != "false" {
			u, err := url.Parse(v)
			if err != nil || u.Host == "" {
				return nil, fmt.Errorf(".npmrc: %s %q is no address", key, v)
			}
			t.Proxy = http.ProxyURL(u)
			break
		}
	}
	if file := config.values["cafile"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf(".npmrc: cafile: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf(".npmrc: cafile %s holds no certificate", file)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c := &Client{config: config}
	c.http = &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("the registry redirects more than 5 times")
		}
		c.authorize(r)
		return nil
	}}
	return c, nil
}

func (c *Client) authorize(r *http.Request) {
	r.Header.Del("Authorization")
	if auth := c.config.authorization(r.URL); auth != "" {
		r.Header.Set("Authorization", auth)
	}
}

// Packument asks for the whole document: lockfiles note what the short one leaves out.
func (c *Client) Packument(ctx context.Context, name string) ([]byte, error) {
	body, err := c.get(ctx, c.config.registry(name)+strings.Replace(url.PathEscape(name), "%40", "@", 1), "application/json")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxPackument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxPackument {
		return nil, fmt.Errorf("%s: the registry's answer has more than %d MiB", name, maxPackument>>20)
	}
	return text, nil
}

// Tarball opens a tarball. The address is one that the registry named; on a registry's own
// host npm's rule holds that the host of the user's configuration is the one to ask.
func (c *Client) Tarball(ctx context.Context, name, address string) (io.ReadCloser, error) {
	body, err := c.get(ctx, address, "*/*")
	if err != nil {
		return nil, fmt.Errorf("the tarball of %s: %w", name, err)
	}
	return body, nil
}

func (c *Client) get(ctx context.Context, address, accept string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "panoply")
	c.authorize(r)
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.StatusCode == http.StatusOK:
		return answer.Body, nil
	case answer.StatusCode == http.StatusNotFound:
		err = fmt.Errorf("%w (%s)", ErrNoPackage, r.URL.Host)
	default:
		err = fmt.Errorf("%s answers %s", r.URL.Host, answer.Status)
	}
	answer.Body.Close()
	return nil, err
}
