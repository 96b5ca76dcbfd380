package headers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
)

const (
	html         = "Content-Type: text/html; charset=utf-8"
	firstDayCSP  = "object-src 'none';base-uri 'self';frame-ancestors 'self'"
	helmetReport = "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';" +
		"img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline'"
)

func TestFirstDayOnADocument(t *testing.T) {
	g := mustNew(t, headers.FirstDay())
	expect(t, answer(g.Handler, get(), 200, html, "X-Powered-By: Express"), http.Header{
		"Content-Type":                             {"text/html; charset=utf-8"},
		"Content-Security-Policy":                  {firstDayCSP},
		"Content-Security-Policy-Report-Only":      {helmetReport},
		"Cross-Origin-Embedder-Policy-Report-Only": {"require-corp"},
		"Cross-Origin-Opener-Policy-Report-Only":   {"same-origin"},
		"Origin-Agent-Cluster":                     {"?1"},
		"Referrer-Policy":                          {"strict-origin-when-cross-origin"},
		"X-Content-Type-Options":                   {"nosniff"},
		"X-Dns-Prefetch-Control":                   {"off"},
		"X-Frame-Options":                          {"SAMEORIGIN"},
		"X-Xss-Protection":                         {"0"},
	})
}

func TestFirstDayOnData(t *testing.T) {
	g := mustNew(t, headers.FirstDay())
	expect(t, answer(g.Handler, get(), 400, "Content-Type: application/json"), http.Header{
		"Content-Type": {"application/json"}, "Origin-Agent-Cluster": {"?1"}, "Referrer-Policy": {"strict-origin-when-cross-origin"},
		"X-Content-Type-Options": {"nosniff"}, "X-Dns-Prefetch-Control": {"off"}, "X-Frame-Options": {"SAMEORIGIN"}, "X-Xss-Protection": {"0"},
	})
}

