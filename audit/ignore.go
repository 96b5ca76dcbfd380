package audit

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/ignorefile"
	"github.com/panoplysec/panoply/internal/pattern"
	"github.com/panoplysec/panoply/internal/report/redact"
	"github.com/panoplysec/panoply/internal/spell"
)

// DateForm is the form of an ignore's last day.
const DateForm = time.DateOnly

// An Ignore leaves findings out of a report until a day. One that has expired, or that
// matches nothing although its check saw all it had to, is a finding itself, so that
// the list cannot outlive its reasons.
type Ignore struct {
	// ID is a rule's id, such as "headers/csp-absent", or a practice's, which stands
	// for all its rules, or an advisory's: "GHSA-…", "CVE-…", or another name of it.
	ID string
	// Scope is a pattern, in which * stands for any text, of the paths, files, subjects
	// or addresses that are meant. "*" alone is everywhere. Required: an exception for
	// one page should not become one for the site.
	Scope string
	// Path stands for Scope where the finding is about a dependency: a rule that covers
	// each way from the app to it, such as "* > qs@6.x"; see internal/ignorefile.
	Path string
	// Unfixable says that it holds only while no version mends the hole.
	Unfixable bool
	// Undated says that it is of a file whose form needs no last day, and has none.
	Undated bool
	// Reason says why. Required.
	Reason string
	// Until is the last day on which it holds, as 2026-12-31. Required.
	Until string
	// By is the place of the entry, such as "panoply.yaml:12".
	By string
	// Project says that the entry comes from the audited folder. Beside a baseline such
	// an entry counts only for what the baseline knows as ignored, unless
	// Options.TrustProject is set.
	Project bool

	// at, for a comment, are the file and the lines that it is about.
	file string
	line [2]int

	used bool
}

// rules of the engine itself: they are about the audit, and belong to the practice of
// the entry's id.
var rules = check.Rules{
	{ID: "audit/ignore-expired", Title: "an ignore has expired", Severity: check.Low, Fix: aboutIgnores},
	{ID: "audit/ignore-unmatched", Title: "an ignore matches no finding", Severity: check.Low, Fix: aboutIgnores},
	{ID: "audit/ignore-invalid", Title: "a comment that should ignore a finding cannot be read", Severity: check.Low, Fix: aboutIgnores},
	{ID: "audit/ignore-undated", Title: "an ignore has no last day", Severity: check.Info, Fix: aboutIgnores},
	{ID: "audit/ignore-untrusted", Title: "an ignore of the audited folder is not taken beside a baseline", Severity: check.Info, Fix: aboutIgnores},
	{ID: "audit/shield-expired", Title: "the day of a shield has passed, and the hole behind it is not mended", Severity: check.Low, Fix: aboutShields},
	{ID: "audit/shield-unmatched", Title: "a shield stands before no finding", Severity: check.Info, Fix: aboutShields},
}

var aboutIgnores = check.Fix{
	Express: "mend the finding, or write the entry anew: // panoply-ignore: ID reason until=2026-12-31",
	Go:      "mend the finding, or write the entry anew: // panoply-ignore: ID reason until=2026-12-31",
	Door:    "ignore: in panoply.yaml takes id, scope, reason and until",
}

// Rules returns the findings that the engine itself can report, about ignores and shields. The
// caller may change the result.
func Rules() check.Rules { return slices.Clone(rules) }

func (i *Ignore) check(field string, p *guard.Problems) {
	if !KnownID(i.ID) {
		p.Add(field+".ID", redact.Line(i.ID), "the id of a practice, a rule or an advisory", nearest(i.ID))
	}
	if i.Scope == "" && i.Path == "" {
		p.Add(field+".Scope", "", "a path, a file or a subject, with * for any text", `"*" is everywhere`)
	}
	if strings.TrimSpace(i.Reason) == "" {
		p.Add(field+".Reason", "", "a reason", "")
	}
	if _, err := time.Parse(DateForm, i.Until); err != nil {
		p.Add(field+".Until", redact.Line(i.Until), "a day such as 2026-12-31", "")
	}
}

// advisory is the form of the names that databases give to holes.
var advisory = pattern.New(`^(?:[A-Z][A-Z0-9]{0,15}-[A-Za-z0-9][A-Za-z0-9._:-]{0,100}|npm:\S{1,214}:\d{8})$`)

// KnownID says whether an id can stand in an ignore: a practice's, a rule's or an
// advisory's.
func KnownID(id string) bool { return practiceOf(id) != "" }

// practiceOf is the practice of a rule, or of a practice's own id.
func practiceOf(id string) string {
	if slices.Contains(practiceIDs, id) {
		return id
	}
	for _, c := range standard.Checks() {
		if slices.ContainsFunc(c.Rules, func(r check.Rule) bool { return r.ID == id }) {
			return c.Practice
		}
	}
	if advisory.Get().MatchString(id) {
		return "dependencies"
	}
	return ""
}

func nearest(id string) string {
	all := slices.Clone(practiceIDs)
	for _, c := range standard.Checks() {
		for _, r := range c.Rules {
			all = append(all, r.ID)
		}
	}
	if best := spell.Nearest(id, slices.Values(all)); best != "" {
		return "did you mean " + best + "?"
	}
	return "panoply explain lists all ids"
}

// expired says whether the last day has passed, in the place where the audit runs.
func (i *Ignore) expired(now time.Time) bool {
	last, err := time.ParseInLocation(DateForm, i.Until, now.Location())
	return err != nil || now.After(last.AddDate(0, 0, 1).Add(-time.Nanosecond))
}

