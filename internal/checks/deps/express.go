package deps

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

var versionsRules = check.Rules{
	{ID: "supported-versions/express-eol", Title: "Express 2 or 3 is no longer maintained", Severity: check.High, CWE: 1104, ASVS: []string{"15.2.1"},
		Bad: `"express": "^3.21.2"`, Good: `"express": "^5.1.0"`},
	{ID: "supported-versions/express-removed", Title: "The app uses what newer versions of Express have no more", Severity: check.Info,
		Bad: "app.configure(function () { app.use(express.bodyParser()) })", Good: "app.use(express.json())"},
	{ID: "supported-versions/express-vulnerable", Title: "Express has a hole that its Security updates page lists", Severity: check.High, CWE: 1395, ASVS: []string{"15.2.1"},
		Bad: `"node_modules/express": { "version": "4.17.1" }`, Good: `"node_modules/express": { "version": "4.21.2" }`},
	{ID: "supported-versions/deprecated", Title: "A package is deprecated by its authors", Severity: check.Low, CWE: 1104, ASVS: []string{"15.2.1"},
		Bad: `"csurf": "^1.11.0"`, Good: "no such package; Sec-Fetch-Site and Origin tell cross-site requests",
		Fix: check.Fix{Express: "replace it; its authors mend nothing any more"}},
	{ID: "supported-versions/node-eol", Title: "The line of Node.js gets no security releases any more", Severity: check.High, CWE: 1104, ASVS: []string{"15.2.1"},
		Bad: "FROM node:16", Good: "FROM node:24", Fix: check.Fix{Express: "move to a line of Node.js with long-term support"}},
	{ID: "supported-versions/node-vulnerable", Title: "Node.js itself has a known hole", Severity: check.High, CWE: 1395, ASVS: []string{"15.2.1"},
		Bad: "FROM node:20.11.0", Good: "FROM node:24", Fix: check.Fix{Express: "move to the newest release of the line"}},
}

var versionsCheck = check.Check{
	ID: "supported-versions", Practice: "supported-versions", Title: "Express and Node.js are maintained and without holes of their own pages",
	Why:      "Holes in versions that nobody maintains stay open, and are public.",
	Severity: check.High, Needs: check.Lockfile, Rules: versionsRules,
	Bad: `"express": "^3.21.2"`, Good: `"express": "^5.1.0"`,
	Run: func(_ context.Context, s *check.Session) check.Result {
		v := &verdict{folder: look(s), session: s}
		v.versions(time.Now())
		return v.result()
	},
}

// A fixedIn is a row of the Security updates page of expressjs.com as of 2026-08-08: the
// release that mended something, in Express or in what it brings along. Rows of 3.x are left
// out: all of it is past its end.
type fixedIn struct {
	version, what, ids string
}

var securityUpdates = []fixedIn{
	{"4.21.2", "path-to-regexp", "GHSA-rhx6-c78j-4q9w"},
	{"4.21.1", "cookie", "GHSA-pxg6-pf52-xh8x"},
	{"4.20.0", "express", "GHSA-qw6h-vgh9-j6wx CVE-2024-43796"},
	{"4.20.0", "serve-static", "GHSA-cm22-4g7w-348p"},
	{"4.20.0", "send", "GHSA-m6fv-jmcg-4jfg"},
	{"4.20.0", "path-to-regexp", "GHSA-9wv6-86v2-598j"},
	{"4.20.0", "body-parser", "GHSA-qwcr-r2fm-qrc7"},
	{"4.19.1", "express", "GHSA-rv95-896h-c2vc CVE-2024-29041"},
	{"4.17.3", "qs", "GHSA-hrpp-h998-j3pp"},
	{"4.16.0", "forwarded", "GHSA-mpcf-4gmh-23w8"},
	{"4.16.0", "mime", "GHSA-wrvr-8mpx-r7pp"},
	{"4.16.0", "send on Node.js 8.5.0 (path validation)", ""},
	{"4.15.5", "debug", "npm:debug:20170905"},
	{"4.15.5", "fresh", "GHSA-9qj9-36jm-prpv"},
	{"4.15.3", "ms", "npm:ms:20170412"},
	{"4.15.2", "qs", "npm:qs:20170213"},
	{"4.11.1", "express.static root path disclosure", ""},
	{"4.10.7", "express.static open redirect", "GHSA-c3x7-gjmx-r2ff CVE-2015-1164"},
	{"4.8.8", "express.static directory traversal", "GHSA-xwg4-93c6-3h42 CVE-2014-6394"},
	{"4.8.4", "fd leak on Node.js 0.10", ""},
	{"4.8.0", "query string sparse array / deep nesting DoS", ""},
}

// retired are packages whose authors say so themselves, in the registry's own notice.
var retired = map[string]string{
	"csurf":                  "its design has known holes and nobody maintains it",
	"request":                "nobody maintains it since 2020; its last version has a request forgery that is not mended",
	"request-promise":        "it extends request, which nobody maintains",
	"request-promise-native": "it extends request, which nobody maintains",
	"jade":                   "it became pug, and its dependencies have known holes",
	"node-uuid":              "it became uuid",
	"bcrypt-nodejs":          "nobody maintains it; bcrypt or bcryptjs is",
}

