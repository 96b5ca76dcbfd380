package wire

import (
	"context"
	"fmt"

	"github.com/panoplysec/panoply/audit/check"
)

var errorsRules = check.Rules{
	{ID: "errors/stack-trace", Title: "an error shows a stack trace", Severity: check.Medium, CWE: 209},
	{ID: "errors/debug-page", Title: "an error shows a developer's page", Severity: check.High, CWE: 489},
	{ID: "errors/path", Title: "an error shows a path of the server", Severity: check.Medium, CWE: 209},
	{ID: "errors/database", Title: "an error shows a message of the database", Severity: check.Medium, CWE: 209},
	{ID: "errors/default-page", Title: "no error handler of its own: the framework's page is shown", Severity: check.Low, CWE: 756},
}

var errorsCheck = check.Check{
	ID: "errors", Practice: "errors", Title: "Errors tell visitors nothing about the inside",
	Why:      "A stack trace shows file paths, module versions and sometimes secrets.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: errorsRules, Run: runErrors,
	Bad:  "HTTP/1.1 400 Bad Request\n\nSyntaxError: Unexpected end of JSON input\n    at JSON.parse (<anonymous>)\n    at parse (/srv/app/node_modules/body-parser/lib/types/json.js:92:19)",
	Good: "HTTP/1.1 400 Bad Request\n\nThat request could not be understood. Reference 5f2c.",
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
		} else if at := paths.text.Get().FindIndex(body); at != nil {
			add("errors/path", "path", x, at, "status %d shows the path %s", x.Status, body[at[0]:at[1]])
		}
		if name, at := match(databases, body); at != nil {
			add("errors/database", name, x, at, "status %d shows a message of %s", x.Status, name)
		}
		if name, at := match(defaultPages, body); at != nil {
			add("errors/default-page", name, x, at, "status %d shows the page of %s", x.Status, name)
		}
	}
	failed := provoked(all)
	switch {
	case failed == 0 && err != nil:
		return check.NotProven(err.Error(), found...)
	case failed == 0:
		return check.NotProven("nothing that was tried provoked an error", found...)
	}
	return check.Conclude(fmt.Sprintf("%d errors provoked", failed), found)
}
