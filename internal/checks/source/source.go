// Package source holds the checks that read the app's own source: what an Express app
// sets up, in which order, with which options.
//
//	for _, c := range source.Checks() {
//		fmt.Println(c.ID, c.Title)
//	}
//
// Several rules are those of the wire checks, with the same ids and subjects, so that an
// audit with a folder and a URL shows one problem once, with both kinds of evidence.
//
// One file is one check. To add one: the file, a line in [Checks], and folders below
// testdata with a bad and a good app, whose expected findings stand as "want:" comments
// on the lines they belong to; the family's test fails when any of these is missing.
//
// The checks judge the app as it runs with NODE_ENV=production (see internal/jsast), and
// they would rather miss than cry wolf: what cannot be told makes a check "not proven",
// with the place and the reason. They import no guard: what enforced a practice must not
// prove it. What they cannot see: packages' own code, templates, configuration that is
// read at run time, and what a proxy in front adds or takes.
//
// Sources: the Express page "Production Best Practices: Security"; the documentation
// and behaviour of express 4 and 5, helmet 8, express-session 1.19, cookie-session 2.1,
// csurf 1.11, csrf-csrf 4.0, csrf-sync 4, method-override 3; the OWASP cheat sheet on
// cross-site request forgery.
package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
)

// Checks returns the family, in the order of the practices.
func Checks() []check.Check {
	return []check.Check{headersCheck, fingerprintCheck, errorsCheck, sessionsCheck, cookiesCheck, proxyTrustCheck, csrfCheck}
}

// running makes a check's Run of its judgement.
func running(rules check.Rules, judge func(*verdict)) func(context.Context, *check.Session) check.Result {
	return func(_ context.Context, s *check.Session) check.Result {
		v := &verdict{app: look(s), rules: rules, said: make(map[string]bool)}
		if len(v.app.roots) == 0 {
			v.unseen()
			reason := "no Express app was found in the folder"
			if len(v.app.project.Apps) > 0 {
				reason = "the routes of " + at(v.app.project.Apps[0].Pos) + " were not found"
			}
			return check.NotProven(strings.Join(append([]string{reason}, v.doubts...), "; "))
		}
		judge(v)
		v.unseen()
		return v.result()
	}
}

// A verdict collects what a check finds, what it cannot tell, and on what a proof rests.
type verdict struct {
	app    *app
	rules  check.Rules
	found  []check.Finding
	doubts []string
	proof  []string
	said   map[string]bool
}

// find reports a rule at a place. One finding a rule, subject and line is enough.
func (v *verdict) find(id, subject string, at jsast.Pos, format string, args ...any) *check.Finding {
	f := v.rules.Find(id, subject, check.SourceLine(at.File, at.Line, v.app.excerpt(at))).Saying(format, args...)
	if key := fmt.Sprint(id, "\x00", subject, "\x00", at.File, at.Line); v.said[key] {
		return &f
	} else {
		v.said[key] = true
	}
	v.found = append(v.found, f)
	return &v.found[len(v.found)-1]
}

func (v *verdict) doubt(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !v.said[text] {
		v.said[text] = true
		v.doubts = append(v.doubts, text)
	}
}

func (v *verdict) prove(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !v.said[text] {
		v.said[text] = true
		v.proof = append(v.proof, text)
	}
}

// unseen adds what was not read to the doubts.
func (v *verdict) unseen() {
	all := v.app.project.Unseen()
	for i, s := range all {
		where := s.File
		if s.Line > 0 {
			where = fmt.Sprintf("%s:%d", s.File, s.Line)
		}
		if i == 2 {
			v.doubt("%d more parts of the source could not be seen", len(all)-2)
			break
		}
		v.doubt("%s %s", where, s.Reason)
	}
}

func (v *verdict) result() check.Result {
	if len(v.doubts) > 0 {
		shown := v.doubts
		if len(shown) > 4 {
			shown = append(shown[:3:3], fmt.Sprintf("%d more doubts", len(v.doubts)-3))
		}
		return check.NotProven(strings.Join(shown, "; "), v.found...)
	}
	if r := check.Conclude("", v.found); r.Status == check.Broken {
		r.Reason = fmt.Sprintf("judged on %d files of the source", len(v.app.project.Files))
		return r
	}
	return check.Conclude(strings.Join(v.proof, "; "), v.found)
}

// at writes a place for a sentence.
func at(p jsast.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