// covers says whether the entry is about the finding.
func (i *Ignore) covers(f *check.Finding) bool {
	d := f.Dependency
	named := d != nil && (i.ID == d.Advisory || slices.Contains(d.Aliases, i.ID))
	if i.ID != f.ID && i.ID != f.Practice && !named {
		return false
	}
	if i.Unfixable && d != nil && len(d.Fixed) > 0 {
		return false
	}
	if i.Path != "" {
		return d != nil && i.coversWays(d)
	}
	if i.file != "" {
		return slices.ContainsFunc(f.Evidence, func(e check.Evidence) bool {
			return e.File == i.file && (e.Line == i.line[0] || e.Line == i.line[1])
		})
	}
	if within(i.Scope, f.Subject) || within(i.Scope, f.Target) {
		return true
	}
	return slices.ContainsFunc(f.Evidence, func(e check.Evidence) bool {
		if e.File != "" {
			return within(i.Scope, e.File)
		}
		_, address, _ := strings.Cut(e.Where, " ")
		u, err := url.Parse(address)
		return err == nil && u.Host != "" && (within(i.Scope, u.Path) || within(i.Scope, address))
	})
}

// coversWays says whether the rule covers each way to a package. Where there are more ways
// than are told, only a rule for all covers them.
func (i *Ignore) coversWays(d *check.Dependency) bool {
	if i.Path == "*" {
		return true
	}
	ways := d.Ways
	if len(ways) == 0 {
		ways = []string{d.Name + "@" + d.Version}
	}
	return !d.Cut && !slices.ContainsFunc(ways, func(way string) bool { return !ignorefile.Match(i.Path, way) })
}

// within says whether a pattern with * for any text is the whole of s.
func within(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}

// ignore takes out of the report what its entries cover, and adds what is wrong with
// the entries. seen says whether the checks of an id saw all they had to.
func (r *Report) ignore(entries []*Ignore, o Options, now time.Time, seen func(id string) bool) {
	untrusted := make(map[*Ignore]bool)
	expired := make(map[*Ignore]bool)
	r.Findings = slices.DeleteFunc(r.Findings, func(f check.Finding) bool {
		for _, e := range entries {
			if !e.covers(&f) {
				continue
			}
			e.used = true
			switch {
			case e.expired(now):
				expired[e] = true
			case e.Project && o.Baseline != nil && !o.TrustProject && !o.Baseline.ignored[f.Fingerprint]:
				untrusted[e] = true
			default:
				r.Ignored = append(r.Ignored, Ignored{Finding: f, By: redact.Line(e.By), Reason: redact.Line(e.Reason), Until: e.Until})
				return true
			}
		}
		return false
	})
	for _, e := range entries {
		switch {
		case e.expired(now):
			r.about(e, "audit/ignore-expired", "the ignore of %s at %s ended with %s", redact.Line(e.ID), redact.Line(e.By), e.Until)
		case untrusted[e]:
			r.about(e, "audit/ignore-untrusted", "the ignore of %s at %s is new since the baseline, and the audited folder cannot excuse itself", redact.Line(e.ID), redact.Line(e.By))
		case !e.used && seen(e.about()):
			hint := ""
			if strings.HasPrefix(e.ID, "SNYK-") {
				hint = "; where the hole has another name, such as its CVE, write that"
			}
			r.about(e, "audit/ignore-unmatched", "the ignore of %s at %s matches no finding%s", redact.Line(e.ID), redact.Line(e.By), hint)
		case e.Undated && e.used:
			r.about(e, "audit/ignore-undated", "the ignore of %s at %s has no last day", redact.Line(e.ID), redact.Line(e.By))
		}
	}
	r.restate()
}

// about adds a finding about an entry.
func (r *Report) about(e *Ignore, id, format string, args ...any) {
	f := rules.Find(id, redact.Line(e.ID+" "+e.Scope+e.Path+e.file), check.Evidence{Kind: check.Line, Where: redact.Line(e.By), Seen: redact.Text(e.ID + " " + e.Reason + " until " + e.Until)})
	f = f.Saying(format, args...)
	f.Practice, f.Check = practiceOf(e.ID), "audit"
	if file, line := e.place(); file != "" {
		f.Evidence[0].File, f.Evidence[0].Line = redact.Line(file), line
	}
	if len(r.Targets) > 0 {
		f.Target = r.Targets[0].name()
	}
	f.Fingerprint = fingerprint(f.ID, "ignore", f.Subject)
	r.Findings = append(r.Findings, f)
}

// about is the id of what would have found it: of an advisory, the practice.
func (i *Ignore) about() string {
	if advisory.Get().MatchString(i.ID) {
		return practiceOf(i.ID)
	}
	return i.ID
}

// place reads "file:12".
func (i *Ignore) place() (string, int) {
	file, number, ok := cutLast(i.By, ":")
	if !ok {
		return "", 0
	}
	var line int
	if _, err := fmt.Sscanf(number, "%d", &line); err != nil {
		return "", 0
	}
	return file, line
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// restate takes the word broken from practices of which nothing is left that breaks
// them. What is ignored is not proved.
func (r *Report) restate() {
	for i := range r.Practices {
		p := &r.Practices[i]
		broken := func(f check.Finding) bool {
			return f.Practice == p.ID && f.Severity > check.Info && f.Check != "audit"
		}
		if p.Status != check.Broken || slices.ContainsFunc(r.Findings, broken) {
			continue
		}
		n := 0
		for _, g := range r.Ignored {
			if broken(g.Finding) {
				n++
			}
		}
		if n > 0 {
			p.Status, p.Layer = check.Unproven, ""
			p.Reason = fmt.Sprintf("broken, and ignored: %d of %d findings", n, n)
		}
	}
}
