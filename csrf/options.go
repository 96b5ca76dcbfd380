package csrf

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// Options configure a Guard. The zero value refuses what comes from another origin and
// would change something, and needs nothing to be named.
type Options struct {
	// Mode is guard.Enforce by default. Under guard.Observe a refusal is told and the
	// request passes. Check decides whatever the mode.
	Mode guard.Mode
	// Sink receives what was refused. Nil logs it to slog.Default.
	Sink guard.Sink
	// Deny answers a refusal; nil is guard.PlainDeny. The status is 403, and 503 where
	// Binding failed.
	Deny guard.Deny

	// TrustedOrigins are other origins that may send anything here, spelled as browsers
	// do: "https://app.example", with a port only where it is not the scheme's own. What
	// no browser sends is refused, with the corrected one. An origin of http is taken with
	// a warning: its pages can be changed on the way. Behind a proxy that changes Host and
	// does not tell clientip, the app's own origin belongs here.
	//
	// Practice: csrf. Source: RFC 6454 section 6.2.
	TrustedOrigins []string
	// Routes have rules of their own. Where several match, the most specific holds, as in
	// an http.ServeMux; two of which neither is more specific are refused.
	Routes []Route

	// InsecureTrustSameSite lets requests pass that a browser says come from the same
	// site, and says why: "every subdomain is ours and none takes content from users".
	// Whoever takes over a forgotten subdomain is the same site. It does not hold for
	// browsers that send no Sec-Fetch-Site.
	InsecureTrustSameSite string
	// InsecureAllowUnknownSource lets requests pass that bring a credential of the
	// browser's and what a form can send, and nothing of where they come from, and says
	// why. Clients that are no browsers are not refused without it as long as they send
	// JSON, or neither a cookie nor Basic.
	InsecureAllowUnknownSource string
	// Isolate refuses requests of every method from other sites, except for navigations:
	// no other site then loads or times what is here. A frame is a navigation: who may frame
	// a page is said by frame-ancestors (package headers). Routes with Exempt pass, as do
	// TrustedOrigins and requests that have no Sec-Fetch-Site. What is answered then varies
	// by it.
	//
	// Source: Fetch Metadata Request Headers (W3C), resource isolation policy.
	Isolate bool

	// Binding stands for whoever a token is for, such as the Binding of a session.Manager;
	// without one there are no tokens. It is empty, nil for a request without session: a
	// token for nobody is then good for nobody else. An error refuses with 503.
	//
	// With it, what says nothing of where it comes from passes with a token (old clients).
	Binding func(*http.Request) ([]byte, error)
	// Keys sign tokens: the first makes them, all are good. 32 bytes or more each. They
	// are required with Binding, since a key of its own would not outlive the process.
	Keys [][]byte
	// RequireToken asks for a token with every request that is not safe, whatever else
	// speaks for it, except on routes with Exempt. It needs Binding.
	RequireToken bool
	// TokenHeader and TokenField are where a token is looked for, the header first.
	// Empty are DefaultTokenHeader and DefaultTokenField.
	TokenHeader, TokenField string
	// MaxBody is how far into a body the field is looked for, in bytes. Zero is
	// DefaultMaxBody; negative is an error.
	MaxBody int64
	// Migrate takes tokens of other packages for as long as pages made by them are about.
	Migrate Migrate
}

const (
	// DefaultTokenHeader is the header in which a script sends a token.
	DefaultTokenHeader = "X-Csrf-Token"
	// DefaultTokenField is the field in which a form sends a token.
	DefaultTokenField = "_csrf"
	// DefaultMaxBody is how many bytes of a body are read to find TokenField.
	DefaultMaxBody = 64 << 10
	// MinKey is how long each of Options.Keys must be, in bytes.
	MinKey = 32
)

// A Route is what some requests get in place of Options.
type Route struct {
	// Pattern is a method and a path as an http.ServeMux has them, without a host:
	// "POST /hook/{id}", "/saml/acs", "POST /hooks/". A path that an app may read in two
	// ways ("%2f", "..", ";", "//") is on no route, and one that in another case is on a
	// more specific route without Exempt on no wider one. A request that names another method
	// than its own, in its query or a header, has to match with all. A body is not looked at:
	// where the app reads _method there, what is exempt for POST is exempt for every method.
	Pattern string
	// Exempt lets requests from everywhere pass, and says why: "webhook, signed". What is
	// exempt must not go by a cookie.
	Exempt string
	// TrustedOrigins may send here, besides those of Options.
	TrustedOrigins []string
	// Observe tells and refuses nothing here.
	Observe bool
}

// Effective returns the options with every default in place.
func (o Options) Effective() Options {
	if o.TokenHeader == "" {
		o.TokenHeader = DefaultTokenHeader
	}
	if o.TokenField == "" {
		o.TokenField = DefaultTokenField
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Deny == nil {
		o.Deny = guard.PlainDeny
	}
	return o
}

// check notes everything that is wrong with o, and returns what is worth a warning.
func (o *Options) check(p *guard.Problems) (warnings []string) {
	if o.Mode > guard.Off {
		p.Add("Mode", o.Mode.String(), "enforce, observe, off", "")
	}
	warnings = append(warnings, lintOrigins("TrustedOrigins", o.TrustedOrigins, nil, p)...)
	for i, r := range o.Routes {
		field := "Routes[" + strconv.Itoa(i) + "]"
		warnings = append(warnings, lintOrigins(field+".TrustedOrigins", r.TrustedOrigins, o.TrustedOrigins, p)...)
		if r.Exempt == "" && len(r.TrustedOrigins) == 0 && !r.Observe {
			p.Add(field, r.Pattern, "a route with Exempt, TrustedOrigins or Observe", "it changes nothing")
		}
		if r.Exempt != "" && len(r.TrustedOrigins) > 0 {
			p.Add(field+".TrustedOrigins", strings.Join(r.TrustedOrigins, ", "), "empty with Exempt, which lets every origin pass", "")
		}
		if r.Exempt != "" && strings.TrimSpace(r.Exempt) == "" {
			p.Add(field+".Exempt", r.Exempt, "a reason", "")
		}
	}
	for _, weak := range []struct{ field, reason, what string }{
		{"InsecureTrustSameSite", o.InsecureTrustSameSite, "requests from every subdomain of the site pass: "},
		{"InsecureAllowUnknownSource", o.InsecureAllowUnknownSource, "forms pass that say nothing of where they come from: "},
	} {
		switch {
		case weak.reason == "":
		case strings.TrimSpace(weak.reason) == "":
			p.Add(weak.field, weak.reason, "a reason, or empty", "")
		default:
			warnings = append(warnings, weak.what+weak.reason)
		}
	}
	return warnings
}