func TestFirstDayKeepsTheApps(t *testing.T) {
	o := headers.FirstDay()
	o.ReportURI = func(*http.Request) string { return "/r?k=1" }
	o.StrictTransportSecurity.MaxAgeFor = func(*http.Request) time.Duration { return 5 * time.Minute }
	g := mustNew(t, o)
	for _, c := range []struct {
		name string
		app  []string
		want map[string][]string // nil: absent
	}{
		{"its policies", []string{"Content-Security-Policy: a", "Content-Security-Policy: b", "content-security-policy-report-only: c", "X-Frame-Options: DENY"},
			map[string][]string{"Content-Security-Policy": {"a", "b"}, "Content-Security-Policy-Report-Only": {"c"}, "X-Frame-Options": {"DENY"}}},
		{"its frame-ancestors", []string{"Content-Security-Policy: default-src *; Frame-Ancestors https://partner.example"},
			map[string][]string{"Content-Security-Policy": {"default-src *; Frame-Ancestors https://partner.example"}, "X-Frame-Options": nil}},
		{"a policy without frame-ancestors", []string{"Content-Security-Policy: default-src *"},
			map[string][]string{"Content-Security-Policy": {"default-src *"}, "X-Frame-Options": {"SAMEORIGIN"}}},
		{"DENY becomes 'none'", []string{"x-frame-options: deny"},
			map[string][]string{"Content-Security-Policy": {"object-src 'none';base-uri 'self';frame-ancestors 'none'"}, "X-Frame-Options": {"deny"}}},
		{"SAMEORIGIN becomes 'self'", []string{"X-Frame-Options: SameOrigin"},
			map[string][]string{"Content-Security-Policy": {firstDayCSP}, "X-Frame-Options": {"SameOrigin"}}},
		{"ALLOW-FROM lets frames be", []string{"X-Frame-Options: ALLOW-FROM https://partner.example"},
			map[string][]string{"Content-Security-Policy": {"object-src 'none';base-uri 'self'"}}},
		{"two values that agree", []string{"X-Frame-Options: DENY, deny"},
			map[string][]string{"Content-Security-Policy": {"object-src 'none';base-uri 'self';frame-ancestors 'none'"}}},
		{"two values that disagree", []string{"X-Frame-Options: SAMEORIGIN", "X-Frame-Options: x"},
			map[string][]string{"Content-Security-Policy": {"object-src 'none';base-uri 'self';frame-ancestors 'none'"}}},
		{"two values that no browser knows", []string{"X-Frame-Options: x, y"},
			map[string][]string{"Content-Security-Policy": {"object-src 'none';base-uri 'self'"}}},
		{"its HSTS and Referrer-Policy", []string{"Strict-Transport-Security: max-age=1", "Referrer-Policy: origin"},
			map[string][]string{"Strict-Transport-Security": {"max-age=1"}, "Referrer-Policy": {"origin"}}},
		{"its openers", []string{"Cross-Origin-Opener-Policy: unsafe-none", "Cross-Origin-Opener-Policy-Report-Only: unsafe-none"},
			map[string][]string{"Cross-Origin-Opener-Policy": {"unsafe-none"}, "Cross-Origin-Opener-Policy-Report-Only": {"unsafe-none"},
				"Strict-Transport-Security": {"max-age=300"}}},
		{"its endpoints", []string{`Reporting-Endpoints: own="https://r.example/"`},
			map[string][]string{"Reporting-Endpoints": {`own="https://r.example/"`, `panoply="/r?k=1"`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := answer(g.Handler, get(), 200, append(c.app, html)...)
			for name, want := range c.want {
				if got := h[name]; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			for name := range h {
				if name != http.CanonicalHeaderKey(name) {
					t.Errorf("header has %q, want no second spelling", name)
				}
			}
		})
	}
}

// A header that is replaced decides framing no more.
func TestReplacedHeadersDecideNothing(t *testing.T) {
	o := headers.FirstDay()
	o.ContentSecurityPolicy.Merge = headers.Replace
	h := answer(mustNew(t, o).Handler, get(), 200, html, "Content-Security-Policy: frame-ancestors *")
	if got, xfo := h.Get("Content-Security-Policy"), h.Get("X-Frame-Options"); got != firstDayCSP || xfo != "SAMEORIGIN" {
		t.Errorf("policy replaced: %q with X-Frame-Options %q, want %q with SAMEORIGIN", got, xfo, firstDayCSP)
	}
	o = headers.FirstDay()
	o.XFrameOptions.Merge = headers.Replace
	h = answer(mustNew(t, o).Handler, get(), 200, html, "X-Frame-Options: DENY")
	if got, xfo := h.Get("Content-Security-Policy"), h.Get("X-Frame-Options"); got != firstDayCSP || xfo != "SAMEORIGIN" {
		t.Errorf("X-Frame-Options replaced: %q with policy %q, want SAMEORIGIN with %q", xfo, got, firstDayCSP)
	}
}

func TestReportAddress(t *testing.T) {
	address := "/.well-known/report?k=abc"
	var events []guard.Event
	o := headers.FirstDay()
	o.ReportURI = func(*http.Request) string { return address }
	o.Sink = func(_ ctx, e guard.Event) { events = append(events, e) }
	g := mustNew(t, o)
	h := answer(g.Handler, get(), 200, html)
	for name, want := range map[string]string{
		"Content-Security-Policy":                  firstDayCSP,
		"Content-Security-Policy-Report-Only":      helmetReport + ";report-uri /.well-known/report?k=abc;report-to panoply",
		"Cross-Origin-Opener-Policy-Report-Only":   `same-origin; report-to="panoply"`,
		"Cross-Origin-Embedder-Policy-Report-Only": `require-corp; report-to="panoply"`,
		"Reporting-Endpoints":                      `panoply="/.well-known/report?k=abc"`,
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if h := answer(g.Handler, get(), 200, "Content-Type: image/png"); h["Reporting-Endpoints"] != nil {
		t.Errorf("an image carries Reporting-Endpoints %q", h["Reporting-Endpoints"])
	}
	if address = ""; answer(g.Handler, get(), 200, html)["Reporting-Endpoints"] != nil {
		t.Error("no address gives Reporting-Endpoints, want none")
	}
	if len(events) != 0 {
		t.Errorf("events = %v, want none", events)
	}
	for _, bad := range []string{"/r;script-src *", "/r,default-src *", "/r\r\nX: y", `/r"`, "/r x", "/é"} {
		address, events = bad, nil
		h := answer(g.Handler, get(), 200, html)
		if h["Reporting-Endpoints"] != nil || h.Get("Content-Security-Policy-Report-Only") != helmetReport {
			t.Errorf("the address %q is sent: %q", bad, h)
		}
		if len(events) != 1 || events[0].Rule != "report-address" || events[0].Action != guard.Failed {
			t.Errorf("the address %q: events = %v, want one report-address", bad, events)
		}
	}
}

func TestResourcePolicyIsTold(t *testing.T) {
	for _, c := range []struct {
		policy, site, mode, dest, app string
		want                          string // the event's detail
	}{
		{"", "cross-site", "no-cors", "image", "", "image for a cross-site page"},
		{"", "same-site", "no-cors", "script", "", "script for a same-site page"},
		{"same-site", "same-site", "no-cors", "script", "", ""},
		{"same-site", "cross-site", "no-cors", "script", "", "script for a cross-site page"},
		{"cross-origin", "cross-site", "no-cors", "image", "", ""},
		{"", "cross-site", "cors", "image", "", ""},
		{"", "cross-site", "navigate", "document", "", ""},
		{"", "same-origin", "no-cors", "image", "", ""},
		{"", "none", "no-cors", "image", "", ""},
		{"", "", "", "", "", ""},
		{"", "cross-site", "no-cors", "<script>", "", "other for a cross-site page"},
		{"", "cross-site", "no-cors", "image", "Cross-Origin-Resource-Policy: cross-origin", ""},
	} {
		var got []guard.Event
		o := headers.FirstDay()
		o.CrossOriginResourcePolicy.Value = c.policy
		o.Sink = func(_ ctx, e guard.Event) { got = append(got, e) }
		r := httptest.NewRequest("GET", "/a.png", nil)
		for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		fields := []string{"Content-Type: image/png"}
		if c.app != "" {
			fields = append(fields, c.app)
		}
		h := answer(mustNew(t, o).Handler, r, 200, fields...)
		if c.app == "" && h["Cross-Origin-Resource-Policy"] != nil {
			t.Errorf("%+v: the policy is sent", c)
		}
		if c.want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Detail != c.want || got[0].Rule != "cross-origin-resource" || got[0].Action != guard.WouldDeny {
			t.Errorf("%+v: events = %+v", c, got)
		}
	}
}
