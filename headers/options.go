package headers

import (
	"net/http"
	"time"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
)

// Options say which headers are sent with what. The zero value is Helmet 8.3's default:
// the same headers, values and order. New copies what it needs; a later change of the
// Options changes no Guard.
//
// A header that is Off is left alone: what the app sets passes.
type Options struct {
	// Mode is Enforce by default. Under Observe nothing is set or removed, and one
	// event an answer says what would have been.
	Mode guard.Mode
	// Sink receives events; nil means guard.Log.
	Sink guard.Sink

	// ContentSecurityPolicy is enforced. Its default policy is csp.Default.
	ContentSecurityPolicy CSP
	// ContentSecurityPolicyReportOnly is only reported, beside the enforced one. Its
	// default is none.
	ContentSecurityPolicyReportOnly CSP
	// CrossOriginEmbedderPolicy is require-corp, credentialless or unsafe-none. Its
	// default is none: it breaks pages that embed what does not expect it.
	CrossOriginEmbedderPolicy Field
	// CrossOriginEmbedderPolicyReportOnly is the same, only reported, on documents.
	// Its default is none.
	CrossOriginEmbedderPolicyReportOnly Field
	// CrossOriginOpenerPolicy is same-origin (default), same-origin-allow-popups,
	// noopener-allow-popups or unsafe-none. It breaks logins that open a window.
	CrossOriginOpenerPolicy Field
	// CrossOriginOpenerPolicyReportOnly is the same, only reported, on documents. Its
	// default is none.
	CrossOriginOpenerPolicyReportOnly Field
	// CrossOriginResourcePolicy is same-origin (default), same-site or cross-origin.
	CrossOriginResourcePolicy ResourcePolicy
	// OriginAgentCluster is ?1.
	OriginAgentCluster Field
	// ReferrerPolicy is no-referrer by default.
	ReferrerPolicy ReferrerPolicy
	// StrictTransportSecurity is a year with subdomains by default.
	StrictTransportSecurity StrictTransportSecurity
	// XContentTypeOptions is nosniff.
	XContentTypeOptions Field
	// XDNSPrefetchControl is off (default) or on.
	XDNSPrefetchControl Field
	// XDownloadOptions is noopen. Only Internet Explorer knows it.
	XDownloadOptions Field
	// XFrameOptions is SAMEORIGIN (default) or DENY. It is not added to an answer
	// whose app says frame-ancestors itself, which is the same in newer words, unless
	// Merge is Replace.
	XFrameOptions Field
	// XPermittedCrossDomainPolicies is none (default), master-only, by-content-type or
	// all. Only Flash and Acrobat know it.
	XPermittedCrossDomainPolicies Field
	// XXSSProtection is 0: the filters that other values switched on had holes of
	// their own, and browsers have removed them.
	XXSSProtection Field

	// KeepPoweredBy leaves X-Powered-By, which tells an attacker the framework, on the
	// answer.
	KeepPoweredBy bool

	// ReportURI gives the address to which browsers report what the report-only
	// policies of this answer would have stopped: an absolute URL or a path, in ASCII
	// without blank, quote, comma or semicolon. It is asked once an answer that
	// carries such a policy; the empty string means no address. It must be safe for
	// concurrent use. A policy that names its own report-uri or report-to keeps it.
	// Nil means no address: violations show in the browser's console alone.
	ReportURI func(*http.Request) string

	peer *peer
}

// Merge says what becomes of a header that the app sets itself.
type Merge uint8

const (
	// HandlerWins is Helmet's way: a value that stood there before the guard's Handler
	// ran is replaced, one that the handler sets stays. Under Apply, which cannot tell
	// them apart, any value stays.
	HandlerWins Merge = iota
	// Keep sends the guard's value only where the app's answer has none.
	Keep
	// Replace sends the guard's value whatever the app says.
	Replace
	// Add sends the guard's value in a field of its own after the app's; a browser
	// enforces both. Only a Content-Security-Policy can be added.
	Add
)

