package report_test

import (
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
)

const shop = "https://staging.shop.example/"

// full is a report of all practices with every field set somewhere, as a run over a
// folder and an address with a baseline gives it.
func full() *audit.Report {
	r := &audit.Report{
		Schema: audit.Schema, Duration: 8432 * time.Millisecond,
		Targets: []audit.Target{{
			URL: shop, Upstream: "127.0.0.1:3000", Folder: "./shop", Requests: 214, Answered: true, LoggedIn: true,
			Pages:   []audit.Count{{Name: "document", Count: 20}, {Name: "api", Count: 4}, {Name: "asset", Count: 9}, {Name: "redirect", Count: 3}, {Name: "error", Count: 5}},
			Skipped: []audit.Count{{Name: "another origin", Count: 12}, {Name: "may log out or delete", Count: 2}},
		}},
		Findings: fullFindings(), Ignored: fullIgnored(),
		Baseline: &audit.Comparison{New: 4, Known: 2, Gone: []audit.Gone{
			{ID: "cookies/secure-absent", Fingerprint: "a123456789abcdef01234567", Practice: "cookies", Message: "the cookie connect.sid has no Secure", Severity: check.Medium},
			{ID: "tls/old-protocol", Fingerprint: "b123456789abcdef01234567", Practice: "tls", Message: "TLS 1.0 is accepted", Severity: check.High},
		}},
		Sent: []audit.Sent{
			{Method: "GET", URL: shop, As: "visitor", Times: 3, Status: 200},
			{Method: "POST", URL: shop + "cart", Headers: "Origin: https://evil.example\nContent-Type: application/x-www-form-urlencoded", Body: "item=1&_csrf=…", As: "user", Times: 1, Status: 403, Active: true},
			{Method: "GET", URL: shop + "nothing", As: "visitor", Times: 1},
		},
	}
	state := map[string]audit.Practice{
		"supported-versions": {Status: check.Proved, Layer: check.Locked, Reason: "express 5.1.0 in package-lock.json, no advisory known"},
		"tls":                {Status: check.Proved, Layer: check.Door, Reason: "TLS 1.3 agreed, TLS 1.0 and 1.1 refused; plain HTTP redirects to HTTPS"},
		"headers":            {Status: check.Broken, Severity: check.Medium, Layer: check.Code, Reason: "documents have no enforced Content-Security-Policy (20 of 20 answers)"},
		"fingerprint":        {Status: check.Broken, Severity: check.Low, Layer: check.Code, Reason: "X-Powered-By names Express (41 of 41 answers)"},
		"errors":             {Status: check.Broken, Severity: check.High, Layer: check.Code, Reason: "a stack trace with file paths is shown at /search"},
		"cookies":            {Status: check.Proved, Layer: check.Door, Reason: "cookies in 20 answers: 1, 70 bytes together"},
		"sessions":           {Status: check.Broken, Severity: check.Critical, Layer: check.Code, Reason: "the session secret stands in the source at server.js:12"},
		"brute-force":        {Reason: "limit and login are not built yet"},
		"dependencies":       {Status: check.Broken, Severity: check.High, Layer: check.Locked, Reason: "qs 6.5.2 has a known vulnerability (GHSA-hrpp-h998-j3pp)"},
		"proxy-trust":        {Status: check.Broken, Severity: check.High, Layer: check.Network, Reason: "the app behind the door answers on 192.0.2.7:3000 too"},
		"csrf":               {Status: check.Proved, Layer: check.Code, Reason: "3 cross-site posts refused, the site's own accepted"},
	}
	for _, p := range practice.All() {
		row, ok := state[p.ID]
		if !ok {
			row.Reason = "the input filter and its checks are not built yet"
		}
		row.ID, row.Title, row.Door, row.Checks = p.ID, p.Title, string(p.Door), []string{}
		if row.Status == "" {
			row.Status = check.Unproven
		} else {
			row.Checks = []string{p.ID}
		}
		if row.Status != check.Broken {
			_ = row.Severity.UnmarshalText([]byte(p.Severity))
		}
		before := audit.Before{ID: p.ID, Status: row.Status}
		switch p.ID {
		case "headers":
			row.Grades = fullGrades()
			row.Checks = append(row.Checks, "source-headers")
		case "tls", "cookies":
			before.Status = check.Broken
		case "sessions":
			before.Status = check.Proved
		}
		r.Baseline.Before = append(r.Baseline.Before, before)
		r.Practices = append(r.Practices, row)
	}
	return r
}

