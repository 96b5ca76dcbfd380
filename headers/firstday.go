package headers

import (
	"net/http"
	"time"

	"github.com/panoplysec/panoply/csp"
)

// FirstDay returns the options of a door that stands before an app it does not know:
// what cannot break a correct app is enforced where the app is silent, the rest is
// reported or told. What the app sets is always kept.
//
// Enforced: nosniff, Referrer-Policy strict-origin-when-cross-origin, X-Frame-Options
// SAMEORIGIN, X-DNS-Prefetch-Control off, Origin-Agent-Cluster ?1, X-XSS-Protection 0,
// and on documents a policy against plugins, foreign base addresses and framing that
// follows the app's X-Frame-Options. Reported, on documents: Helmet's policy (without
// upgrade-insecure-requests, which means nothing there), COOP and COEP; told: CORP.
//
// No Strict-Transport-Security is sent until the caller gives MaxAgeFor, and it has no
// subdomains unless the caller says so; reports go nowhere until he gives ReportURI.
func FirstDay() Options {
	const reason = "the first day restricts only what no correct app needs"
	keep := func(value string) Field { return Field{Value: value, Merge: Keep} }
	return Options{
		ContentSecurityPolicy: CSP{
			Policy: csp.Policy{
				{Name: "object-src", Sources: []string{"'none'"}},
				{Name: "base-uri", Sources: []string{"'self'"}},
				{Name: "frame-ancestors", Sources: []string{"'self'"}},
			},
			DocumentsOnly: true, FollowFrameOptions: true, InsecureNoDefaultSrc: reason, Merge: Keep,
		},
		ContentSecurityPolicyReportOnly: CSP{
			Policy: csp.Default().Without("upgrade-insecure-requests"), DocumentsOnly: true, Merge: Keep,
		},
		CrossOriginEmbedderPolicyReportOnly: keep("require-corp"),
		CrossOriginOpenerPolicy:             Field{Off: true},
		CrossOriginOpenerPolicyReportOnly:   keep("same-origin"),
		CrossOriginResourcePolicy:           ResourcePolicy{Observe: true, Merge: Keep},
		OriginAgentCluster:                  keep("?1"),
		ReferrerPolicy:                      ReferrerPolicy{Policies: []string{"strict-origin-when-cross-origin"}, Merge: Keep},
		StrictTransportSecurity: StrictTransportSecurity{
			MaxAgeFor: func(*http.Request) time.Duration { return 0 }, DisableIncludeSubDomains: true, Merge: Keep,
		},
		XContentTypeOptions:           keep("nosniff"),
		XDNSPrefetchControl:           keep("off"),
		XDownloadOptions:              Field{Off: true},
		XFrameOptions:                 keep("SAMEORIGIN"),
		XPermittedCrossDomainPolicies: Field{Off: true},
		XXSSProtection:                keep("0"),
	}
}