func (v *verdict) versions(now time.Time) {
	f := v.folder.found
	v.unread()
	v.node(now)
	seen, express := 0, 0
	for _, l := range f.Locks {
		if l.Ecosystem != lockfile.NPM {
			continue
		}
		seen++
		for i, p := range l.Packages {
			if p.Name == "express" {
				express++
				v.express(l, i)
			}
			if why := cmp.Or(retired[p.Name], said(p.Origin.Deprecated)); why != "" {
				v.retired(l, i, why)
			}
		}
		v.proof = append(v.proof, fmt.Sprintf("%s: %d packages", l.File, len(l.Packages)))
	}
	if seen > 0 {
		if express == 0 && len(v.found) == 0 {
			v.proof = append(v.proof, "no Express among them")
		}
		return
	}
	// Without a lockfile the manifest tells what may be installed, not what is.
	if f.Manifest == nil {
		if len(f.Errors) == 0 {
			v.doubt("the folder has neither a package.json nor a lockfile of npm's")
		}
		return
	}
	v.doubt("no lockfile says which versions are installed")
	for _, n := range f.Manifest.Needs {
		why := retired[n.Name]
		if n.Name == "express" {
			v.asked(f.Manifest, n)
		} else if why != "" {
			v.found = append(v.found, versionsRules.Find("supported-versions/deprecated", n.Name, evidence(f.Manifest.File, n.Line, n.Name+": "+n.Spec)).
				Saying("%s asks for %s: %s", f.Manifest.File, n.Name, why))
		}
	}
}

// asked judges what a manifest asks for, by the highest major number that it could be.
func (v *verdict) asked(m *lockfile.Manifest, n lockfile.Need) {
	r, err := npmsemver.ParseRange(n.Spec, npmsemver.Options{Loose: true})
	if err != nil {
		return
	}
	for _, newer := range []uint64{4, 5, 6} {
		if r.Contains(npmsemver.Version{Major: newer, Minor: 999, Patch: 999}) || above(r, newer) {
			return
		}
	}
	v.found = append(v.found, versionsRules.Find("supported-versions/express-eol", "express@"+n.Spec, evidence(m.File, n.Line, "express: "+n.Spec)).
		Saying("%s asks for express %s", m.File, n.Spec))
}

// above says whether the range holds something from this major number on.
func above(r npmsemver.Range, major uint64) bool {
	low, ok := r.Min()
	return ok && low.Major >= major
}

func (v *verdict) express(l *lockfile.Lock, i int) {
	p := l.Packages[i]
	at := evidence(l.File, p.Line, strings.Join(append([]string{p.Key}, ways(l, i)...), "\n"))
	version, err := npmsemver.Parse(p.Version, npmsemver.Options{Loose: true})
	if err != nil {
		v.doubt("%s:%d: the version of express is not told: %v", l.File, p.Line, err)
		return
	}
	subject := "express@" + p.Version
	if version.Major < 4 {
		v.found = append(v.found, versionsRules.Find("supported-versions/express-eol", subject, at).In(check.Locked).
			Saying("express %s is installed: %d.x is no longer maintained, and its holes are not mended", p.Version, version.Major))
		if at, direct := l.Direct("express"); direct && at == i {
			v.removed(version.Major)
		}
		return
	}
	var rows []string
	last := ""
	for _, row := range securityUpdates {
		fixed, err := npmsemver.Parse(row.version, npmsemver.Options{})
		if err == nil && fixed.Major == version.Major && version.Compare(fixed) < 0 {
			rows = append(rows, strings.TrimSpace(row.what+" "+row.ids))
			if last == "" {
				last = row.version
			}
		}
	}
	if len(rows) > 0 {
		f := versionsRules.Find("supported-versions/express-vulnerable", subject, at).In(check.Locked).
			Saying("express %s is installed, before %s; mended since: %s", p.Version, last, strings.Join(rows[:min(len(rows), 4)], ", "))
		if len(rows) > 4 {
			f.Message += fmt.Sprintf(" and %d more", len(rows)-4)
		}
		f.Fix.Express = "npm install express@" + last + " or later"
		v.found = append(v.found, f)
	}
}

func (v *verdict) retired(l *lockfile.Lock, i int, why string) {
	p := l.Packages[i]
	all := l.Ways(i, 1)
	f := versionsRules.Find("supported-versions/deprecated", p.Name+"@"+p.Version, evidence(l.File, p.Line, strings.Join(append([]string{p.Key}, ways(l, i)...), "\n"))).
		In(check.Locked).Saying("%s %s is installed: %s", p.Name, p.Version, why)
	if len(all) > 0 && len(all[0]) > 1 {
		// What another package brings along is that package's to replace.
		f.Severity = check.Info
		f.Message += "; by " + strings.Join(all[0], " > ")
	}
	v.found = append(v.found, f)
}

// said is what a package's authors say, shortened.
func said(notice string) string {
	notice = strings.Join(strings.Fields(notice), " ")
	if len(notice) > 200 {
		notice = strings.ToValidUTF8(notice[:200], "") + "…"
	}
	return notice
}

// ways are the ways to a package, a line each.
func ways(l *lockfile.Lock, i int) []string {
	var all []string
	for _, way := range l.Ways(i, maxWays) {
		all = append(all, strings.Join(way, " > "))
	}
	return all
}
