package npmregistry

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

const (
	bulkPath = "-/npm/v1/security/advisories/bulk"
	// maxAnswer and maxAdvisories bound what a registry may answer, maxNames what it is
	// asked at a time.
	maxAnswer     = 16 << 20
	maxAdvisories = 20_000
	maxNames      = 2_000
	maxTries      = 3
	timeout       = time.Minute
)

// pause is the wait before a registry is asked again, doubled each time.
var pause = time.Second

// A Client asks. It is safe for concurrent use.
type Client struct {
	settings *Settings
	http     *http.Client
}

// New makes a client. It reads the files of certificates that the settings name.
func New(s *Settings) (*Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var problems []error
	if text, at, err := s.authorities(); err != nil {
		problems = append(problems, err)
	} else if at != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			problems = append(problems, fmt.Errorf("%s: holds no certificate in PEM form", at))
		}
	}
	proxies := httpproxy.FromEnvironment()
	own := func(key string) string {
		if v := s.own[key].value; v != "null" && v != "false" {
			return v
		}
		return ""
	}
	proxies.HTTPProxy = cmp.Or(own("proxy"), proxies.HTTPProxy)
	proxies.HTTPSProxy = cmp.Or(own("https-proxy"), own("proxy"), proxies.HTTPSProxy)
	proxies.NoProxy = cmp.Or(own("noproxy"), own("no-proxy"), proxies.NoProxy)
	for _, key := range []string{"proxy", "https-proxy"} {
		if v := own(key); v != "" {
			if u, err := url.Parse(v); err != nil || u.Host == "" {
				problems = append(problems, fmt.Errorf("%s: %s is no address of a proxy", s.own[key].at, key))
			}
		}
	}
	through := proxies.ProxyFunc()
	ways := &transports{settings: s, known: map[[2]string]*http.Transport{}, plain: &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return through(r.URL) },
		DialContext:            (&net.Dialer{Timeout: 20 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}}
	// What is wrong with the certificates for the registries is told now, and with those for
	// other hosts when one of them is asked.
	for _, address := range append(slices.Sorted(maps.Values(s.Scopes)), s.Registry) {
		if u, err := url.Parse(address); err == nil {
			if _, err := ways.of(u); err != nil && !slices.ContainsFunc(problems, func(p error) bool { return p.Error() == err.Error() }) {
				problems = append(problems, err)
			}
		}
	}
	return &Client{settings: s, http: &http.Client{
		Timeout:       timeout,
		Transport:     ways,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, errors.Join(problems...)
}

// authorities are the certificates that the settings trust in place of the system's; at is
// empty where they name none.
func (s *Settings) authorities() (text []byte, at string, err error) {
	if v := s.own["cafile"]; v.value != "" && v.value != "null" {
		text, err := os.ReadFile(v.value)
		if err != nil {
			return nil, "", fmt.Errorf("%s: cafile: %w", v.at, err)
		}
		return text, v.value, nil
	}
	if v := s.own["ca"]; v.value != "" && v.value != "null" {
		all := append([]string{v.value}, v.more...)
		return []byte(strings.ReplaceAll(strings.Join(all, "\n"), `\n`, "\n")), v.at, nil
	}
	return nil, "", nil
}

// Advisories asks which advisories packages are under, by name and versions. The answer
// holds what was told even where the error says that something was not.
func (c *Client) Advisories(ctx context.Context, versions map[string][]string) (check.RegistryAnswer, error) {
	answer := check.RegistryAnswer{Advisories: map[string][]check.RegistryAdvisory{}}
	at := map[string][]string{}
	for name := range versions {
		registry := c.settings.registryOf(name)
		at[registry] = append(at[registry], name)
	}
	var problems []error
	for _, registry := range slices.Sorted(maps.Keys(at)) {
		names := slices.Sorted(slices.Values(at[registry]))
		u, err := url.Parse(registry + bulkPath)
		if err != nil {
			return answer, err
		}
		failed := false
		for part := range slices.Chunk(names, maxNames) {
			question := map[string][]string{}
			for _, name := range part {
				question[name] = versions[name]
			}
			if err := c.ask(ctx, u, question, answer.Advisories); err != nil {
				problems = append(problems, fmt.Errorf("%s was not told about %d packages: %w", u.Host, len(names), err))
				failed = true
				break
			}
		}
		if !failed {
			answer.From = append(answer.From, u.Host)
		}
	}
	return answer, errors.Join(problems...)
}

func (c *Client) ask(ctx context.Context, u *url.URL, question map[string][]string, found map[string][]check.RegistryAdvisory) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	credential, err := c.settings.credential(u)
	if err != nil {
		return err
	}
	text, err = tries(ctx, func() ([]byte, error) { return c.post(ctx, u, body.Bytes(), credential) })
	if err != nil {
		return err
	}
	return read(text, question, found)
}

func (c *Client) post(ctx context.Context, u *url.URL, body []byte, credential string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Accept", "application/json")
	answer, err := c.do(r, credential)
	var code statusError
	if errors.As(err, &code) {
		switch code {
		case http.StatusUnauthorized, http.StatusForbidden:
			if credential == "" {
				return nil, fmt.Errorf("%w, and the settings of npm have no credentials for it", err)
			}
			return nil, fmt.Errorf("%w to the credentials that the settings of npm have for it", err)
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusGone:
			return nil, fmt.Errorf("answers %d %s: it does not know npm's bulk endpoint for advisories", int(code), http.StatusText(int(code)))
		}
	}
	if err != nil {
		return nil, err
	}
	return readAll(answer, maxAnswer)
}

// ghsa is how GitHub names an advisory, which the registry tells by its address alone.
var ghsa = pattern.New(`GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}`)

// read adds an answer to what was found. What was not asked for is left out.
func read(text []byte, question map[string][]string, found map[string][]check.RegistryAdvisory) error {
	var all map[string][]struct {
		ID       json.RawMessage `json:"id"`
		URL      string          `json:"url"`
		Title    string          `json:"title"`
		Severity string          `json:"severity"`
		Range    *string         `json:"vulnerable_versions"`
		CWE      []string        `json:"cwe"`
		CVSS     struct {
			Score  float64 `json:"score"`
			Vector string  `json:"vectorString"`
		} `json:"cvss"`
	}
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return errors.New("answers with something that is no list of advisories")
	}
	n := 0
	for name, list := range all {
		if _, asked := question[name]; !asked {
			continue
		}
		for _, a := range list {
			if n++; n > maxAdvisories {
				return fmt.Errorf("answers with more than %d advisories", maxAdvisories)
			}
			id := ghsa.Get().FindString(a.URL)
			if id == "" {
				if id = strings.Trim(string(a.ID), `"`); id == "" || id == "null" || len(id) > 100 {
					return fmt.Errorf("answers with an advisory of %s that has no id", name)
				}
				id = "npm-" + id
			}
			if a.Title == "" && a.URL == "" {
				return fmt.Errorf("answers with an advisory of %s, %s, that says nothing", name, id)
			}
			// As npm does: what is not told is every version, and high.
			r := check.RegistryAdvisory{ID: id, URL: a.URL, Title: a.Title, Severity: cmp.Or(a.Severity, "high"), Range: "*", CWE: a.CWE, Score: a.CVSS.Score, Vector: a.CVSS.Vector}
			if a.Range != nil && strings.TrimSpace(*a.Range) != "" {
				r.Range = *a.Range
			}
			found[name] = append(found[name], r)
		}
	}
	return nil
}
