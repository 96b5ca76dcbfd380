package depreport

import (
	"cmp"
	"slices"

	"github.com/panoplysec/panoply/internal/osv"
)

// What follows is the JSON of osv-scanner 2, in its order and its names.
type (
	osvResults struct {
		Results []osvResult `json:"results"`
	}
	osvResult struct {
		Source   osvSource    `json:"source"`
		Packages []osvPackage `json:"packages"`
	}
	osvSource struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	osvPackage struct {
		Package         osvName     `json:"package"`
		Groups          []string    `json:"dependency_groups,omitempty"`
		Vulnerabilities []osvRecord `json:"vulnerabilities"`
		Ids             []osvGroup  `json:"groups"`
	}
	osvName struct {
		Name      string `json:"name"`
		Version   string `json:"version"`
		Ecosystem string `json:"ecosystem"`
	}
	osvGroup struct {
		IDs         []string `json:"ids"`
		Aliases     []string `json:"aliases"`
		MaxSeverity string   `json:"max_severity"`
	}
	osvRecord struct {
		SchemaVersion string `json:"schema_version"`
		*osv.Record
	}
)

// osvScanner writes the packages of each lockfile that are under an advisory. Ignored ones
// are left out, as osv-scanner does.
func (s *Subject) osvScanner() (any, error) {
	doc := osvResults{Results: []osvResult{}}
	for _, h := range s.holes() {
		if h.ignored != nil {
			continue
		}
		d := h.Dependency
		i := slices.IndexFunc(doc.Results, func(r osvResult) bool { return r.Source.Path == h.file })
		if i < 0 {
			i = len(doc.Results)
			doc.Results = append(doc.Results, osvResult{Source: osvSource{h.file, "lockfile"}})
		}
		r := &doc.Results[i]
		name := osvName{d.Name, d.Version, d.Ecosystem}
		at := slices.IndexFunc(r.Packages, func(p osvPackage) bool { return p.Package == name })
		if at < 0 {
			at = len(r.Packages)
			p := osvPackage{Package: name}
			if d.Dev {
				p.Groups = append(p.Groups, "dev")
			}
			if d.Optional {
				p.Groups = append(p.Groups, "optional")
			}
			r.Packages = append(r.Packages, p)
		}
		r.Packages[at].Vulnerabilities = append(r.Packages[at].Vulnerabilities, osvRecord{"1.7.0", h.record()})
		r.Packages[at].group(&h)
	}
	for _, r := range doc.Results {
		slices.SortFunc(r.Packages, func(a, b osvPackage) int {
			return cmp.Or(cmp.Compare(a.Package.Name, b.Package.Name), cmp.Compare(a.Package.Version, b.Package.Version))
		})
		for _, p := range r.Packages {
			slices.SortFunc(p.Vulnerabilities, func(a, b osvRecord) int { return cmp.Compare(a.ID, b.ID) })
			slices.SortFunc(p.Ids, func(a, b osvGroup) int { return cmp.Compare(a.IDs[0], b.IDs[0]) })
		}
	}
	slices.SortFunc(doc.Results, func(a, b osvResult) int { return cmp.Compare(a.Source.Path, b.Source.Path) })
	return doc, nil
}

// record is the advisory, or as much of it as the finding tells.
func (h *hole) record() *osv.Record {
	if h.hit != nil {
		return h.hit.Record
	}
	d := h.Dependency
	r := &osv.Record{ID: d.Advisory, Aliases: d.Aliases}
	a := osv.Affected{Versions: []string{d.Version}}
	a.Package.Ecosystem, a.Package.Name = d.Ecosystem, d.Name
	r.Affected = []osv.Affected{a}
	if d.URL != "" {
		r.References = []osv.Reference{{Type: "ADVISORY", URL: d.URL}}
	}
	return r
}

// group joins advisories that are one hole by their names.
func (p *osvPackage) group(h *hole) {
	d := h.Dependency
	names := append([]string{d.Advisory}, d.Aliases...)
	g := osvGroup{}
	p.Ids = slices.DeleteFunc(p.Ids, func(o osvGroup) bool {
		same := slices.ContainsFunc(o.Aliases, func(a string) bool { return slices.Contains(names, a) })
		if same {
			g.IDs, g.Aliases = append(g.IDs, o.IDs...), append(g.Aliases, o.Aliases...)
			if len(o.MaxSeverity) > len(g.MaxSeverity) || len(o.MaxSeverity) == len(g.MaxSeverity) && o.MaxSeverity > g.MaxSeverity {
				g.MaxSeverity = o.MaxSeverity
			}
		}
		return same
	})
	g.IDs, g.Aliases = append(g.IDs, d.Advisory), append(g.Aliases, names...)
	if len(d.CVSS) > len(g.MaxSeverity) || len(d.CVSS) == len(g.MaxSeverity) && d.CVSS > g.MaxSeverity {
		g.MaxSeverity = d.CVSS
	}
	slices.Sort(g.IDs)
	slices.Sort(g.Aliases)
	g.IDs, g.Aliases = slices.Compact(g.IDs), slices.Compact(g.Aliases)
	p.Ids = append(p.Ids, g)
}