var mergeNames = [...]string{HandlerWins: "handler wins", Keep: "keep", Replace: "replace", Add: "add"}

// String returns the rule in lower case, such as "handler wins".
func (m Merge) String() string {
	if int(m) < len(mergeNames) {
		return mergeNames[m]
	}
	return "unknown"
}

// Field is a header whose value is one of a few.
type Field struct {
	// Value is one of those named at the field of Options, written exactly so. Empty
	// means the default.
	Value string
	// Off leaves the header to the app.
	Off bool
	// Merge is HandlerWins by default; Add is not allowed.
	Merge Merge
}

// CSP is a Content-Security-Policy, enforced or only reported.
type CSP struct {
	// Policy is judged under csp.Strict by New. Nil means the default.
	Policy csp.Policy
	// Off leaves the header to the app.
	Off bool
	// DocumentsOnly sends the policy with HTML and XHTML alone, where a browser heeds
	// it. An answer without Content-Type may be taken for HTML and counts; 204 and 304
	// do not. The default is every answer, as Helmet does.
	DocumentsOnly bool
	// FollowFrameOptions makes frame-ancestors say what the app's own X-Frame-Options
	// says, which browsers would else ignore for it: 'none' for DENY, 'self' for
	// SAMEORIGIN, left out for anything else. It needs a policy without Nonce and Func.
	FollowFrameOptions bool
	// InsecureNoDefaultSrc allows a policy without default-src, and says why: what no
	// other directive names is then allowed from everywhere.
	InsecureNoDefaultSrc string
	// Merge is HandlerWins by default. A policy with a nonce is never sent with a 304,
	// whose document was written with the nonce of an earlier answer.
	Merge Merge
}

// ResourcePolicy is Cross-Origin-Resource-Policy.
type ResourcePolicy struct {
	// Value is same-origin (default), same-site or cross-origin.
	Value string
	// Off leaves the header to the app.
	Off bool
	// Observe does not send the header: an event (rule "cross-origin-resource") tells
	// of each answer that a browser would have kept from another site's page because
	// of it, by Sec-Fetch-Site, Sec-Fetch-Mode and Sec-Fetch-Dest.
	Observe bool
	// Merge is HandlerWins by default; Add is not allowed.
	Merge Merge
}

// ReferrerPolicy is Referrer-Policy.
type ReferrerPolicy struct {
	// Policies are tried by browsers from the last to the first; they take the last
	// one that they know. Nil means no-referrer.
	Policies []string
	// Off leaves the header to the app.
	Off bool
	// Merge is HandlerWins by default; Add is not allowed.
	Merge Merge
}

// DefaultMaxAge is the MaxAge of Strict-Transport-Security when none is given: 365 days.
const DefaultMaxAge = 365 * 24 * time.Hour

// Forget as MaxAge sends max-age=0, by which browsers forget the host.
const Forget time.Duration = -1

// StrictTransportSecurity is Strict-Transport-Security, RFC 6797. It cannot be taken
// back before MaxAge ends from a browser that does not come again.
type StrictTransportSecurity struct {
	// MaxAge is rounded down to seconds. Zero means DefaultMaxAge; Forget sends
	// max-age=0; other negative values and those below a second are refused.
	MaxAge time.Duration
	// MaxAgeFor decides for one request, when given: zero sends no header, Forget
	// max-age=0. Browsers ignore the header over plain HTTP, and RFC 6797 section 7.2
	// forbids it there: a server of both says here which it is. It must be safe for
	// concurrent use. Nil means MaxAge, always.
	MaxAgeFor func(*http.Request) time.Duration
	// DisableIncludeSubDomains leaves subdomains to plain HTTP.
	DisableIncludeSubDomains bool
	// Preload asks to be built into browsers, which takes months to undo. It needs
	// subdomains and at least a year.
	Preload bool
	// Off leaves the header to the app.
	Off bool
	// Merge is HandlerWins by default; Add is not allowed.
	Merge Merge
}