func fullGrades() []check.Grade {
	return []check.Grade{{Scale: "MDN HTTP Observatory v6", Of: shop, Grade: "C-", Score: 45, Lines: []check.GradeLine{
		{Test: "content-security-policy", Result: "csp-not-implemented", Modifier: -25},
		{Test: "cookies", Result: "cookies-secure-with-httponly-sessions-and-samesite", Pass: true, Modifier: 5},
		{Test: "strict-transport-security", Result: "hsts-not-implemented", Modifier: -20},
		{Test: "x-content-type-options", Result: "x-content-type-options-not-implemented", Modifier: -5},
		{Test: "x-frame-options", Result: "x-frame-options-sameorigin-or-deny", Pass: true},
	}}}
}

func fullFindings() []check.Finding {
	helmet := check.Fix{Express: "app.use(require('helmet')())", Go: "g, err := headers.New(headers.Options{})\nhandler = g.Handler(handler)", Door: "on by default; headers.helmet in panoply.yaml takes Helmet's own options"}
	return []check.Finding{
		{
			ID: "headers/csp-absent", Fingerprint: "0123456789abcdef01234567", Practice: "headers", Check: "headers",
			Title: "documents have no enforced Content-Security-Policy", Message: "documents have no enforced Content-Security-Policy (20 of 20 answers)",
			Subject: "Content-Security-Policy", Target: shop, Severity: check.Medium, Confidence: check.Certain, Layer: check.Code, CWE: 693, ASVS: []string{"3.4.3", "3.4.7"},
			Evidence: []check.Evidence{
				{Kind: check.Answer, Where: "GET " + shop, Seen: "200 OK\nContent-Security-Policy is absent\nX-Frame-Options: SAMEORIGIN"},
				{Kind: check.Answer, Where: "GET " + shop + "account (logged in)", Seen: "200 OK\nContent-Security-Policy is absent"},
			},
			Reproduce: "curl -si " + shop, Fix: helmet, Known: true,
		},
		{
			ID: "headers/nosniff-absent", Fingerprint: "1123456789abcdef01234567", Practice: "headers", Check: "headers", Title: "X-Content-Type-Options is absent",
			Message: "X-Content-Type-Options is absent (3 of 41 answers)", Subject: "X-Content-Type-Options", Target: shop, Severity: check.Low, Confidence: check.Firm,
			Layer: check.Code, CWE: 430, ASVS: []string{"3.4.4"}, Fix: helmet,
			Evidence:  []check.Evidence{{Kind: check.Answer, Where: "GET " + shop + "img/logo.svg", Seen: "200 OK\nContent-Type: image/svg+xml\nX-Content-Type-Options is absent"}},
			Reproduce: "curl -si " + shop + "img/logo.svg",
		},
		{
			ID: "fingerprint/banner", Fingerprint: "2123456789abcdef01234567", Practice: "fingerprint", Check: "fingerprint", Title: "a banner names the framework",
			Message: "X-Powered-By names Express (41 of 41 answers)", Subject: "X-Powered-By", Target: shop, Severity: check.Low, Confidence: check.Certain, Layer: check.Code, CWE: 200, Known: true,
			Evidence: []check.Evidence{
				{Kind: check.Line, Where: "server.js:9", File: "server.js", Line: 9, Seen: "const app = express()"},
				{Kind: check.Answer, Where: "GET " + shop, Seen: "200 OK\nX-Powered-By: Express"},
			},
			Reproduce: "curl -si " + shop, Fix: check.Fix{Express: "app.disable('x-powered-by')", Go: "g, err := conceal.New(conceal.Options{})", Door: "on by default"},
		},
		{
			ID: "errors/stack-trace", Fingerprint: "3123456789abcdef01234567", Practice: "errors", Check: "errors", Title: "a stack trace is shown",
			Message: "a stack trace with file paths is shown at /search", Subject: "/search", Target: shop, Severity: check.High, Confidence: check.Certain, Layer: check.Code, CWE: 209, ASVS: []string{"16.5.1"},
			Evidence: []check.Evidence{{
				Kind: check.Answer, Where: "GET " + shop + "search?q=…", Sent: "Accept: text/html\nX-Forwarded-For: 192.0.2.211",
				Seen: "500 Internal Server Error\nContent-Type: text/html; charset=utf-8\n\n<pre>TypeError: Cannot read properties of undefined (reading 'toLowerCase')\n    at search (/srv/shop/routes/search.js:14:23)\n    at Layer.handleRequest (/srv/shop/node_modules/router/lib/layer.js:152:17)</pre>",
			}},
			Reproduce: "curl -si '" + shop + "search?q[]=…'",
			Fix:       check.Fix{Express: "NODE_ENV=production, and as the last handler:\napp.use((err, req, res, next) => res.status(500).send('Something broke'))", Go: "p, err := panoply.New(panoply.Options{}) recovers and answers with its own page", Door: "on by default; errors: {500: ./500.html} for your own pages"},
		},
		{
			ID: "cookies/samesite-none", Fingerprint: "4123456789abcdef01234567", Practice: "cookies", Check: "cookies", Title: "a cookie has SameSite=None",
			Message: "the cookie theme has SameSite=None", Subject: "theme", Target: shop, Severity: check.Info, Confidence: check.Certain, Layer: check.Code,
		},
		{
			ID: "sessions/secret-in-source", Fingerprint: "5123456789abcdef01234567", Practice: "sessions", Check: "source-sessions", Title: "the session secret stands in the source",
			Message: "the session secret stands in the source at server.js:12", Subject: "server.js", Target: shop, Severity: check.Critical, Confidence: check.Certain, Layer: check.Code, CWE: 798, ASVS: []string{"13.3.1"},
			Evidence:  []check.Evidence{{Kind: check.Line, Where: "server.js:12", File: "server.js", Line: 12, Seen: "app.use(session({\n  secret: '…',\n  resave: false,"}},
			Reproduce: "sed -n 12p server.js", Fix: check.Fix{Express: "session({ secret: process.env.SESSION_SECRET })", Go: "read it from the environment or a file that is not in the tree", Door: "none: the secret is inside the app"},
		},
		{
			ID: "dependencies/vulnerable", Fingerprint: "6123456789abcdef01234567", Practice: "dependencies", Check: "dependencies", Title: "a package with a known vulnerability",
			Message: "qs 6.5.2 has a known vulnerability (GHSA-hrpp-h998-j3pp)", Subject: "qs", Target: shop, Severity: check.High, Confidence: check.Firm, Layer: check.Locked, CWE: 1321,
			Evidence:  []check.Evidence{{Kind: check.Line, Where: "package-lock.json:841", File: "package-lock.json", Line: 841, Seen: "\"node_modules/qs\": {\n  \"version\": \"6.5.2\","}},
			Reproduce: "npm ls qs", Fix: check.Fix{Express: "npm install qs@6.5.3", Go: "govulncheck ./...", Door: "none: upgrade the app"},
		},
		{
			ID: "proxy-trust/around", Fingerprint: "7123456789abcdef01234567", Practice: "proxy-trust", Check: "proxy-trust", Title: "the app can be reached beside the door",
			Message: "the app behind the door answers on 192.0.2.7:3000 too", Target: shop, Severity: check.High, Confidence: check.Tentative, Layer: check.Network, CWE: 288,
			Evidence:  []check.Evidence{{Kind: check.Packet, Where: "TCP 192.0.2.7:3000", Seen: "the connection is accepted"}},
			Reproduce: "curl -si http://192.0.2.7:3000/", Fix: check.Fix{Express: "app.listen(3000, '127.0.0.1')", Door: "none: the app must listen on loopback by itself"},
		},
	}
}

