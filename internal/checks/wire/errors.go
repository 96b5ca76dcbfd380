package wire

import (
	"context"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

var errorsRules = check.Rules{
	{ID: "errors/stack-trace", Title: "an error shows a stack trace", Severity: check.Medium, CWE: 209, ASVS: []string{"16.5.1"}},
	{ID: "errors/debug-page", Title: "an error shows a developer's page", Severity: check.High, CWE: 489, ASVS: []string{"13.4.2"}},
	{ID: "errors/path", Title: "an error shows a path of the server", Severity: check.Medium, CWE: 209, ASVS: []string{"16.5.1"}},
	{ID: "errors/database", Title: "an error shows a message of the database", Severity: check.Medium, CWE: 209, ASVS: []string{"16.5.1"}},
	{ID: "errors/default-page", Title: "no error handler of its own: the framework's page is shown", Severity: check.Low, CWE: 756, ASVS: []string{"16.5.4"}},
}

var errorsCheck = check.Check{
	ID: "errors", Practice: "errors", Title: "Errors tell visitors nothing about the inside",
	Why:      "A stack trace shows file paths, module versions and sometimes secrets.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: errorsRules, Run: runErrors,
	Probes: "bodies that cannot be parsed, by POST to at most ten routes of forms and descriptions whose names promise no harm",
	Bad:    "HTTP/1.1 400 Bad Request\n\nSyntaxError: Unexpected end of JSON input\n    at JSON.parse (<anonymous>)\n    at parse (/srv/app/node_modules/body-parser/lib/types/json.js:92:19)",
	Good:   "HTTP/1.1 400 Bad Request\n\nThat request could not be understood. Reference 5f2c.",
}

func runErrors(ctx context.Context, s *check.Session) check.Result {
	all, err := everything(ctx, s)
	var found []check.Finding
	said := make(map[string]bool)
	add := func(id, subject string, x *check.Exchange, at []int, format string, args ...any) {
		if key := id + subject; !said[key] {
			said[key] = true
			found = append(found, errorsRules.Find(id, subject, excerpt(x, at)).Saying(format, args...))
		}
	}
	for _, x := range all {
		// A page about stack traces is not one.
		if x.Status < 400 {
			continue
		}
		body := head(x)
		if name, at := match(debugPages, body); at != nil {
			add("errors/debug-page", name, x, at, "status %d shows %s", x.Status, name)
		}
		name, at := match(stackTraces, body)
		if at != nil {
			add("errors/stack-trace", name, x, at, "status %d shows a stack trace of %s", x.Status, name)
		} else if at := leakedPath(x); at != nil {
			add("errors/path", "path", x, at, "status %d shows the path %s", x.Status, body[at[0]:at[1]])
		}
		if name, at := match(databases, body); at != nil {
			add("errors/database", name, x, at, "status %d shows a message of %s", x.Status, name)
		}
		if name, at := match(defaultPages, body); at != nil {
			add("errors/default-page", name, x, at, "status %d shows the page of %s", x.Status, name)
		}
	}
	refused, failed := provoked(all)
	switch {
	case failed > 0:
		return check.Conclude(fmt.Sprintf("failures of the app seen: %d, refusals: %d; none shows the inside", failed, refused), found)
	case err != nil:
		return check.NotProven(err.Error(), found...)
	case refused > 0:
		// Missing pages go another way than errors: an app can have a neat page for
		// the first and show its stack in the second.
		return check.NotProven(fmt.Sprintf("missing pages and the like show nothing in %s, but nothing that was tried made the app fail", answers(refused)), found...)
	}
	return check.NotProven("nothing that was tried provoked an error of the app", found...)
}

// linked is the text before a path that a page itself uses as an address.
var linked = pattern.New(`(?i)(?:\b(?:href|src|srcset|action|poster|content|url|data-[\w-]+)["']?\s*[=:]\s*|\burl\(\s*|\bimport\s*\(?\s*|\bfrom\s*)["']?$`)

// leakedPath finds a path of the server's machine. A site can have addresses of the same
// form, so what the page links to or the request asked for is none.
func leakedPath(x *check.Exchange) []int {
	body := head(x)
	for _, at := range paths.text.Get().FindAllIndex(body, 50) {
		before := body[max(0, at[0]-64):at[0]]
		// The end of a longer address: https://shop.example/home/index.html, ./app/a.js.
		last := byte(' ')
		if len(before) > 0 {
			last = before[len(before)-1]
		}
		longer := last == '.' || last == '-' || last == '_' || last >= '0' && last <= '9' || last >= 'a' && last <= 'z' || last >= 'A' && last <= 'Z'
		if !longer && !linked.Get().Match(before) && !strings.Contains(x.Request.Path, string(body[at[0]:at[1]])) {
			return at
		}
	}
	return nil
}
