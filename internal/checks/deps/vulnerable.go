package deps

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// maxWays is how many ways to one package a finding tells.
const maxWays = 5

// maxAllWays is how many are kept for rules that ignore some of them.
const maxAllWays = 500

var dependenciesRules = slices.Concat(check.Rules{
	{ID: "dependencies/vulnerable", Title: "A dependency has a known hole", Severity: check.High, CWE: 1395, ASVS: []string{"15.2.1"}},
	{ID: "dependencies/unlocked", Title: "No lockfile says which versions are installed", Severity: check.Medium, CWE: 1357,
		Why: "Each install may take other versions, and nobody can say which were vulnerable.",
		Fix: check.Fix{Express: "npm install --package-lock-only, commit package-lock.json, and install with npm ci", Go: "go mod tidy, and commit go.sum"}},
	{ID: "dependencies/drift", Title: "The lockfile is not of this package.json", Severity: check.Low, CWE: 1357,
		Why: "What is judged is what is locked; the next install takes something else.",
		Fix: check.Fix{Express: "install again, commit the lockfile, and install with npm ci, or --frozen-lockfile", Go: "go mod tidy, and commit go.mod and go.sum"}},
	{ID: "dependencies/stale-advisories", Title: "The advisories are old", Severity: check.Info},
	{ID: "dependencies/advisories", Title: "What the findings rest on", Severity: check.Info},
	{ID: "dependencies/signature-invalid", Title: "A package is not what its registry signed", Severity: check.High, CWE: 347, ASVS: []string{"15.2.4"},
		Why: "Somebody changed the package, or the lockfile, since it was published.",
		Fix: check.Fix{Express: "do not install it; compare with another copy of the registry, and tell its operators"}},
	{ID: "dependencies/signature-missing", Title: "A package has no signature, and its registry has keys", Severity: check.Medium, CWE: 347,
		Why: "A registry that signs, signs everything; what is not signed may not come from it."},
	{ID: "dependencies/signature-key", Title: "A package is signed with a key that does not count", Severity: check.Medium, CWE: 347,
		Why: "A key that is over, or that the registry does not name, may be anybody's."},
	{ID: "dependencies/attestations", Title: "Packages have attestations of how they were built", Severity: check.Info},
}, sourceRules)

var dependenciesCheck = check.Check{
	ID: "dependencies", Practice: "dependencies", Title: "No locked package is under a known advisory",
	Why:      "Attackers read advisories too, and scan for apps that did not upgrade.",
	Severity: check.High, Needs: check.Lockfile, Rules: dependenciesRules,
	Bad: `"node_modules/qs": { "version": "6.7.0" }`, Good: `"node_modules/qs": { "version": "6.14.1" }`,
	Run: func(ctx context.Context, s *check.Session) check.Result {
		v := &verdict{folder: look(s), session: s}
		v.dependencies(ctx, time.Now())
		v.signatures(ctx)
		return v.result()
	},
}

func (v *verdict) dependencies(ctx context.Context, now time.Time) {
	f := v.folder.found
	v.unread()
	if len(f.Locks) == 0 && len(f.Errors) == 0 {
		if f.Manifest == nil || len(f.Manifest.Needs) == 0 {
			v.doubt("the folder has no lockfile and names no dependencies")
			return
		}
		first := f.Manifest.Needs[0]
		v.found = append(v.found, dependenciesRules.Find("dependencies/unlocked", f.Manifest.File,
			evidence(f.Manifest.File, first.Line, first.Name+": "+first.Spec)).In(check.Locked).
			Saying("%s names %d dependencies and there is no lockfile beside it", f.Manifest.File, len(f.Manifest.Needs)))
		v.doubt("no lockfile says which versions are installed")
		return
	}
	for _, l := range f.Locks {
		v.drift(l)
		v.sources(l)
	}
	if v.db == nil && (v.broken || v.session.Target.Registry == nil) {
		v.failed = v.failed || v.broken
		v.doubt("%v", v.why)
	}
	if v.db != nil {
		v.proof = append(v.proof, v.advisories(now))
		defer v.restsOn(now)
		v.stale(now)
	}
	for _, l := range f.Locks {
		if v.judged(l) {
			for _, err := range l.Missing {
				v.doubt("%v", err)
				v.failed = true
			}
			v.lock(ctx, l)
		}
	}
}

// A victim is a package of a version with all its entries.
type victim struct {
	name, version string
	entries       []int
}

// lock finds what a lockfile's packages are under: one finding for each package, version
// and advisory, however often it is installed.
func (v *verdict) lock(ctx context.Context, l *lockfile.Lock) {
	var victims []*victim
	byName := map[string]*victim{}
	for i, p := range l.Packages {
		switch {
		case p.Version == "" && p.Source == lockfile.Folder:
			continue // the app's own files, with no name that an advisory could mean
		case p.Version == "":
			v.doubt("%s:%d: the version of %s is not told", l.File, p.Line, p.Name)
			continue
		}
		id := p.Name + "\x00" + p.Version
		if byName[id] == nil {
			byName[id] = &victim{name: p.Name, version: p.Version}
			victims = append(victims, byName[id])
		}
		byName[id].entries = append(byName[id].entries, i)
	}
	online := v.online(ctx, l, victims)
	label := v.labels(ctx, l)
	for _, x := range victims {
		var hits []osv.Hit
		var err error
		if v.db != nil {
			hits, err = v.db.Match(string(l.Ecosystem), x.name, x.version)
		}
		if err != nil {
			v.doubt("%s:%d: %v", l.File, l.Packages[x.entries[0]].Line, err)
		}
		for _, h := range v.merge(l, x, hits, online[x.name]) {
			f := vulnerable(l, x, &h)
			if f.Dependency.Reachability = label(x, &h); f.Dependency.Reachability != nil {
				f.Message += phrase(f.Dependency.Reachability)
			}
			v.found = append(v.found, f)
		}
	}
	v.proof = append(v.proof, fmt.Sprintf("%s: %d packages of %s", l.File, len(victims), l.Format))
}