func fullIgnored() []audit.Ignored {
	return []audit.Ignored{
		{
			Finding: check.Finding{
				ID: "headers/hsts-short", Fingerprint: "8123456789abcdef01234567", Practice: "headers", Check: "headers", Title: "Strict-Transport-Security is short",
				Message: "Strict-Transport-Security holds for 300 seconds", Subject: "Strict-Transport-Security", Target: shop, Severity: check.Low, Confidence: check.Certain, Layer: check.Door,
				Evidence: []check.Evidence{{Kind: check.Answer, Where: "GET " + shop, Seen: "200 OK\nStrict-Transport-Security: max-age=300"}},
			},
			By: "panoply.yaml:31", Reason: "raised step by step until the subdomains have certificates", Until: "2027-03-31",
		},
		{
			Finding: check.Finding{
				ID: "cookies/http-only-off", Fingerprint: "9123456789abcdef01234567", Practice: "cookies", Check: "source-cookies", Title: "HttpOnly is switched off",
				Message: "the cookie theme is set with httpOnly: false at routes/theme.js:17", Subject: "theme", Target: shop, Severity: check.Low, Confidence: check.Certain, Layer: check.Code,
				Evidence: []check.Evidence{{Kind: check.Line, Where: "routes/theme.js:17", File: "routes/theme.js", Line: 17, Seen: "res.cookie('theme', t, { httpOnly: false })"}},
			},
			By: "routes/theme.js:16", Reason: "the page's script reads it, and it holds no secret", Until: "2026-12-31",
		},
	}
}
