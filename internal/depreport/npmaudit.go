package depreport

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/metavuln"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// What follows is the JSON of npm audit, in its order and its names.
type (
	npmReport struct {
		Version         int                 `json:"auditReportVersion"`
		Vulnerabilities map[string]*npmVuln `json:"vulnerabilities"`
		Metadata        npmMetadata         `json:"metadata"`
		// Panoply says what of npm's report is not computed; absent where all of it is.
		Panoply *npmGap `json:"panoply,omitempty"`
	}
	npmGap struct {
		NotComputed []string `json:"not_computed"`
		Reason      string   `json:"reason"`
	}
	npmVuln struct {
		Name     string   `json:"name"`
		Severity string   `json:"severity"`
		Direct   bool     `json:"isDirect"`
		Via      []any    `json:"via"`
		Effects  []string `json:"effects"`
		Range    string   `json:"range"`
		Nodes    []string `json:"nodes"`
		Fix      any      `json:"fixAvailable"`
	}
	npmAdvisory struct {
		Source     string   `json:"source"`
		Name       string   `json:"name"`
		Dependency string   `json:"dependency"`
		Title      string   `json:"title"`
		URL        string   `json:"url"`
		Severity   string   `json:"severity"`
		CWE        []string `json:"cwe"`
		CVSS       npmCVSS  `json:"cvss"`
		Range      string   `json:"range"`
	}
	npmCVSS struct {
		Score  float64 `json:"score"`
		Vector *string `json:"vectorString"`
	}
	npmFix struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Major   *bool  `json:"isSemVerMajor,omitempty"`
	}
	npmMetadata struct {
		Vulnerabilities npmCounts `json:"vulnerabilities"`
		Dependencies    npmKinds  `json:"dependencies"`
	}
	npmCounts struct {
		Info     int `json:"info"`
		Low      int `json:"low"`
		Moderate int `json:"moderate"`
		High     int `json:"high"`
		Critical int `json:"critical"`
		Total    int `json:"total"`
	}
	npmKinds struct {
		Prod         int `json:"prod"`
		Dev          int `json:"dev"`
		Optional     int `json:"optional"`
		Peer         int `json:"peer"`
		PeerOptional int `json:"peerOptional"`
		Total        int `json:"total"`
	}
)

// npmSeverity is npm's word. It has none for an unknown one, which counts as in the rest
// of the report.
func npmSeverity(s check.Severity) string {
	if s == check.Medium {
		return "moderate"
	}
	return s.String()
}

func (s *Subject) npmAudit() (any, error) {
	doc := &npmReport{Version: 2, Vulnerabilities: map[string]*npmVuln{}}
	advisories, about := s.npmAdvisories()
	full := s.Packuments != nil
	for _, l := range s.Found.Locks {
		if l.Ecosystem != lockfile.NPM {
			continue
		}
		t := l.NPMTree(s.Found.Manifest)
		doc.Metadata.Dependencies.count(l, t)
		if t == nil || !full {
			full = false
			doc.directHits(l, s.Found.Manifest, advisories, about, s.holes())
			continue
		}
		vulns, err := metavuln.Judge(t, advisories, s.Packuments)
		if err != nil {
			return nil, err
		}
		for _, v := range vulns {
			x := &npmVuln{Name: v.Name, Severity: v.Severity, Direct: v.Direct, Via: []any{}, Effects: append([]string{}, v.Effects...), Range: v.Range, Nodes: v.Nodes, Fix: fixOf(v)}
			for _, a := range v.Advisories {
				x.Via = append(x.Via, about[a])
			}
			for _, name := range v.Via {
				x.Via = append(x.Via, name)
			}
			slices.SortStableFunc(x.Via, func(a, b any) int { return metavuln.Collate(sourceOf(a), sourceOf(b)) })
			doc.add(x)
		}
	}
	for _, v := range doc.Vulnerabilities {
		doc.Metadata.Vulnerabilities.count(v.Severity)
	}
	if !full {
		doc.Panoply = &npmGap{[]string{"meta-vulnerabilities", "effects", "range", "fixAvailable of indirect dependencies"},
			"they take a package-lock and the registry's documents of each package (--packuments)"}
	}
	return doc, nil
}

func sourceOf(via any) string {
	if a, ok := via.(*npmAdvisory); ok {
		return a.Source
	}
	return fmt.Sprint(via)
}

func fixOf(v *metavuln.Vulnerability) any {
	f := v.Fix
	if f.Name == "" {
		return f.Available
	}
	if !f.Outside {
		return npmFix{Name: f.Name, Version: f.Version}
	}
	return npmFix{f.Name, f.Version, &f.Major}
}