func vulnerable(l *lockfile.Lock, x *victim, h *osv.Hit) check.Finding {
	var seen []check.Evidence
	var ways [][]string
	dev, optional, least, cut := true, true, false, false
	for _, i := range x.entries {
		p := l.Packages[i]
		dev, optional, least = dev && p.Dev, optional && p.Optional, least || p.Least
		here := l.Ways(i, maxAllWays)
		cut = cut || len(here) == maxAllWays
		ways = append(ways, here...)
		here = here[:min(len(here), maxWays)]
		if len(seen) < maxWays {
			text := p.Key
			for _, way := range here {
				text += "\n" + strings.Join(way, " > ")
			}
			seen = append(seen, evidence(l.File, p.Line, text))
		}
	}
	slices.SortStableFunc(ways, func(a, b []string) int { return len(a) - len(b) })
	f := dependenciesRules.Find("dependencies/vulnerable", x.name+"@"+x.version+" "+h.ID, seen...).In(check.Locked)
	f.Severity = severityOf(h.Level)
	if least {
		f = f.With(check.Firm) // a newer one than the least may be used
	}
	f.Fix = fixes(l, x, h, ways, dev)
	d := &check.Dependency{
		Ecosystem: string(l.Ecosystem), Name: x.name, Version: x.version, Advisory: h.ID, Aliases: h.Aliases, Fixed: h.Fixed, Dev: dev, Optional: optional,
	}
	if h.Score > 0 {
		d.CVSS = fmt.Sprintf("%.1f", h.Score)
	}
	if len(h.References) > 0 {
		d.URL = h.References[0].URL
	}
	for i, way := range ways {
		if i < maxWays {
			d.Paths = append(d.Paths, strings.Join(way, " > "))
		}
		if len(way) > 1 && strings.LastIndexByte(way[0], '@') <= 0 {
			way = way[1:] // a member of the workspace is an app itself
		}
		d.Ways = append(d.Ways, strings.Join(way, " > "))
	}
	d.Cut = cut
	f.Dependency = d
	return f.Saying("%s", message(x, h, ways, dev, optional, least))
}

// severityOf takes an unknown severity for medium: nobody said that it is harmless.
func severityOf(l osv.Level) check.Severity {
	switch l {
	case osv.Critical:
		return check.Critical
	case osv.High:
		return check.High
	case osv.Low, osv.None:
		return check.Low
	}
	return check.Medium
}

func message(x *victim, h *osv.Hit, ways [][]string, dev, optional, least bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", x.name, x.version, h.ID)
	if len(h.Aliases) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(h.Aliases[:min(len(h.Aliases), 4)], ", "))
	}
	if h.Summary != "" {
		fmt.Fprintf(&b, ", %.200s", h.Summary)
	}
	if h.Score > 0 {
		fmt.Fprintf(&b, "; CVSS %.1f", h.Score)
	} else if h.Level == osv.Unknown {
		b.WriteString("; severity unknown")
	}
	if len(h.Fixed) > 0 {
		fmt.Fprintf(&b, "; fixed in %s", strings.Join(h.Fixed, ", "))
	} else {
		b.WriteString("; no fixed version is known")
	}
	if len(ways) > 0 {
		fmt.Fprintf(&b, "; by %s", strings.Join(ways[0], " > "))
		if len(ways) > 1 {
			fmt.Fprintf(&b, " and %d more ways", len(ways)-1)
		}
	}
	for _, label := range []struct {
		is   bool
		text string
	}{{dev, "for development only"}, {optional && !dev, "optional"}, {least, "the least that go.mod asks for"}} {
		if label.is {
			b.WriteString("; " + label.text)
		}
	}
	return b.String()
}

// fixes names the smallest command for the manager whose lockfile it is.
func fixes(l *lockfile.Lock, x *victim, h *osv.Hit, ways [][]string, dev bool) check.Fix {
	command := ""
	switch {
	case len(h.Fixed) == 0:
		command = "no fixed version of " + x.name + " is known: replace it"
	case x.name == lockfile.Stdlib && l.Ecosystem == lockfile.Go:
		command = "go get toolchain@go" + h.Fixed[0]
	case l.Ecosystem == lockfile.Go:
		command = "go get " + x.name + "@v" + h.Fixed[0]
	case len(ways) > 0 && len(ways[0]) > 1:
		by := ways[0][0]
		if at := strings.LastIndexByte(by, '@'); at > 0 {
			by = by[:at]
		}
		command = "upgrade " + by + " to a version that takes " + x.name + "@" + h.Fixed[0] + " or later, or override " + x.name + " in package.json"
	default:
		manager, _, _ := strings.Cut(l.Format, " ")
		command = cmp.Or(map[string]string{"yarn": "yarn add ", "pnpm": "pnpm add ", "bun": "bun add "}[manager], "npm install ")
		if dev {
			command += "-D "
		}
		command += x.name + "@" + h.Fixed[0]
	}
	return check.Fix{Express: command, Go: command}
}
