package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

// CSRF configures what is done with requests that other sites make a visitor's browser
// send; see package csrf. Enforce says how much is refused: what a correct application
// never gets, or everything that the guard refuses.
type CSRF struct {
	// Mode is enforce (default), observe or off; observe holds for everything.
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Enforce is "forms" (default): forms of other sites that bring a credential are
	// refused, the rest is observed; or "all".
	Enforce string `yaml:"enforce" doc:"refuse forms of other sites with a credential, or all that is forged" enum:"forms,all"`
	// TrustedOrigins may send anything, spelled as browsers do: https://app.example.
	TrustedOrigins []string `yaml:"trusted_origins" doc:"other origins that may send anything, such as https://app.example"`
	// Routes have rules of their own; the most specific holds.
	Routes []CSRFRoute `yaml:"routes" doc:"routes with rules of their own"`
	// Isolate is "off" (default) or "on": what other sites load here is refused, except
	// for navigations.
	Isolate string `yaml:"isolate" doc:"refuse what other sites load, except for navigations" enum:"on,off"`
	// TokenPaths are paths whose forms get a token from the door, and need it when they come
	// back: "/account" is that page, "/account/" also what is below. The pages are changed
	// for that; see package formtoken for what it costs.
	TokenPaths []string `yaml:"token_paths" doc:"paths whose forms get a token from the door, such as /account/"`
	// TrustSameSite lets other origins of the site send anything, and says why.
	TrustSameSite string `yaml:"trust_same_site" doc:"why every origin of the site may send anything; empty: it may not"`
	// AllowUnknownSource lets forms with a credential pass that do not say where they come
	// from, and says why.
	AllowUnknownSource string `yaml:"allow_unknown_source" doc:"why forms with a credential pass that do not say where they come from; empty: they do not"`
}

// CSRFRoute is one csrf.Route.
type CSRFRoute struct {
	// Route is a method and a path: "POST /hook/{id}", "POST /hooks/", "/saml/acs".
	Route string `yaml:"route" doc:"method and path, such as POST /hook/{id} or POST /hooks/" required:"yes"`
	// Exempt lets requests from everywhere pass, and says why.
	Exempt string `yaml:"exempt" doc:"why requests from everywhere pass here"`
	// TrustedOrigins may send here.
	TrustedOrigins []string `yaml:"trusted_origins" doc:"other origins that may send here"`
	// Observe tells and refuses nothing here.
	Observe bool `yaml:"observe" doc:"tell, refuse nothing"`
}

// Options returns what package csrf is given.
func (c *CSRF) Options() csrf.Options {
	o := csrf.Options{
		TrustedOrigins: c.TrustedOrigins, Isolate: c.Isolate == "on",
		InsecureTrustSameSite: c.TrustSameSite, InsecureAllowUnknownSource: c.AllowUnknownSource,
	}
	for _, r := range c.Routes {
		o.Routes = append(o.Routes, csrf.Route{Pattern: r.Route, Exempt: r.Exempt, TrustedOrigins: r.TrustedOrigins, Observe: r.Observe})
	}
	return o
}

// csrfFields are the names of the fields of csrf.Options in the file.
var csrfFields = strings.NewReplacer("InsecureTrustSameSite", "trust_same_site", "InsecureAllowUnknownSource", "allow_unknown_source",
	"TrustedOrigins", "trusted_origins", "Routes", "routes", "Pattern", "route", "Exempt", "exempt", "Observe", "observe")

// csrfHints are the same names within what package csrf says about them.
var csrfHints = regexp.MustCompile(`\b(?:InsecureTrustSameSite|InsecureAllowUnknownSource|TrustedOrigins|Exempt|Observe)\b`)

func (k *checker) csrf() {
	c := k.cfg.CSRF
	k.oneOf("csrf.enforce", c.Enforce, "forms", "all")
	k.oneOf("csrf.isolate", c.Isolate, "on", "off")
	_, err := csrf.New(c.Options())
	for i, p := range c.TokenPaths {
		if _, err := sanity.ParseRoute(p); err != nil || !strings.HasPrefix(p, "/") {
			k.bad(fmt.Sprintf("csrf.token_paths[%d]", i), p, "a path such as /account or /account/", "")
		}
	}
	for _, e := range guard.OptionErrors(err) {
		k.bad("csrf."+csrfFields.Replace(e.Field), e.Value, csrfHints.ReplaceAllStringFunc(e.Allowed, csrfFields.Replace), e.Hint)
	}
}
