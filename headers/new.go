package headers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
)

var (
	embedderPolicies  = []string{"require-corp", "credentialless", "unsafe-none"}
	openerPolicies    = []string{"same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"}
	resourcePolicies  = []string{"same-origin", "same-site", "cross-origin"}
	frameOptions      = []string{"SAMEORIGIN", "DENY"}
	permittedPolicies = []string{"none", "master-only", "by-content-type", "all"}
	referrerPolicies  = []string{"no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
		"origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"}
)

// New compiles the options or returns every problem with them at once, each a
// [guard.OptionError].
func New(o Options) (*Guard, error) {
	b := builder{g: &Guard{mode: o.Mode, sink: o.Sink, reportURI: o.ReportURI}, lenient: o.peer != nil}
	b.problems.Package = "headers"
	if o.Mode > guard.Off {
		b.problems.Add("Mode", o.Mode.String(), "Enforce, Observe or Off", "")
	}
	b.policy(cspName, "ContentSecurityPolicy", o.ContentSecurityPolicy, csp.Default())
	b.policy(reportOnlyName, "ContentSecurityPolicyReportOnly", o.ContentSecurityPolicyReportOnly, nil)
	b.field("Cross-Origin-Embedder-Policy", "CrossOriginEmbedderPolicy", o.CrossOriginEmbedderPolicy, "", embedderPolicies)
	b.reportOnly("Cross-Origin-Embedder-Policy-Report-Only", "CrossOriginEmbedderPolicyReportOnly", o.CrossOriginEmbedderPolicyReportOnly, embedderPolicies)
	b.field("Cross-Origin-Opener-Policy", "CrossOriginOpenerPolicy", o.CrossOriginOpenerPolicy, "same-origin", openerPolicies)
	b.reportOnly("Cross-Origin-Opener-Policy-Report-Only", "CrossOriginOpenerPolicyReportOnly", o.CrossOriginOpenerPolicyReportOnly, openerPolicies)
	b.resource(o.CrossOriginResourcePolicy)
	b.field("Origin-Agent-Cluster", "OriginAgentCluster", o.OriginAgentCluster, "?1", []string{"?1"})
	b.referrer(o.ReferrerPolicy)
	b.transport(o.StrictTransportSecurity)
	b.field("X-Content-Type-Options", "XContentTypeOptions", o.XContentTypeOptions, "nosniff", []string{"nosniff"})
	b.field("X-DNS-Prefetch-Control", "XDNSPrefetchControl", o.XDNSPrefetchControl, "off", []string{"off", "on"})
	b.field("X-Download-Options", "XDownloadOptions", o.XDownloadOptions, "noopen", []string{"noopen"})
	b.field(frameName, "XFrameOptions", o.XFrameOptions, "SAMEORIGIN", frameOptions)
	b.field("X-Permitted-Cross-Domain-Policies", "XPermittedCrossDomainPolicies", o.XPermittedCrossDomainPolicies, "none", permittedPolicies)
	b.field("X-XSS-Protection", "XXSSProtection", o.XXSSProtection, "0", []string{"0"})
	b.poweredBy(o.KeepPoweredBy)
	b.framing(o.XFrameOptions.Merge)
	if err := b.problems.Err(); err != nil {
		return nil, err
	}
	b.g.onAnswer = b.g.answer
	return b.g, nil
}

// builder fills a Guard header by header, in Helmet's order.
type builder struct {
	g        *Guard
	problems guard.Problems
	lenient  bool
}

// watch gives a header its bit in the mask of present.
func (b *builder) watch(name string) (key string, bit uint32) {
	key = http.CanonicalHeaderKey(name)
	bit = 1 << len(b.g.watched)
	b.g.watched = append(b.g.watched, key)
	b.g.byLength[len(key)] |= bit
	return key, bit
}

func (b *builder) show(s Setting) { b.g.settings = append(b.g.settings, s) }

// value checks v against what is allowed, taking def when it is empty.
func (b *builder) value(field, v, def string, allowed []string) string {
	if v == "" {
		return def
	}
	if !slices.Contains(allowed, v) {
		b.problems.Add(field, v, oneOf(allowed), spelling(v, allowed))
	}
	return v
}

func (b *builder) merge(field string, m Merge, most Merge) {
	if m > most {
		b.problems.Add(field+".Merge", m.String(), oneOf(mergeNames[:most+1]), "")
	}
}

// field compiles a header of one fixed value; def is empty when it is not sent unasked.
func (b *builder) field(name, field string, f Field, def string, allowed []string) {
	value := b.value(field+".Value", f.Value, def, allowed)
	b.merge(field, f.Merge, Replace)
	s := Setting{Header: name, Value: value, Given: f != (Field{}), Off: f.Off || value == "", Merge: f.Merge}
	b.show(s)
	if !s.Off {
		b.row(name, value, f.Merge)
	}
}

func (b *builder) row(name, value string, m Merge) {
	key, bit := b.watch(name)
	b.g.rows = append(b.g.rows, row{key: key, value: single(value), bit: bit, replace: m == Replace})
	if name == frameName && m != Replace {
		b.g.frameBit = bit
	}
	b.early(key, m)
}

// early notes a header that Handler clears before the app runs.
func (b *builder) early(key string, m Merge) {
	if m == HandlerWins {
		b.g.early = append(b.g.early, key)
	}
}

func (b *builder) reportOnly(name, field string, f Field, allowed []string) {
	value := b.value(field+".Value", f.Value, "", allowed)
	b.merge(field, f.Merge, Replace)
	s := Setting{Header: name, Value: value, Given: f != (Field{}), Off: f.Off || value == "", Merge: f.Merge, Documents: true, Note: b.reportNote()}
	b.show(s)
	if s.Off {
		return
	}
	key, bit := b.watch(name)
	b.g.reported = append(b.g.reported, reportedRow{
		row:      row{key: key, value: single(value), bit: bit, replace: f.Merge == Replace},
		endpoint: single(value + `; report-to="` + endpointName + `"`),
	})
	b.early(key, f.Merge)
}

