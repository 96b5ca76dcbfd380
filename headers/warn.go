package headers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/csp"
)

// A Warning is a mistake that can be sent all the same: most are such as Helmet accepts.
type Warning struct {
	// Rule names the kind of mistake from a fixed set, such as "unquoted-keyword".
	Rule string
	// Field is the header or, for what only JSON can say, the path of Helmet's option.
	Field string
	// Text says what is wrong, Fix what to do.
	Text, Fix string
	// When says where it does harm; empty means always. What depends on the site is no
	// fault of the options alone.
	When string
}

// String is the warning in one line.
func (w Warning) String() string {
	s := w.Field + ": " + w.Text
	if w.When != "" {
		s += " (" + w.When + ")"
	}
	if w.Fix != "" {
		s += "; " + w.Fix
	}
	return s
}

// Warnings returns, in a line each with the fix, the mistakes in the options that New
// accepts and that do harm everywhere: those of Lint without When. Nil means none.
func (o Options) Warnings() []string {
	var lines []string
	for _, w := range o.Lint() {
		if w.When == "" {
			lines = append(lines, w.String())
		}
	}
	return lines
}

// Lint names every mistake in the options that New accepts, each with its fix. For
// options that New refuses the result is of no use.
func (o Options) Lint() []Warning {
	l := linter{o: o}
	if o.peer != nil {
		l.found = slices.Clone(o.peer.warnings)
	}
	enforced, observed := effective(o.ContentSecurityPolicy, csp.Default()), effective(o.ContentSecurityPolicyReportOnly, nil)
	l.policy(cspName, enforced)
	l.policy(reportOnlyName, observed)
	l.reports(enforced, observed)
	l.framing(enforced)
	l.referrer()
	l.transport()
	l.places(enforced)
	return l.found
}

func effective(c CSP, def csp.Policy) csp.Policy {
	switch {
	case c.Off:
		return nil
	case c.Policy != nil:
		return c.Policy
	}
	return def
}

type linter struct {
	o     Options
	found []Warning
}

func (l *linter) add(rule, field, text, fix, when string) {
	l.found = append(l.found, Warning{rule, field, text, fix, when})
}

func (l *linter) policy(header string, p csp.Policy) {
	for _, problem := range p.Lint() {
		field := header + " " + problem.Directive
		if problem.Source != "" {
			field += " " + problem.Source
		}
		l.add(problem.Rule, field, problem.Text, problem.Fix, "")
	}
}

func (l *linter) reports(enforced, observed csp.Policy) {
	for _, p := range []csp.Policy{enforced, observed} {
		if _, has := p.Get("report-to"); has {
			l.add("report-to-unnamed", cspName+" report-to", "names an endpoint that no Reporting-Endpoints of this guard gives an address",
				"send Reporting-Endpoints, or report-uri beside it", "unless the app sends Reporting-Endpoints")
		}
	}
	if observed == nil || l.o.ReportURI != nil {
		return
	}
	_, uri := observed.Get("report-uri")
	_, to := observed.Get("report-to")
	if !uri && !to {
		l.add("report-only-unheard", reportOnlyName, "neither stops anything nor tells anybody", "give it report-uri or set ReportURI", "")
	}
}

// framing compares the two headers about framing: a browser that knows frame-ancestors
// ignores X-Frame-Options.
func (l *linter) framing(p csp.Policy) {
	d, has := p.Get("frame-ancestors")
	if !has || l.o.XFrameOptions.Off || l.o.ContentSecurityPolicy.FollowFrameOptions {
		return
	}
	said := l.o.XFrameOptions.Value
	when := ""
	if said == "" {
		said, when = "SAMEORIGIN", "in browsers without CSP"
	}
	want := map[string]string{"SAMEORIGIN": "'self'", "DENY": "'none'"}[said]
	if len(d.Sources) == 1 && strings.EqualFold(d.Sources[0], want) {
		return
	}
	l.add("framing-contradicts", frameName, fmt.Sprintf("says %s where frame-ancestors says %s, which wins", said, strings.Join(d.Sources, " ")),
		"let both say the same, or turn X-Frame-Options off", when)
}

func (l *linter) referrer() {
	for _, token := range l.o.ReferrerPolicy.Policies {
		if token == "" {
			l.add("empty-referrer-policy", "Referrer-Policy", "holds an empty policy, which says nothing", "name a policy, such as no-referrer", "")
		}
	}
}

func (l *linter) transport() {
	s := l.o.StrictTransportSecurity
	if s.Off {
		return
	}
	const name = "Strict-Transport-Security"
	if s.Preload && s.DisableIncludeSubDomains {
		l.add("preload-ineligible", name, "asks for preload without subdomains, which the list refuses", "add includeSubDomains or drop preload", "")
	}
	if s.Preload && s.MaxAgeFor == nil && s.MaxAge != 0 && s.MaxAge < DefaultMaxAge {
		l.add("preload-ineligible", name, "asks for preload with less than a year, which the list refuses", "raise max-age to 31536000 or drop preload", "")
	}
	if s.MaxAgeFor == nil {
		l.add("hsts-plain-http", name, "is sent whatever the scheme; browsers ignore it over plain HTTP", "decide in MaxAgeFor, or redirect to HTTPS first", "over plain HTTP")
	}
}

// places names what depends on where an answer goes.
func (l *linter) places(p csp.Policy) {
	if p == nil {
		return
	}
	if _, has := p.Get("upgrade-insecure-requests"); has {
		l.add("upgrade-plain-http", cspName+" upgrade-insecure-requests", "sends a page's own http: links to https:", "leave it out where there is no HTTPS", "over plain HTTP")
	}
	if !l.o.ContentSecurityPolicy.DocumentsOnly {
		l.add("csp-everywhere", cspName, "goes out with images, JSON and 304 too", "set DocumentsOnly", "on answers that are no documents")
	}
}
