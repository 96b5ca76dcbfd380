package headers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/csp"
)

const (
	cspName        = "Content-Security-Policy"
	reportOnlyName = "Content-Security-Policy-Report-Only"
	frameName      = "X-Frame-Options"
	endpointsName  = "Reporting-Endpoints"
	endpointName   = "panoply"
)

// policy is a compiled Content-Security-Policy of either header.
type policy struct {
	row
	add       bool
	documents bool
	nonce     bool
	reports   bool // takes the report address
	compiled  *csp.Compiled
	follow    map[string][]string // by the app's X-Frame-Options; nil when not asked for
}

// policy compiles c for the header name; def is nil when it is not sent unasked.
func (b *builder) policy(name, field string, c CSP, def csp.Policy) {
	p := c.Policy
	if p == nil {
		p = def
	}
	s := Setting{Header: name, Value: p.String(), Off: c.Off || p == nil, Merge: c.Merge, Documents: c.DocumentsOnly,
		Given: c.Policy != nil || c.Off || c.DocumentsOnly || c.FollowFrameOptions || c.InsecureNoDefaultSrc != "" || c.Merge != HandlerWins}
	_, named := p.Get("report-uri")
	_, sent := p.Get("report-to")
	reports := name == reportOnlyName && b.g.reportURI != nil && !named && !sent
	switch {
	case reports:
		s.Note = b.reportNote()
	case p.PerRequest():
		s.Note = "some sources are made for each request"
	}
	b.show(s)
	b.merge(field, c.Merge, Add)
	if s.Off {
		if c.Policy != nil {
			b.problems.Add(field+".Off", "true", "false when a Policy is given", "")
		}
		return
	}
	b.check(field, p, c)
	key, bit := b.watch(name)
	made := &policy{row: row{key: key, bit: bit, replace: c.Merge == Replace}, add: c.Merge == Add, documents: c.DocumentsOnly,
		nonce: p.NeedsNonce(), reports: reports, compiled: p.Compile()}
	if static, ok := made.compiled.Static(); ok {
		made.value = single(static)
	}
	if c.FollowFrameOptions {
		made.follow = follow(p)
	}
	b.g.nonce = b.g.nonce || made.nonce
	b.early(key, c.Merge)
	if name == cspName {
		b.g.enforced = made
	} else {
		b.g.observed = made
	}
}

func (b *builder) check(field string, p csp.Policy, c CSP) {
	rules := csp.Strict
	if b.lenient {
		rules = csp.Helmet
	}
	if err := p.Validate(rules); err != nil {
		b.problems.Note(fmt.Errorf("headers: %s: %w", field, err))
	}
	if _, ok := p.Get("default-src"); !ok && c.InsecureNoDefaultSrc == "" {
		b.problems.Add(field, p.String(), "a policy with default-src", "give the reason for its absence in InsecureNoDefaultSrc")
	}
	if c.FollowFrameOptions && p.PerRequest() {
		b.problems.Add(field+".FollowFrameOptions", "true", "false with Nonce or Func", "")
	}
}

// follow prepares the policy for each thing that an app can say in X-Frame-Options.
func follow(p csp.Policy) map[string][]string {
	text := func(p csp.Policy) []string {
		static, _ := p.Compile().Static()
		if static == "" {
			return nil
		}
		return single(static)
	}
	return map[string][]string{
		"DENY":       text(p.With("frame-ancestors", "'none'")),
		"SAMEORIGIN": text(p.With("frame-ancestors", "'self'")),
		"":           text(p.Without("frame-ancestors")),
	}
}

// due tells whether an answer gets the policy.
func (p *policy) due(status int, document bool, present uint32) bool {
	if p == nil || p.documents && !document || p.nonce && status == http.StatusNotModified {
		return false
	}
	return p.replace || p.add || present&p.bit == 0
}

// text is the policy for one answer that is due.
func (p *policy) text(h http.Header, r *http.Request) ([]string, error) {
	if p.follow != nil {
		if app := h["X-Frame-Options"]; len(app) > 0 {
			return p.follow[framing(app)], nil
		}
	}
	if p.value != nil {
		return p.value, nil
	}
	text, err := p.compiled.Value(r)
	if err != nil {
		return nil, err
	}
	return single(text), nil
}

// framing is what a browser reads from fields of X-Frame-Options: DENY, SAMEORIGIN, or
// "" when it reads nothing and lets every site frame the page. Values that disagree are
// DENY when one of them is known.
//
// Source: HTML, the X-Frame-Options header.
func framing(fields []string) string {
	said, known, several := "", false, false
	for _, field := range fields {
		for value := range strings.SplitSeq(field, ",") {
			value = strings.ToUpper(strings.TrimSpace(value))
			if value == "" {
				continue
			}
			several = several || said != "" && said != value
			known = known || slices.Contains(frameOptions, value) || value == "ALLOWALL"
			said = value
		}
	}
	switch {
	case several && known:
		return "DENY"
	case !several && slices.Contains(frameOptions, said):
		return said
	}
	return ""
}

// saysFrameAncestors tells whether a policy of the app's has the directive.
func saysFrameAncestors(fields []string) bool {
	for _, field := range fields {
		for policy := range strings.SplitSeq(field, ",") {
			for directive := range strings.SplitSeq(policy, ";") {
				directive = strings.TrimSpace(directive)
				name, _, _ := strings.Cut(directive, " ")
				if strings.EqualFold(name, "frame-ancestors") {
					return true
				}
			}
		}
	}
	return false
}

// isDocument tells whether a browser may show the answer as an HTML page.
func isDocument(h http.Header, status int) bool {
	if status < 200 || status == http.StatusNoContent || status == http.StatusNotModified {
		return false
	}
	fields := h["Content-Type"]
	if len(fields) == 0 {
		return true
	}
	mime, _, _ := strings.Cut(fields[0], ";")
	mime = strings.TrimSpace(mime)
	return mime == "" || strings.EqualFold(mime, "text/html") || strings.EqualFold(mime, "application/xhtml+xml")
}
