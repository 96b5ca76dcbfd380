package hardcheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/pattern"
)

const (
	probeTime = 3 * time.Second
	probeBody = 64 << 10
)

// UserAgent is how the probes name themselves in the application's log.
const UserAgent = "panoply-hardcheck"

// NodeEnv is the finding of an application that shows its stack traces.
var NodeEnv = Finding{ID: Development, Line: "NODE_ENV: the application sends stack traces (the door hides them); start it with NODE_ENV=production"}

var trustProxyLoop = Finding{ID: TrustProxy,
	Line: "trust proxy: the application redirects https to the very same address, a loop: it does not see that the client came by https; add app.set('trust proxy', 'loopback')"}

var trustProxyScheme = Finding{ID: TrustProxy,
	Line: "trust proxy: the application sends https clients to http:// addresses of its own: it does not see how they came; add app.set('trust proxy', 'loopback')"}

var noCookie = Finding{ID: NoCookie,
	Line: "trust proxy: logins were answered and no cookie was ever set; with cookie.secure: true Express sets none until app.set('trust proxy', 'loopback')"}

// frame is a line of a V8 stack trace: "at name (/path/file.js:1:2)".
var frame = pattern.New(`\bat (?:[^\n<]{1,200} \()?(?:/|file://|node:|[A-Za-z]:\\)[^\n<]{1,300}:\d{1,7}:\d{1,7}\)?`)

// Probe asks the application at base, as a https client of site would, for an address
// that it hardly has and for one that no router can decode. An application that does
// not answer gives no findings.
func Probe(ctx context.Context, base *url.URL, site string) []Finding {
	client := &http.Client{
		Timeout:       probeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: probeBody, Proxy: nil},
	}
	var found []Finding
	note := func(f Finding) {
		for _, have := range found {
			if have.ID == f.ID {
				return
			}
		}
		found = append(found, f)
	}
	for _, path := range []string{"/", "/" + strings.ToLower(rand.Text()), "/%c0"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.Scheme+"://"+base.Host+path, nil)
		if err != nil {
			return found
		}
		req.Host = site
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("X-Forwarded-For", "127.0.0.1")
		req.Header.Set("X-Forwarded-Host", site)
		req.Header.Set("Accept", "text/html")
		req.Header.Set("User-Agent", UserAgent)
		res, err := client.Do(req)
		if err != nil {
			return found
		}
		body, _ := io.ReadAll(io.LimitReader(res.Body, probeBody))
		_ = res.Body.Close()
		if f, ok := redirect(res.StatusCode, res.Header.Get("Location"), site, path); ok {
			note(f)
		}
		if res.StatusCode >= 400 && frame.Get().Match(bytes.ReplaceAll(body, []byte("&nbsp;"), []byte(" "))) {
			note(NodeEnv)
		}
	}
	return found
}

// redirect judges where the application sends a https client of host that asked for
// target, a path with its query.
func redirect(status int, location, host, target string) (Finding, bool) {
	if status < 300 || status > 399 || location == "" {
		return Finding{}, false
	}
	scheme, rest, ok := strings.Cut(location, "://")
	if !ok || len(rest) < len(host) || !strings.EqualFold(rest[:len(host)], host) {
		return Finding{}, false
	}
	switch rest = rest[len(host):]; {
	case strings.EqualFold(scheme, "https") && rest == target:
		return trustProxyLoop, true
	case strings.EqualFold(scheme, "http") && (rest == "" || rest[0] == '/' || rest[0] == '?'):
		return trustProxyScheme, true
	}
	return Finding{}, false
}
