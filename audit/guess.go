package audit

import (
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// minTries is the shortest series that says anything: people mistype four times.
const minTries = 5

// checkGuess notes what is wrong with the login that a target names.
func checkGuess(g check.Guess, field string, p *guard.Problems) {
	if g.Route != "" && methodOf(g.Route) == "" {
		p.Add(field+".Route", redact.Line(g.Route), `a method and a path, such as "POST /login"`, "")
	}
	switch g.Format {
	case "", "form", "json", "basic":
	default:
		p.Add(field+".Format", redact.Line(g.Format), "form, json or basic", "")
	}
	for _, f := range []struct{ name, value string }{{"UserField", g.UserField}, {"PasswordField", g.PasswordField}, {"User", g.User}} {
		if unprintable(f.value) {
			p.Add(field+"."+f.name, "…", "text without control characters", "")
		}
	}
	if g.Tries != 0 && (g.Tries < minTries || g.Tries > check.MaxTogether) {
		p.Add(field+".Tries", fmt.Sprint(g.Tries), fmt.Sprintf("a number from %d to %d", minTries, check.MaxTogether), "0 means the default")
	}
}

// methodOf is the method of a route that is written as "POST /login"; empty when it is
// no route.
func methodOf(route string) string {
	method, path, _ := strings.Cut(route, " ")
	if strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || unprintable(path) || strings.Contains(path, " ") {
		return ""
	}
	return method
}

func unprintable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
