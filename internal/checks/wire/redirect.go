package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// redirected is where an answer sends the visitor, absolute.
func redirected(x *check.Exchange) (*url.URL, bool) {
	if x.Status < 300 || x.Status > 399 || x.Header.Get("Location") == "" {
		return nil, false
	}
	from, err := url.Parse(x.URL)
	if err != nil {
		return nil, false
	}
	to, err := from.Parse(x.Header.Get("Location"))
	if err != nil {
		return nil, false
	}
	return to, true
}

// sameOrigin compares scheme, host and port, given or usual.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// secureRedirect returns where a redirect to HTTPS on the same host leads, else nothing.
func secureRedirect(s *check.Session, x *check.Exchange) *url.URL {
	to, ok := redirected(x)
	if !ok || to.Scheme != "https" || !strings.EqualFold(to.Hostname(), s.URL.Hostname()) {
		return nil
	}
	return to
}

// elsewhere is a redirect that leaves the host before HTTPS protects it: no
// Strict-Transport-Security ever reaches the host that was typed.
//
// Source: RFC 6797 section 7.2.
func elsewhere(x *check.Exchange) check.Finding {
	return tlsRules.Find("tls/plain-elsewhere", "plain", x.Evidence("Location")).
		Saying("plain HTTP redirects to %s", x.Header.Get("Location")).In(check.Network)
}

// maxPlain is how many pages beside the target's own are asked for in clear: some apps
// redirect their front page only.
const maxPlain = 3

// plain looks at the plain HTTP port and says what it did, for the reason.
func (t *tlsJudge) plain(ctx context.Context) string {
	s := t.session
	if s.Target.Plain == "" && s.URL.Port() != "" && s.URL.Port() != "443" {
		return "the plain HTTP port is not known and was not tried"
	}
	x, err := s.Wire.Do(ctx, check.Request{To: check.Plain, Path: s.URL.RequestURI()})
	if err != nil {
		return "plain HTTP gives no answer: " + err.Error()
	}
	answers := []*check.Exchange{x}
	for _, path := range trials(ctx, s) {
		if len(answers) > maxPlain {
			break
		}
		if more, err := s.Wire.Do(ctx, check.Request{To: check.Plain, Path: path}); err == nil {
			answers = append(answers, more)
		}
	}
	open := false
	var serves, leaves, sets, pins seen
	for _, x := range answers {
		switch _, moved := redirected(x); {
		case secureRedirect(s, x) != nil:
		case moved && x.Status < 400:
			open = true
			leaves.add(x.Evidence("Location"))
			if leaves.count == 1 {
				t.found = append(t.found, elsewhere(x))
			}
		case x.Status < 400:
			open = true
			serves.add(x.Evidence("Content-Type"))
		}
		for _, c := range setCookies(x) {
			if !c.deletes() {
				sets.add(x.Evidence("Set-Cookie"))
				break
			}
		}
		if len(x.Header.Values("Strict-Transport-Security")) > 0 {
			pins.add(x.Evidence("Strict-Transport-Security"))
		}
	}
	say := func(id string, s seen, format string, args ...any) {
		if s.count > 0 {
			t.found = append(t.found, tlsRules.Find(id, "plain", s.evidence...).Saying(format, args...).In(check.Network))
		}
	}
	say("tls/plain-serves", serves, "plain HTTP answers without a redirect (%d of %d pages)", serves.count, len(answers))
	say("tls/plain-cookie", sets, "a cookie is set over plain HTTP (%d of %d pages)", sets.count, len(answers))
	say("tls/plain-hsts", pins, "Strict-Transport-Security is sent over plain HTTP, where browsers ignore it")
	if to := secureRedirect(s, x); to != nil {
		t.arrive(ctx, x, to)
	}
	switch {
	case open:
		return "plain HTTP is open"
	case secureRedirect(s, x) != nil:
		return "plain HTTP redirects to HTTPS"
	}
	return fmt.Sprintf("plain HTTP is refused with %d", x.Status)
}

// arrive judges the redirect from plain HTTP, and whether it ends at a page.
func (t *tlsJudge) arrive(ctx context.Context, x *check.Exchange, to *url.URL) {
	if x.Status != http.StatusMovedPermanently && x.Status != http.StatusPermanentRedirect {
		t.found = append(t.found, tlsRules.Find("tls/plain-temporary", "plain", x.Evidence("Location")).
			Saying("the redirect to HTTPS has status %d, so it is asked for each time", x.Status).In(check.Network))
	}
	if !sameOrigin(to, t.session.URL) {
		return
	}
	y, err := t.session.Wire.Do(ctx, check.Request{Path: to.RequestURI()})
	if err != nil {
		return
	}
	if back, ok := redirected(y); ok && t.downwards(back) {
		t.found = append(t.found, tlsRules.Find("tls/plain-loop", "plain", x.Evidence("Location"), y.Evidence("Location")).
			Saying("plain HTTP redirects to %.200s, and that to %.200s", to, back).In(check.Network))
	}
}

// downwards says that an address is plain HTTP on the target's own host.
func (t *tlsJudge) downwards(to *url.URL) bool {
	return to.Scheme == "http" && strings.EqualFold(to.Hostname(), t.session.URL.Hostname())
}

// downgrades judges the redirects of the crawl. Those to other hosts are links like
// others. A crawl that ended early is told by the checks that rest on it.
func (t *tlsJudge) downgrades(ctx context.Context) {
	site, _ := t.session.Crawl(ctx)
	all := tally{rules: tlsRules, judged: len(site.Pages)}
	for _, p := range site.Pages {
		if to, ok := redirected(p.Exchange); ok && t.downwards(to) {
			all.see("tls/downgrade", "Location", p, p.Evidence("Location"), "")
		}
	}
	t.found = append(t.found, all.findings()...)
}
