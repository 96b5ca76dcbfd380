package config_test

import (
	"strings"
	"testing"
)

func TestCSRF(t *testing.T) {
	good := `csrf:
  enforce: all
  trusted_origins: ["https://app.example"]
  routes:
    - {route: POST /hooks/, exempt: "signed by the payment provider"}
    - {route: POST /saml/acs, trusted_origins: ["https://idp.example"]}
    - {route: POST /new, observe: true}
  isolate: on
  token_paths: [/account/]
  trust_same_site: all subdomains are ours
`
	cfg, problems := load(t, good, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	o := cfg.CSRF.Options()
	if len(o.Routes) != 3 || o.Routes[0].Exempt == "" || o.Routes[1].TrustedOrigins[0] != "https://idp.example" || !o.Routes[2].Observe ||
		!o.Isolate || o.InsecureTrustSameSite != "all subdomains are ours" || o.TrustedOrigins[0] != "https://app.example" {
		t.Errorf("Options = %+v", o)
	}
	again, problems := load(t, string(cfg.YAML()), nil)
	if problems != "" || again.CSRF.Enforce != "all" || len(again.CSRF.Routes) != 3 {
		t.Errorf("what YAML writes reads as %+v, %v", again.CSRF, problems)
	}

	bad := `csrf:
  enforce: some
  trusted_origins: ["https://App.example/", "null"]
  routes:
    - {route: shop.example/x, exempt: x}
    - {route: POST /y}
    - {route: POST /z, exempt: x, trusted_origins: ["https://a.example"]}
    - {route: POST /w, trusted_origins: ["https://*.example"]}
  isolate: maybe
  token_paths: [account, /ok, "/a?b", "/a/*"]
`
	_, problems = load(t, bad, nil)
	for _, want := range []string{
		"csrf.enforce: ", "panoply.yaml:3:21: csrf.trusted_origins[0]: ", "write https://app.example", "csrf.trusted_origins[1]: ",
		"panoply.yaml:5:15: csrf.routes[0].route: ", "csrf.routes[1]: ", "with exempt, trusted_origins or observe", "csrf.routes[2].trusted_origins: ",
		"csrf.routes[3].trusted_origins[0]: ", "csrf.isolate: ", "csrf.token_paths[0]: ", "csrf.token_paths[2]: ", "csrf.token_paths[3]: ",
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems = %s\nwant one with %q", problems, want)
		}
	}
}
