package crosssite_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/door/crosssite"
)

var (
	lineRoute   = regexp.MustCompile(`route: "([^"]*)"`)
	lineOrigins = regexp.MustCompile(`trusted_origins: \["([^"]*)"\]`)
	lineExempt  = regexp.MustCompile(`exempt: "([^"]*)"`)
)

// TestNoLine: no line is shown that the file would not take, or that lets nothing pass.
func TestNoLine(t *testing.T) {
	for _, line := range []string{"POST /a;b", "POST //a", "POST /" + strings.Repeat("a", 500)} {
		b := newBed(t, nil)
		b.send(t, line, "a=1", form, session, across, "Origin: null")
		if entries, _ := b.memory.Entries(); len(entries) != 1 || entries[0].Line != "" {
			t.Errorf("%.20s: entries = %+v, want one without a line", line, entries)
		}
	}
}

// TestLinesLetPass: who adds the line that is shown gets what it says.
func TestLinesLetPass(t *testing.T) {
	sub := "Origin: https://blog.shop.example"
	for _, test := range []struct {
		name, line, body string
		header           []string
	}{
		{"form", "POST /pay", "a=1", []string{form, session, across, evil}},
		{"form without an origin", "POST /pay", "a=1", []string{form, session, across, "Origin: null"}},
		{"ids", "POST /user/17/cart/4711", "a=1", []string{form, session, across, "Origin: null"}},
		{"ids of another origin", "POST /user/17/cart/4711", "SAMLResponse=x", []string{form, session, across, evil}},
		{"blanks and letters", "POST /a%20b/caf%C3%A9", "a=1", []string{form, session, across, "Origin: null"}},
		{"a slash behind", "POST /pay/", "a=1", []string{form, session, across, "Origin: null"}},
		{"the root", "POST /", "a=1", []string{form, session, across, "Origin: null"}},
		{"sibling", "POST /pay", "a=1", []string{form, session, "Sec-Fetch-Site: same-site", sub}},
		{"older browser", "POST /pay", "a=1", []string{form, session, evil}},
		{"Referer", "POST /pay", "a=1", []string{form, session, "Referer: https://evil.test/x"}},
		{"Referer, an answer of a sign-on", "POST /acs", "SAMLResponse=x", []string{form, session, "Referer: https://evil.test/x"}},
		{"downgrade", "POST /pay", "a=1", []string{form, session, "Origin: http://shop.example"}},
		{"nothing said", "POST /pay", "a=1", []string{form, session}},
		{"WebSocket", "GET /ws", "", []string{"Upgrade: websocket", session, across, evil}},
		{"WebSocket without an origin", "GET /ws", "", []string{"Upgrade: websocket", session, "Origin: null"}},
		{"override", "GET /x?_method=DELETE", "", []string{session, across}},
		{"override of another origin", "GET /x?_method=DELETE", "", []string{session, across, evil}},
		{"login", "POST /login", "user=eve", []string{form, across, evil}},
		{"isolation", "GET /pic", "", []string{across, "Sec-Fetch-Mode: no-cors"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			strict := func(o *crosssite.Options) { o.All, o.Guard.Isolate = true, true }
			b := newBed(t, strict)
			if rec := b.send(t, test.line, test.body, test.header...); rec.Code != 403 {
				t.Fatalf("status %d, want 403 before", rec.Code)
			}
			entries, _ := b.memory.Entries()
			line := entries[0].Line
			b.with(t, func(o *crosssite.Options) {
				strict(o)
				var r csrf.Route
				origins := lineOrigins.FindStringSubmatch(line)
				if m := lineRoute.FindStringSubmatch(line); m != nil {
					r.Pattern = m[1]
					if e := lineExempt.FindStringSubmatch(line); e != nil {
						r.Exempt = e[1]
					}
					if origins != nil {
						r.TrustedOrigins = origins[1:]
					}
					o.Guard.Routes = []csrf.Route{r}
				} else if origins != nil {
					o.Guard.TrustedOrigins = origins[1:]
				}
			})
			if rec := b.send(t, test.line, test.body, test.header...); rec.Code != 200 {
				t.Errorf("status %d with %s, want it to pass", rec.Code, line)
			}
			if rec := b.send(t, "POST /other", "a=1", form, session, across, "Origin: https://other.test"); rec.Code != 403 {
				t.Errorf("another request: status %d with %s, want 403", rec.Code, line)
			}
			if strings.Contains(line, "trusted_origins") == strings.Contains(line, "exempt") {
				t.Errorf("line = %q, want an origin or a reason", line)
			}
		})
	}
}
