package observatory_test

import (
	"fmt"
	"net/http"

	"github.com/panoplysec/panoply/internal/observatory"
)

func Example() {
	answer := observatory.Answer{
		Hostname: "shop.example.com",
		FinalURL: "https://shop.example.com/",
		Status:   200,
		HTTPS:    observatory.Reach{Available: true, Verified: true},
		HTTP:     observatory.Reach{Available: true, Verified: true},
		Redirects: []observatory.Hop{
			{URL: "http://shop.example.com/", Status: 301},
			{URL: "https://shop.example.com/", Status: 200},
		},
		Header: http.Header{
			"Content-Type":            {"text/html; charset=utf-8"},
			"Content-Security-Policy": {"default-src 'none'; script-src 'self'"},
			"Set-Cookie":              {"sessid=1; HttpOnly"},
		},
		Body: "<!doctype html><script src=/app.js></script>",
	}
	for _, version := range []observatory.Version{observatory.V6, observatory.V4} {
		report, err := observatory.Score(answer, observatory.Options{Version: version})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("algorithm %v: %d %s, %d of %d tests passed\n",
			version, report.Score, report.Grade, report.Passed, len(report.Tests))
	}
	report, _ := observatory.Score(answer, observatory.Options{})
	for _, test := range report.Tests {
		if !test.Pass {
			fmt.Printf("%4d %s\n", test.Modifier, test.Description)
		}
	}
	// Output:
	// algorithm 6: 15 F, 8 of 12 tests passed
	// algorithm 4: 15 F, 6 of 10 tests passed
	//  -40 A session cookie is not Secure and travels over plain HTTP.
	//  -20 There is no Strict-Transport-Security.
	//   -5 There is no X-Content-Type-Options.
	//  -20 Every site may frame the page.
}
