package csrf

import (
	"net/http"
	"strings"
)

// The rules by which a request is refused, as in Refusal.Rule and in events.
const (
	// RuleCrossSite: the browser says that another site sent it.
	RuleCrossSite = "cross-site"
	// RuleSameSite: the browser says that another origin of the same site sent it.
	RuleSameSite = "same-site"
	// RuleForeignOrigin: a browser without Sec-Fetch-Site names another origin.
	RuleForeignOrigin = "foreign-origin"
	// RuleNullOrigin: such a browser hides the origin, as in a sandbox or after a redirect.
	RuleNullOrigin = "null-origin"
	// RuleDowngrade: a page of the same host sent it, over http to https. Whoever is on the
	// way writes such pages.
	RuleDowngrade = "downgrade"
	// RuleForeignReferer: there is neither, and the Referer is of another origin.
	RuleForeignReferer = "foreign-referer"
	// RuleUnknownSource: nothing says where it comes from, it brings a credential that
	// browsers send by themselves, and a form could have sent it.
	RuleUnknownSource = "unknown-source"
	// RuleWebSocket: a page of another origin opens a WebSocket or another upgrade.
	RuleWebSocket = "websocket"
	// RuleMethodOverride: a request of a safe method that names another one comes from
	// another origin, or from none, as an address in a mail does.
	RuleMethodOverride = "method-override"
	// RuleDuplicateHeader: a header that tells the source is there twice.
	RuleDuplicateHeader = "duplicate-header"
	// RuleIsolation: Options.Isolate refuses what another site loads.
	RuleIsolation = "isolation"
	// RuleTokenMissing: there is no token where one is needed.
	RuleTokenMissing = "token-missing"
	// RuleTokenInvalid: the token is not good for this request.
	RuleTokenInvalid = "token-invalid"
	// RuleBindingFailed: Options.Binding, or a function of Migrate, returned an error;
	// nothing can be said.
	RuleBindingFailed = "binding-failed"
)

// A Refusal is the error of Check. It says nothing that the request said, and is fit for
// a client.
type Refusal struct {
	// Rule is one of the Rule constants.
	Rule string
	// Status is 403, or 503 for RuleBindingFailed.
	Status int

	text string
	err  error
}

// Error says what is wrong and what to do about it.
func (e *Refusal) Error() string { return "csrf: " + e.text }

// Unwrap returns what Options.Binding, or a function of Migrate, returned, for
// RuleBindingFailed.
func (e *Refusal) Unwrap() error { return e.err }

// Field is the header that decided; empty where it was the request as a whole.
func (e *Refusal) Field() string {
	switch e.Rule {
	case RuleCrossSite, RuleSameSite, RuleIsolation:
		return "Sec-Fetch-Site"
	case RuleForeignOrigin, RuleNullOrigin, RuleDowngrade:
		return "Origin"
	case RuleForeignReferer:
		return "Referer"
	case RuleWebSocket:
		return "Upgrade"
	}
	return ""
}

func refusal(rule, text string) *Refusal {
	return &Refusal{Rule: rule, Status: http.StatusForbidden, text: text}
}

// Made once: a refusal allocates nothing.
var (
	crossSite       = refusal(RuleCrossSite, "sent by another site; if that is meant, trust its origin or exempt the route")
	sameSite        = refusal(RuleSameSite, "sent by another origin of this site; if that is meant, trust it")
	foreignOrigin   = refusal(RuleForeignOrigin, "the Origin is not this one; if that is meant, trust it, or tell the proxy to pass the host on")
	nullOrigin      = refusal(RuleNullOrigin, "the browser hides the origin; a Referrer-Policy other than no-referrer shows it")
	downgrade       = refusal(RuleDowngrade, "sent by a page without TLS to one with it; serve all pages over https")
	foreignReferer  = refusal(RuleForeignReferer, "the Referer is of another origin; if that is meant, trust it")
	unknownSource   = refusal(RuleUnknownSource, "a form with a cookie that does not say where it comes from; send Origin, a token, or JSON")
	foreignUpgrade  = refusal(RuleWebSocket, "a page of another origin asks for a connection; if that is meant, trust its origin")
	foreignOverride = refusal(RuleMethodOverride, "a safe method that names another one, and no page of this site sent it")
	duplicateHeader = refusal(RuleDuplicateHeader, "a header that says where the request comes from is there twice")
	isolated        = refusal(RuleIsolation, "loaded by another site; if that is meant, exempt the route")
	tokenMissing    = refusal(RuleTokenMissing, "no token; send the page's")
	tokenInvalid    = refusal(RuleTokenInvalid, "the token is not of this session; load the page again")
)

const (
	maxShown     = 120 // bytes of a path in an event
	maxShownFrom = 80
)

// Describe says to a person which request it was and where it came from, without its query.
// It holds what the client said, within bounds: it is for the sink, not for an answer.
func Describe(r *http.Request) string {
	var b strings.Builder
	b.WriteString(cut(r.Method, 20))
	if r.URL != nil {
		b.WriteByte(' ')
		b.WriteString(cut(r.URL.EscapedPath(), maxShown))
	}
	switch from := Source(r); {
	case from != "":
		b.WriteString(" from ")
		b.WriteString(cut(from, maxShownFrom))
	default:
		b.WriteString(" from nowhere")
	}
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 {
		b.WriteString(", ")
		b.WriteString(cut(site[0], 20))
	}
	return b.String()
}

// Source is the origin that a request names, in Origin or else in Referer: "null" where the
// browser hides it, and empty where there is none.
func Source(r *http.Request) string {
	if o := r.Header["Origin"]; len(o) > 0 && o[0] != "" {
		return o[0]
	}
	if ref := r.Header["Referer"]; len(ref) > 0 {
		return originOf(ref[0])
	}
	return ""
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
