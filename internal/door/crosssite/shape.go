package crosssite

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/body"
)

// shapes are forms that other sites post by right: each by the fields that it has, all of
// which have to be there.
var shapes = []struct {
	what   string
	fields []string
}{
	{"a SAML answer", []string{"SAMLResponse"}},
	{"a SAML request", []string{"SAMLRequest"}},
	{"a WS-Federation answer", []string{"wa", "wresult"}},
	{"an OpenID Connect answer", []string{"id_token"}},
	{"an OAuth answer", []string{"state", "code"}},
	{"an OAuth error", []string{"state", "error"}},
	{"a logout by the OpenID provider", []string{"logout_token"}},
	{"a 3-D Secure answer", []string{"cres"}},
	{"a 3-D Secure answer", []string{"PaRes", "MD"}},
	{"a 3-D Secure answer", []string{"threeDSMethodData"}},
	{"an LTI launch", []string{"lti_message_type"}},
}

// shapeOf looks at a form's fields.
func shapeOf(r *http.Request) string {
	if r.Method != http.MethodPost || !csrf.FormContent(r) {
		return ""
	}
	b, err := body.Look(r, maxLook)
	if err != nil {
		return ""
	}
	form, err := b.Form()
	if err != nil && len(form) == 0 {
		return ""
	}
shape:
	for _, s := range shapes {
		for _, field := range s.fields {
			if !form.Has(field) {
				continue shape
			}
		}
		return s.what
	}
	return ""
}

// mend is the line of the file that lets a kind of request pass, and nothing else; empty
// where there is none.
func mend(rule string, key entryKey, shape string) string {
	only := csrf.Route{Pattern: pattern(rule, key.route), Exempt: "why it is safe"}
	said := fmt.Sprintf("exempt: %q", only.Exempt)
	switch rule {
	case csrf.RuleSameSite, csrf.RuleCrossSite, csrf.RuleForeignOrigin, csrf.RuleWebSocket, csrf.RuleForeignReferer, RuleLogin:
		if clean, _ := csrf.CleanOrigin(key.from); clean == key.from && clean != "" {
			if rule == csrf.RuleSameSite && shape == "" {
				// One's own, which most often sends to more than one route.
				return fmt.Sprintf("csrf: {trusted_origins: [%q]}", key.from)
			}
			only.Exempt, only.TrustedOrigins = "", []string{key.from}
			said = fmt.Sprintf("trusted_origins: [%q]", key.from)
		}
	case csrf.RuleTokenMissing, csrf.RuleTokenInvalid, csrf.RuleBindingFailed, csrf.RuleDuplicateHeader:
		return "" // an exception would not be the mend
	}
	if _, err := csrf.New(csrf.Options{Routes: []csrf.Route{only}}); err != nil || strings.HasSuffix(key.route, "…") {
		return "" // a path that may be read in two ways, or that was cut
	}
	return fmt.Sprintf("csrf: {routes: [{route: %q, %s}]}", only.Pattern, said)
}

// pattern is a route as csrf.Route has it: what was found more than once in a path gets a
// name of its own, a slash at the end is not all that is below, and where a request names
// another method than its own both have to match.
func pattern(rule, route string) string {
	for n := 2; strings.Count(route, "{id}") > 1; n++ {
		i := strings.LastIndex(route, "{id}")
		route = route[:i] + fmt.Sprintf("{id%d}", n) + route[i+len("{id}"):]
	}
	if strings.HasSuffix(route, "/") {
		route += "{$}"
	}
	if rule == csrf.RuleMethodOverride {
		_, route, _ = strings.Cut(route, " ")
	}
	return route
}
