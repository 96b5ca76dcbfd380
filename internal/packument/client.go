// Package packument asks the registries of a user's own .npmrc for documents.
//
//	c, err := packument.New(packument.Options{})
//	text, err := c.Packument(ctx, "@scope/name")
//
// Which registry is asked for which scope, and which token goes there, the file of the
// user says, never one of an audited folder. A token goes to the host and below the path
// that it is for. An answer that leads to another host is refused: it would say of a
// registry what somebody else says.
//
// A Client is safe for concurrent use.
//
// Sources: npm's documentation of .npmrc and of its registry.
package packument

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/pattern"
)

const host = "registry.npmjs.org"

const (
	// Default is npm's own registry, which is asked where the user's file names none. To
	// build and test this program takes no registry that its files name.
	Default = "https://" + host + "/"
	// MaxPackument and MaxKeys are how many bytes an answer has at most.
	MaxPackument = 64 << 20
	MaxKeys      = 1 << 20
	maxConfig    = 1 << 20
)

// Options say where the user's configuration is. The zero value is npm's own places.
type Options struct {
	// File is the .npmrc; empty is NPM_CONFIG_USERCONFIG, and else .npmrc in the home
	// folder. One that is not there says nothing.
	File string
	// Timeout is for one answer. Zero means 30 seconds.
	Timeout time.Duration
}

// A Client asks registries.
type Client struct {
	registry *url.URL
	scopes   map[string]*url.URL
	// auth are values of Authorization by "//host/path/".
	auth map[string]string
	http *http.Client
}

// New reads the configuration. The error names the file and the line.
func New(o Options) (*Client, error) {
	name := o.File
	if name == "" {
		if name = os.Getenv("NPM_CONFIG_USERCONFIG"); name == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, fmt.Errorf("packument: %w", err)
			}
			name = filepath.Join(home, ".npmrc")
		}
	}
	c := &Client{scopes: map[string]*url.URL{}, auth: map[string]string{}}
	c.registry, _ = url.Parse(Default)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	f, err := os.Open(name)
	switch {
	case err == nil:
		defer f.Close()
		if err := c.read(name, io.LimitReader(f, maxConfig), transport); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("packument: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	c.http = &http.Client{Transport: transport, Timeout: o.Timeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case r.URL.Host != first.Host || r.URL.Scheme != first.Scheme:
			return fmt.Errorf("it leads to another host, %.100q", r.URL.Host)
		case len(via) >= 5:
			return errors.New("it leads on and on")
		}
		return nil
	}}
	return c, nil
}

var variable = pattern.New(`\$\{([A-Za-z_][A-Za-z0-9_]*)\??\}`)

func (c *Client) read(name string, r io.Reader, transport *http.Transport) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxConfig)
	passwords := map[string][2]string{}
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		key, value, ok := strings.Cut(line, "=")
		if !ok || line[0] == '#' || line[0] == ';' {
			continue
		}
		key = strings.TrimSpace(key)
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		// The user's own file may name variables of the user's own environment.
		value = variable.Get().ReplaceAllStringFunc(value, func(v string) string { return os.Getenv(variable.Get().FindStringSubmatch(v)[1]) })
		at := strings.LastIndexByte(key, ':')
		switch {
		case key == "registry" || strings.HasPrefix(key, "@") && strings.HasSuffix(key, ":registry"):
			u, err := url.Parse(strings.TrimSuffix(value, "/") + "/")
			if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				return fmt.Errorf("packument: %s:%d: %s is no address of a registry", name, number, key)
			}
			if key == "registry" {
				c.registry = u
			} else {
				c.scopes[strings.TrimSuffix(key, ":registry")] = u
			}
		case key == "cafile":
			text, err := os.ReadFile(value)
			pool := x509.NewCertPool()
			if err != nil || !pool.AppendCertsFromPEM(text) {
				return fmt.Errorf("packument: %s:%d: cafile %s holds no certificate that can be read", name, number, value)
			}
			transport.TLSClientConfig.RootCAs = pool
		case strings.HasPrefix(key, "//") && at > 0:
			place := strings.TrimSuffix(key[:at], "/") + "/"
			switch key[at+1:] {
			case "_authToken":
				c.auth[place] = "Bearer " + value
			case "_auth":
				c.auth[place] = "Basic " + value
			case "username":
				passwords[place] = [2]string{value, passwords[place][1]}
			case "_password":
				passwords[place] = [2]string{passwords[place][0], value}
			}
		}
	}
	for place, p := range passwords {
		if basic, err := basicAuth(p[0], p[1]); err == nil && c.auth[place] == "" && p[0] != "" {
			c.auth[place] = basic
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("packument: %s: %w", name, err)
	}
	return nil
}

// registryOf is the one that is asked for a package.
func (c *Client) registryOf(name string) *url.URL {
	if scope, _, ok := strings.Cut(name, "/"); ok && c.scopes[scope] != nil {
		return c.scopes[scope]
	}
	return c.registry
}

// Registry is the address of the registry that is asked for a package, without
// credentials.
func (c *Client) Registry(name string) string { return c.registryOf(name).Redacted() }

// Packument returns what the registry says of a package, whole.
func (c *Client) Packument(ctx context.Context, name string) ([]byte, error) {
	return c.get(ctx, c.registryOf(name), strings.Replace(url.PathEscape(name), "%40", "@", 1), MaxPackument)
}

// Keys returns the keys of the registry that is asked for a package; nil when it has none.
func (c *Client) Keys(ctx context.Context, name string) ([]byte, error) {
	text, err := c.get(ctx, c.registryOf(name), "-/npm/v1/keys", MaxKeys)
	var status statusError
	if errors.As(err, &status) && (status == http.StatusNotFound || status == http.StatusBadRequest) {
		return nil, nil
	}
	return text, err
}

type statusError int

func (s statusError) Error() string { return fmt.Sprintf("answers %d", int(s)) }

func (c *Client) get(ctx context.Context, base *url.URL, path string, most int64) ([]byte, error) {
	address := base.String() + path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("packument: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "panoply")
	// The longest place that the address lies below.
	for dir := "//" + r.URL.Host + r.URL.EscapedPath(); len(dir) > 2; dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1] {
		if auth := c.auth[dir]; auth != "" {
			r.Header.Set("Authorization", auth)
			break
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("packument: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("packument: %s %w", r.URL.Redacted(), statusError(resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("packument: %s: %w", r.URL.Redacted(), err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("packument: %s answers more than %d MiB", r.URL.Redacted(), most>>20)
	}
	return text, nil
}

// basicAuth is for a name and a password, which .npmrc has in base64.
func basicAuth(user, password string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(password)
	if err != nil {
		return "", err
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(raw))), nil
}
