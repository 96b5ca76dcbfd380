// Package reports collects what browsers report under a Content-Security-Policy, a
// Cross-Origin-Opener-Policy or a Cross-Origin-Embedder-Policy, and keeps counts only.
//
//	c := reports.New(key, count)
//	headers.Options{ReportURI: c.URI}
//	if c.Owns(r) { c.ServeHTTP(w, r) }
//
// Anyone can forge a report. Its address therefore carries a tag of the page that the
// policy was sent with, keyed with the installation's key: who has never been given the
// page cannot report for it, and reports for one page cannot speak for another. Whoever
// can load the page can still lie about it, so counts are a hint to a person and never
// change a policy by themselves. Addresses in a report are not kept, nor anything else
// of its text.
//
// Sources: CSP Level 3 section 5 (reporting), Reporting API section 3.
package reports

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxBody    = 16 << 10
	maxReports = 32 // in one POST
	pageLen    = 6
	macLen     = 12

	burst     = 200
	perSecond = 100
)

// directives are the names that a report may carry into a count; the rest is "other".
var directives = []string{
	"base-uri", "child-src", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src",
	"img-src", "manifest-src", "media-src", "object-src", "require-trusted-types-for", "sandbox", "script-src",
	"script-src-attr", "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types",
	"upgrade-insecure-requests", "worker-src", opener, embedder,
}

// What the Reporting API tells of under types of their own.
const (
	opener   = "cross-origin-opener-policy"
	embedder = "cross-origin-embedder-policy"
)

// A Collector is safe for concurrent use.
type Collector struct {
	prefix string
	macs   sync.Pool
	count  func(directive string)
	// Refuse answers what is not a report; set it before use. Nil answers with the bare
	// status.
	Refuse func(w http.ResponseWriter, r *http.Request, status int)

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// New returns a Collector keyed with key, at least 16 random bytes that outlive
// restarts. Count is told the directive of each report taken.
func New(key []byte, count func(directive string)) *Collector {
	c := &Collector{count: count, tokens: burst, filled: time.Now()}
	c.macs.New = func() any { return hmac.New(sha256.New, key) }
	// The address differs from door to door: a fixed one would be a fingerprint.
	c.prefix = "/" + base64.RawURLEncoding.EncodeToString(c.mac(nil, "path", "")[:9]) + "/"
	return c
}

func (c *Collector) mac(dst []byte, purpose, host string, more ...[]byte) []byte {
	m := c.macs.Get().(hash.Hash)
	defer c.macs.Put(m)
	m.Reset()
	for _, part := range [...]string{"panoply-csp-report/1", purpose, strings.ToLower(host)} {
		_, _ = io.WriteString(m, part)
		_, _ = m.Write([]byte{0})
	}
	for _, part := range more {
		_, _ = m.Write(part)
	}
	return m.Sum(dst)
}

// URI returns the address, a path, to which reports about r's page go.
func (c *Collector) URI(r *http.Request) string {
	page := sha256.Sum256([]byte(r.URL.Path))
	tag := make([]byte, pageLen, pageLen+sha256.Size)
	copy(tag, page[:pageLen])
	tag = c.mac(tag, "page", r.Host, page[:pageLen])[:pageLen+macLen]
	return c.prefix + base64.RawURLEncoding.EncodeToString(tag)
}

// Owns tells whether r is for the collector.
func (c *Collector) Owns(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, c.prefix) }

// ServeHTTP takes reports: 204, whether they count or come too fast; 404 for an address
// that the door did not make, 405, 413, 415 for the rest.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !c.genuine(r) {
		c.refuse(w, r, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		c.refuse(w, r, http.StatusMethodNotAllowed)
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/csp-report" && media != "application/reports+json" && media != "application/json" {
		c.refuse(w, r, http.StatusUnsupportedMediaType)
		return
	}
	if c.allow(time.Now()) {
		text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil || len(text) > maxBody {
			c.refuse(w, r, http.StatusRequestEntityTooLarge)
			return
		}
		for _, directive := range Directives(text) {
			c.count(directive)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *Collector) genuine(r *http.Request) bool {
	tag, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(r.URL.Path, c.prefix))
	if err != nil || len(tag) != pageLen+macLen {
		return false
	}
	return hmac.Equal(tag[pageLen:], c.mac(nil, "page", r.Host, tag[:pageLen])[:macLen])
}

// allow is a token bucket over all clients: what comes faster is dropped unread.
func (c *Collector) allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens = min(burst, c.tokens+now.Sub(c.filled).Seconds()*perSecond)
	c.filled = now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	return true
}

func (c *Collector) refuse(w http.ResponseWriter, r *http.Request, status int) {
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if c.Refuse == nil {
		w.WriteHeader(status)
		return
	}
	c.Refuse(w, r, status)
}

// Directives reads the directives, or header, violated from a report in either form: report-uri's
// single object, or the Reporting API's array. A directive that is none is "other";
// what is no CSP report gives nothing.
func Directives(text []byte) []string {
	type body struct {
		Effective string `json:"effective-directive"`
		Violated  string `json:"violated-directive"`
		Directive string `json:"effectiveDirective"`
	}
	var single struct {
		Report *body `json:"csp-report"`
	}
	var many []struct {
		Type string `json:"type"`
		Body body   `json:"body"`
	}
	var bodies []body
	if json.Unmarshal(text, &single) == nil && single.Report != nil {
		bodies = []body{*single.Report}
	} else if json.Unmarshal(text, &many) == nil {
		for _, one := range many {
			if len(bodies) == maxReports {
				break
			}
			switch one.Type {
			case "csp-violation":
				bodies = append(bodies, one.Body)
			case "coop":
				bodies = append(bodies, body{Effective: opener})
			case "coep":
				bodies = append(bodies, body{Effective: embedder})
			}
		}
	}
	out := make([]string, 0, len(bodies))
	for _, b := range bodies {
		name := b.Effective
		if name == "" {
			name = b.Directive
		}
		if name == "" { // CSP 2: the whole directive, values too
			name, _, _ = strings.Cut(b.Violated, " ")
		}
		if !slices.Contains(directives, name) {
			name = "other"
		}
		out = append(out, name)
	}
	return out
}