// npmAdvisories are the advisories of the findings, each once, by name and in the order
// of the report.
func (s *Subject) npmAdvisories() ([]*metavuln.Advisory, map[*metavuln.Advisory]*npmAdvisory) {
	var all []*metavuln.Advisory
	about := map[*metavuln.Advisory]*npmAdvisory{}
	for _, h := range s.holes() {
		d := h.Dependency
		if d.Ecosystem != string(lockfile.NPM) || h.ignored != nil {
			continue
		}
		i := slices.IndexFunc(all, func(a *metavuln.Advisory) bool { return a.ID == d.Advisory && a.Name == d.Name })
		if i >= 0 {
			if a := all[i]; h.hit == nil {
				a.Range += " || " + d.Version
				about[a].Range = a.Range
			}
			continue
		}
		a := &metavuln.Advisory{ID: d.Advisory, Name: d.Name, Severity: npmSeverity(h.Severity), Range: d.Version}
		x := &npmAdvisory{Source: d.Advisory, Name: d.Name, Dependency: d.Name, Title: h.summary(), URL: h.url(), Severity: a.Severity, CWE: append([]string{}, h.cwes()...)}
		if h.hit != nil {
			a.Range = h.hit.Span(d.Ecosystem, d.Name)
		}
		x.Range = a.Range
		x.CVSS.Score, _ = strconv.ParseFloat(d.CVSS, 64) // 0 where there is none
		if vector := h.vector(); vector != "" {
			x.CVSS.Vector = &vector
		}
		all, about[a] = append(all, a), x
	}
	slices.SortStableFunc(all, func(a, b *metavuln.Advisory) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all, about
}

// add joins what several lockfiles say of a name.
func (r *npmReport) add(v *npmVuln) {
	old := r.Vulnerabilities[v.Name]
	if old == nil {
		r.Vulnerabilities[v.Name] = v
		return
	}
	if metavuln.Rank(v.Severity) > metavuln.Rank(old.Severity) {
		old.Severity = v.Severity
	}
	old.Direct = old.Direct || v.Direct
	for _, via := range v.Via {
		if !slices.ContainsFunc(old.Via, func(o any) bool { return sourceOf(o) == sourceOf(via) }) {
			old.Via = append(old.Via, via)
		}
	}
	old.Effects = append(old.Effects, v.Effects...)
	old.Nodes = append(old.Nodes, v.Nodes...)
	slices.SortFunc(old.Effects, metavuln.Collate)
	slices.SortFunc(old.Nodes, metavuln.Collate)
	old.Effects, old.Nodes = slices.Compact(old.Effects), slices.Compact(old.Nodes)
	if old.Fix == true {
		old.Fix = v.Fix
	}
}

// directHits adds what is told without a registry: the packages that are under an
// advisory themselves.
func (r *npmReport) directHits(l *lockfile.Lock, m *lockfile.Manifest, advisories []*metavuln.Advisory, about map[*metavuln.Advisory]*npmAdvisory, holes []hole) {
	parts := l.Parts()
	for _, a := range advisories {
		v := &npmVuln{Name: a.Name, Severity: a.Severity, Via: []any{about[a]}, Effects: []string{}, Range: a.Range, Fix: true}
		for _, h := range holes {
			d := h.Dependency
			if h.file != l.File || h.ignored != nil || d.Name != a.Name || d.Advisory != a.ID {
				continue
			}
			for _, p := range l.Packages {
				if p.Name == d.Name && p.Version == d.Version {
					v.Nodes = append(v.Nodes, p.Key)
				}
			}
			v.Direct = v.Direct || slices.ContainsFunc(parts, func(part lockfile.Part) bool {
				return slices.ContainsFunc(part.Needs, func(i int) bool { return l.Packages[i].Name == d.Name && l.Packages[i].Version == d.Version })
			})
			if v.Fix == true {
				v.Fix = simpleFix(d, m, v.Direct)
			}
		}
		if len(v.Nodes) == 0 {
			continue
		}
		slices.SortFunc(v.Nodes, metavuln.Collate)
		v.Nodes = slices.Compact(v.Nodes)
		if old := r.Vulnerabilities[v.Name]; old != nil && old.Range != v.Range {
			old.Range += " || " + v.Range
		}
		r.add(v)
	}
}

// simpleFix says whether the range of the manifest has a fixed version. Of what others
// bring along nobody can tell without their manifests: it may be so.
func simpleFix(d *check.Dependency, m *lockfile.Manifest, direct bool) any {
	if len(d.Fixed) == 0 {
		return false
	}
	if !direct || m == nil {
		return true
	}
	fixed, err := npmsemver.Parse(d.Fixed[0], npmsemver.Options{Loose: true})
	now, errNow := npmsemver.Parse(d.Version, npmsemver.Options{Loose: true})
	for _, n := range m.Needs {
		if n.Name != d.Name || err != nil || errNow != nil {
			continue
		}
		if r, err := npmsemver.ParseRange(n.Spec, npmsemver.Options{}); err != nil || !r.Contains(fixed) {
			major := fixed.Major != now.Major
			return npmFix{d.Name, d.Fixed[0], &major}
		}
	}
	return true
}

func (c *npmCounts) count(severity string) {
	c.Total++
	switch severity {
	case "info":
		c.Info++
	case "low":
		c.Low++
	case "moderate":
		c.Moderate++
	case "high":
		c.High++
	case "critical":
		c.Critical++
	}
}

// count adds the entries of a lockfile as npm counts them: what is both, twice, and the
// app itself as one for production.
func (k *npmKinds) count(l *lockfile.Lock, t *lockfile.NPMTree) {
	one := func(dev, optional, peer bool) {
		for _, x := range []struct {
			is bool
			n  *int
		}{{dev, &k.Dev}, {optional, &k.Optional}, {peer, &k.Peer}, {!dev && !optional && !peer, &k.Prod}} {
			if x.is {
				*x.n++
			}
		}
	}
	if t == nil {
		k.Total += len(l.Packages)
		k.Prod++
		for _, p := range l.Packages {
			one(p.Dev, p.Optional, p.Peer)
		}
		return
	}
	k.Total += len(t.Entries) - 1
	for _, e := range t.Entries {
		one(e.Dev, e.Optional, e.Peer)
	}
}