func (b *builder) reportNote() string {
	if b.g.reportURI == nil {
		return ""
	}
	return "with a report address for each request"
}

func (b *builder) resource(p ResourcePolicy) {
	const name = "Cross-Origin-Resource-Policy"
	value := b.value("CrossOriginResourcePolicy.Value", p.Value, "same-origin", resourcePolicies)
	b.merge("CrossOriginResourcePolicy", p.Merge, Replace)
	s := Setting{Header: name, Value: value, Given: p != (ResourcePolicy{}), Off: p.Off || p.Observe, Merge: p.Merge}
	switch {
	case p.Off:
	case p.Observe:
		s.Note = "told, not sent"
		_, bit := b.watch(name)
		b.g.corp, b.g.corpBit = value, bit
	default:
		b.row(name, value, p.Merge)
	}
	b.show(s)
}

func (b *builder) referrer(p ReferrerPolicy) {
	const name = "Referrer-Policy"
	value := "no-referrer"
	b.merge("ReferrerPolicy", p.Merge, Replace)
	if p.Policies != nil {
		value = strings.Join(p.Policies, ",")
		if len(p.Policies) == 0 {
			b.problems.Add("ReferrerPolicy.Policies", "", "at least one policy", "nil takes the default")
		}
	}
	for i, token := range p.Policies {
		field := fmt.Sprintf("ReferrerPolicy.Policies[%d]", i)
		if !slices.Contains(referrerPolicies, token) && !(b.lenient && token == "") {
			b.problems.Add(field, token, oneOf(referrerPolicies), spelling(token, referrerPolicies))
		}
		if slices.Contains(p.Policies[:i], token) {
			b.problems.Add(field, token, "given once", "")
		}
	}
	b.show(Setting{Header: name, Value: value, Given: p.Policies != nil || p.Off || p.Merge != HandlerWins, Off: p.Off, Merge: p.Merge})
	if !p.Off {
		b.row(name, value, p.Merge)
	}
}

func (b *builder) transport(s StrictTransportSecurity) {
	const name, field = "Strict-Transport-Security", "StrictTransportSecurity"
	age := s.MaxAge
	if age == 0 {
		age = DefaultMaxAge
	}
	if age < 0 && age != Forget || age > 0 && age < time.Second {
		b.problems.Add(field+".MaxAge", s.MaxAge.String(), "at least a second, or Forget", "")
	}
	b.merge(field, s.Merge, Replace)
	if s.Preload && !b.lenient {
		if s.DisableIncludeSubDomains {
			b.problems.Add(field+".Preload", "true", "false with DisableIncludeSubDomains", "the preload list takes hosts with all their subdomains")
		}
		if s.MaxAgeFor == nil && age < DefaultMaxAge {
			b.problems.Add(field+".Preload", "true", "false with a MaxAge below DefaultMaxAge", "the preload list asks for a year")
		}
	}
	suffix := ""
	if !s.DisableIncludeSubDomains {
		suffix += "; includeSubDomains"
	}
	if s.Preload {
		suffix += "; preload"
	}
	value := maxAge(age, suffix)
	set := Setting{Header: name, Value: value, Off: s.Off, Merge: s.Merge,
		Given: s.MaxAge != 0 || s.MaxAgeFor != nil || s.DisableIncludeSubDomains || s.Preload || s.Off || s.Merge != HandlerWins}
	if s.MaxAgeFor != nil {
		set.Note = "max-age decided for each request"
	}
	b.show(set)
	switch {
	case s.Off:
	case s.MaxAgeFor == nil:
		b.row(name, value, s.Merge)
	default:
		key, bit := b.watch(name)
		b.g.hsts = &transport{row: row{key: key, bit: bit, replace: s.Merge == Replace}, maxAge: s.MaxAgeFor, suffix: suffix}
		b.early(key, s.Merge)
	}
}

// maxAge writes the directive; Forget, as any negative age, is zero.
func maxAge(age time.Duration, suffix string) string {
	return "max-age=" + strconv.FormatInt(int64(max(age, 0)/time.Second), 10) + suffix
}

func (b *builder) poweredBy(keep bool) {
	const name = "X-Powered-By"
	b.show(Setting{Header: name, Given: keep, Off: true, Note: map[bool]string{true: "kept", false: "removed"}[keep]})
	if !keep {
		b.g.powered, b.g.poweredBit = b.watch(name)
	}
}

// framing settles who wins between the two headers about framing: what of the app's is
// replaced counts no more.
func (b *builder) framing(m Merge) {
	g := b.g
	g.documents = len(g.reported) > 0 || g.enforced != nil && g.enforced.documents || g.observed != nil && g.observed.documents
	if g.enforced == nil {
		return
	}
	if g.enforced.replace {
		g.frameBit = 0
	}
	if m == Replace {
		g.enforced.follow = nil
	}
}

// single is a value to be shared by all answers: it has no room, so an append copies.
func single(value string) []string { return []string{value} }

func oneOf(allowed []string) string {
	if len(allowed) == 1 {
		return allowed[0]
	}
	return "one of " + strings.Join(allowed, ", ")
}

// spelling finds the allowed word that v was meant to be, letter case and blanks apart.
func spelling(v string, allowed []string) string {
	for _, a := range allowed {
		if strings.EqualFold(strings.TrimSpace(v), a) {
			return "write " + a
		}
	}
	return ""
}
