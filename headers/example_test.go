package headers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/headers"
)

func ExampleNew() {
	g, err := headers.New(headers.Options{}) // Helmet's defaults
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range g.Lines()[1:] {
		fmt.Println(line)
	}
	// Output:
	// Cross-Origin-Opener-Policy: same-origin
	// Cross-Origin-Resource-Policy: same-origin
	// Origin-Agent-Cluster: ?1
	// Referrer-Policy: no-referrer
	// Strict-Transport-Security: max-age=31536000; includeSubDomains
	// X-Content-Type-Options: nosniff
	// X-DNS-Prefetch-Control: off
	// X-Download-Options: noopen
	// X-Frame-Options: SAMEORIGIN
	// X-Permitted-Cross-Domain-Policies: none
	// X-XSS-Protection: 0
}

func ExampleFromHelmet() {
	o, err := headers.FromHelmet([]byte(`{
		"contentSecurityPolicy": {"useDefaults": false, "directives": {"defaultSrc": ["'none'"], "imgSrc": "'self'"}},
		"hsts": {"maxAge": 63072000}, "xFrameOptions": "deny", "referrerPolicy": false
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := headers.New(o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Lines()[0])
	for _, w := range o.Warnings() {
		fmt.Println("warning:", w)
	}
	_, err = headers.FromHelmet([]byte(`{"hsts": {"maxage": 1}, "frameguard": {"action": "self"}}`))
	fmt.Println(err)
	// Output:
	// Content-Security-Policy: default-src 'none';img-src 'self'
	// warning: xFrameOptions: is deny and no object; Helmet ignores it and sends the default; write an object, such as {"action": …}
	// headers: hsts.maxage: must be absent; write maxAge
	// headers: frameguard.action is "self": must be deny or sameorigin
}

// A guard alone, before the standard library's mux. The page's own script gets the
// nonce; any other is stopped.
func ExampleGuard_Handler() {
	g, err := headers.New(headers.Options{
		ContentSecurityPolicy: headers.CSP{
			Policy:        csp.Default().WithDirective(csp.Directive{Name: "script-src", Nonce: true}),
			DocumentsOnly: true,
		},
		CrossOriginOpenerPolicy: headers.Field{Value: "same-origin-allow-popups"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<script nonce=%q>hello()</script>", csp.Nonce(r.Context()))
	})
	server := httptest.NewServer(g.Handler(mux))
	defer server.Close()
	for _, path := range []string{"/", "/missing"} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode, resp.Header.Get("Cross-Origin-Opener-Policy"), resp.Header.Get("Content-Security-Policy") != "")
	}
	// Output:
	// 200 same-origin-allow-popups true
	// 404 same-origin-allow-popups false
}
