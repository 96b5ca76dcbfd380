// Package depreport writes what an audit found in the dependencies of a folder in the
// forms that other programs read: npm's own, OpenVEX, CycloneDX, and osv-scanner's.
//
//	s := &depreport.Subject{Report: r, Found: lockfile.Read(folder), Name: "shop", Look: db.Match}
//	err := depreport.Write(os.Stdout, "cyclonedx", s)
//
// The findings are the report's: what an exception leaves out there is left out here, or
// told with its reason where the form has a place for it. What a report has of other
// practices is not in these forms.
//
// Equal input gives equal bytes; the time is the caller's to give.
//
// Sources: the JSON of npm audit (auditReportVersion 2), OpenVEX 0.2.0, CycloneDX 1.6, the
// JSON of osv-scanner 2.
package depreport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/metavuln"
	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/sbom"
)

// A Subject is a folder with what was found in it.
type Subject struct {
	Report *audit.Report
	Found  *lockfile.Found
	// Name is what an app is called whose manifest has no name.
	Name string
	// Look gives the advisories of a package's version, for what the report does not tell
	// of them; nil when there are none.
	Look func(ecosystem, name, version string) ([]osv.Hit, error)
	// Packuments are for npm's meta-vulnerabilities; nil when there are none.
	Packuments metavuln.Source
	// Version is the program's; empty when it is not known.
	Version string
	// Time is when the document is made. The zero time is told as none where the form lets
	// it, and as 1970 elsewhere.
	Time time.Time
}

type form struct {
	name  string
	write func(*Subject) (any, error)
}

func forms() []form {
	return []form{
		{"npm-audit", (*Subject).npmAudit},
		{"openvex", (*Subject).openVEX},
		{"cyclonedx", (*Subject).cycloneDX},
		{"osv", (*Subject).osvScanner},
	}
}

// Formats returns the names that [Write] knows.
func Formats() []string {
	var names []string
	for _, f := range forms() {
		names = append(names, f.name)
	}
	return names
}

// Write writes the subject in the form of that name. An error is the writer's or that of
// packuments that could not be read.
func Write(w io.Writer, format string, s *Subject) error {
	for _, f := range forms() {
		if f.name != format {
			continue
		}
		doc, err := f.write(s)
		if err != nil {
			return fmt.Errorf("depreport: %w", err)
		}
		text, done := doc.([]byte)
		if !done {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(doc); err != nil {
				return fmt.Errorf("depreport: %w", err)
			}
			text = b.Bytes()
		}
		_, err = io.WriteString(w, inert(string(text)))
		return err
	}
	return fmt.Errorf("depreport: no format %q: choose one of %s", format, strings.Join(Formats(), ", "))
}

// inert escapes what a terminal would obey, and what GitHub's runner takes for a command.
// Both can stand within strings of JSON only, where an escape changes nothing for readers.
func inert(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) < 0 {
		return strings.ReplaceAll(text, "##[", `##\u005b`)
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return strings.ReplaceAll(b.String(), "##[", `##\u005b`)
}

// A hole is a finding about a dependency.
type hole struct {
	check.Finding
	// file is the lockfile.
	file string
	// ignored is by whose word the finding was left out; nil where it was not.
	ignored *audit.Ignored
	// hit is what the advisories say; nil when they are not at hand.
	hit *osv.Hit
}

// holes are the findings about dependencies in the order of the report, and the ignored
// ones after them.
func (s *Subject) holes() []hole {
	var all []hole
	add := func(f check.Finding, ignored *audit.Ignored) {
		if f.Dependency == nil {
			return
		}
		h := hole{Finding: f, ignored: ignored}
		if len(f.Evidence) > 0 {
			h.file = f.Evidence[0].File
		}
		d := f.Dependency
		if s.Look != nil {
			// What cannot be looked up again is told by the finding alone.
			hits, _ := s.Look(d.Ecosystem, d.Name, d.Version)
			if i := slices.IndexFunc(hits, func(h osv.Hit) bool { return h.ID == d.Advisory }); i >= 0 {
				h.hit = &hits[i]
			}
		}
		all = append(all, h)
	}
	for _, f := range s.Report.Findings {
		add(f, nil)
	}
	for i := range s.Report.Ignored {
		add(s.Report.Ignored[i].Finding, &s.Report.Ignored[i])
	}
	return all
}

func (h *hole) summary() string {
	if h.hit != nil && h.hit.Summary != "" {
		return h.hit.Summary
	}
	d := h.Dependency
	return d.Advisory + " in " + d.Name
}

// url is the address of the advisory.
func (h *hole) url() string { return h.Dependency.URL }

// vector is the CVSS vector that the severity was computed from; empty when nobody told
// one.
func (h *hole) vector() string {
	if h.hit == nil {
		return ""
	}
	for _, kind := range []string{"CVSS_V4", "CVSS_V3"} {
		for _, vectors := range append([][]osv.Vector{h.hit.Severity}, h.affected()...) {
			for _, v := range vectors {
				if _, ok := osv.Score(v.Score); v.Type == kind && ok {
					return v.Score
				}
			}
		}
	}
	return ""
}

func (h *hole) affected() (all [][]osv.Vector) {
	for _, a := range h.hit.Affected {
		if a.Package.Name == h.Dependency.Name {
			all = append(all, a.Severity)
		}
	}
	return all
}

func (h *hole) cwes() []string {
	if h.hit == nil {
		return nil
	}
	all := slices.Clone(h.hit.DatabaseSpecific.CWEIDs)
	for _, a := range h.hit.Affected {
		all = append(all, a.DatabaseSpecific.CWEIDs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (h *hole) purl() string {
	d := h.Dependency
	return sbom.PURL(lockfile.Ecosystem(d.Ecosystem), d.Name, d.Version)
}

// advice says what mends it.
func (h *hole) advice() string {
	if fix := h.Fix.Express; fix != "" {
		return fix
	}
	if len(h.Dependency.Fixed) > 0 {
		return "upgrade " + h.Dependency.Name + " to " + h.Dependency.Fixed[0] + " or later"
	}
	return "no fixed version of " + h.Dependency.Name + " is known: replace it"
}

// note tells who left the finding out and why; empty where nobody did.
func (h *hole) note() string {
	if h.ignored == nil {
		return ""
	}
	text := "ignored by " + h.ignored.By
	if h.ignored.Until != "" {
		text += " until " + h.ignored.Until
	}
	return text + ": " + h.ignored.Reason
}

func (s *Subject) project() *sbom.Project {
	return &sbom.Project{Name: cmp.Or(s.Name, "app"), Found: s.Found, Tool: s.Version, Time: s.Time}
}
