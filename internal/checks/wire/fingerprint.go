package wire

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

var fingerprintRules = check.Rules{
	{ID: "fingerprint/banner", Title: "a header names the software", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/server", Title: "the Server header names the software", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/server-name", Title: "the Server header has a name of its own", Severity: check.Info, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/cookie-name", Title: "a cookie has a framework's default name", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/default-page", Title: "an error page is the framework's own", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/trace", Title: "TRACE is answered with the request", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.4"}},
	{ID: "fingerprint/options", Title: "the answer to OPTIONS is the framework's own", Severity: check.Info, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/redirect", Title: "the text of a redirect is the framework's own", Severity: check.Info, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "fingerprint/etag", Title: "the form of an ETag gives the framework away", Severity: check.Info, CWE: 200, ASVS: []string{"13.4.6"}},
}

var fingerprintCheck = check.Check{
	ID: "fingerprint", Practice: "fingerprint", Title: "No answer names the software",
	Why:      "A banner tells an attacker which exploits to try first.",
	Severity: check.Low, Needs: check.Wire, Alone: true, Rules: fingerprintRules, Run: runFingerprint,
	Bad:  "HTTP/1.1 404 Not Found\nX-Powered-By: Express\n\n<pre>Cannot GET /nowhere</pre>",
	Good: "HTTP/1.1 404 Not Found\n\nThere is nothing here.",
}

func runFingerprint(ctx context.Context, s *check.Session) check.Result {
	all, err := everything(ctx, s)
	if len(all) == 0 {
		return check.NotProven(err.Error())
	}
	t := tells{at: map[tell]*seen{}}
	names := cookieNames(all)
	for _, x := range all {
		t.headers(x)
		t.cookies(x, names)
		t.page(x)
		t.manners(x)
	}
	refused, failed := provoked(all)
	switch {
	case refused+failed == 0 && err != nil:
		return check.NotProven(err.Error(), t.findings()...)
	case refused+failed == 0:
		return check.NotProven("nothing that was tried provoked an error page of the app", t.findings()...)
	}
	return check.Conclude(fmt.Sprintf("judged on %s, %d of them error pages of the app", answers(len(all)), refused+failed), t.findings())
}

// everything is all pages and all provoked answers.
func everything(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	all, err := pages(ctx, s)
	if len(all) == 0 {
		return nil, err
	}
	more, perr := provoke(ctx, s)
	for _, x := range more {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	if err == nil {
		err = perr
	}
	return all, err
}

// provoked counts the app's own errors: requests that it refused, for there is nothing
// or nothing in that form, and requests on which it failed. What servers, proxies and
// gates commonly answer before the app sees the request is neither: odd methods, paths
// that do not decode or climb, a missing login, a limit, a bad gateway.
func provoked(all []*check.Exchange) (refused, failed int) {
	for _, x := range all {
		ordinary := x.Request.Method == "" || x.Request.Method == http.MethodGet || x.Request.Method == http.MethodPost
		if x.Status < 400 || !ordinary || strings.HasSuffix(x.Request.Path, malformed) || x.Request.Path == climbing {
			continue
		}
		switch x.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusMisdirectedRequest,
			http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusGone,
			http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented:
			refused++
		default:
			failed++
		}
	}
	return refused, failed
}

// A tell is one thing that gives the software away, by rule and subject.
type tell struct{ id, subject, message string }

// tells collects them in the order of their first sight.
type tells struct {
	at    map[tell]*seen
	order []tell
}

func (t *tells) add(k tell, e check.Evidence) {
	if t.at[k] == nil {
		t.at[k] = new(seen)
		t.order = append(t.order, k)
	}
	t.at[k].add(e)
}

func (t *tells) findings() []check.Finding {
	var found []check.Finding
	for _, k := range t.order {
		f := fingerprintRules.Find(k.id, k.subject, t.at[k].evidence...)
		found = append(found, f.Saying("%s (%s)", k.message, answers(t.at[k].count)))
	}
	return found
}

// headers looks at the answer's head, at the heads of the interim answers before it,
// and at its trailers: proxies often clean the first only.
func (t *tells) headers(x *check.Exchange) {
	places := append([]http.Header{x.Header, x.Trailer}, x.Early...)
	for i, h := range places {
		where := ""
		switch {
		case i == 1:
			where = " in a trailer"
		case i > 1:
			where = " in an interim answer"
		}
		for _, name := range banners {
			if v := h.Get(name); v != "" {
				e := x.Evidence(name)
				if where != "" {
					e.Seen = name + ": " + v + where
				}
				t.add(tell{"fingerprint/banner", name, name + ": " + v + where}, e)
			}
		}
		for _, name := range []string{"Server", "Via"} {
			switch v := h.Get(name); {
			case serverSoftware.Get().MatchString(v):
				t.add(tell{"fingerprint/server", name, name + ": " + v + where}, x.Evidence(name))
			case v != "" && name == "Server":
				t.add(tell{"fingerprint/server-name", name, name + ": " + v + where}, x.Evidence(name))
			}
		}
	}
}

func cookieNames(all []*check.Exchange) map[string]bool {
	names := make(map[string]bool)
	for _, x := range all {
		for _, c := range setCookies(x) {
			names[c.name] = true
		}
	}
	return names
}

func (t *tells) cookies(x *check.Exchange, names map[string]bool) {
	for _, c := range setCookies(x) {
		if owner := cookieOwner(c.name, names); owner != "" && !c.deletes() {
			t.add(tell{"fingerprint/cookie-name", c.name, fmt.Sprintf("the cookie %s is %s's default name", c.name, owner)}, x.Evidence("Set-Cookie"))
		}
	}
}

func (t *tells) page(x *check.Exchange) {
	if x.Status < 400 {
		return
	}
	if name, at := match(defaultPages, head(x)); at != nil {
		t.add(tell{"fingerprint/default-page", name, "the error page is that of " + name}, excerpt(x, at))
	}
}

var (
	// The forms of ETag that Express makes of a body and of a file.
	expressTag  = pattern.New(`^W/"[0-9a-f]+-(?:[A-Za-z0-9+/]{27}|[0-9a-f]{10,12})"$`)
	redirectTag = pattern.New(`^(?:Found|Moved Permanently|See Other|Temporary Redirect)\. Redirecting to |^<p>(?:Found|Moved Permanently|See Other)\. Redirecting to |<title>Redirecting</title>|^<a href="[^"]*">(?:Found|Moved Permanently|See Other|Temporary Redirect|Permanent Redirect)</a>\.\n`)
)

// manners are ways of a framework that are no header and no page.
func (t *tells) manners(x *check.Exchange) {
	if expressTag.Get().MatchString(x.Header.Get("Etag")) {
		t.add(tell{"fingerprint/etag", "ETag", "the ETag has the form of Express"}, x.Evidence("ETag"))
	}
	switch x.Request.Method {
	case http.MethodTrace:
		if x.Status < 300 && bytes.Contains(x.Body, []byte("User-Agent: panoply-audit")) {
			t.add(tell{"fingerprint/trace", "TRACE", "TRACE is answered with the request"}, x.Evidence("Content-Type"))
		}
	case http.MethodOptions:
		if allow := x.Header.Get("Allow"); allow != "" && strings.EqualFold(strings.ReplaceAll(allow, " ", ""), strings.ReplaceAll(string(x.Body), " ", "")) {
			t.add(tell{"fingerprint/options", "OPTIONS", "OPTIONS is answered as Express does, with Allow repeated in the body"}, x.Evidence("Allow"))
		}
	}
	if x.Status >= 300 && x.Status < 400 {
		if at := redirectTag.Get().FindIndex(head(x)); at != nil {
			t.add(tell{"fingerprint/redirect", "redirect", "the text of a redirect is the framework's own"}, excerpt(x, at))
		}
	}
}
