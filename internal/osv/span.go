package osv

import "strings"

// Span writes the versions of a package that the record affects as a range of npm's:
// ">=6.7.0 <6.7.3 || <6.5.3". It is empty where the record does not affect the package.
func (r *Record) Span(ecosystem, name string) string {
	var terms []string
	add := func(term string) {
		for _, t := range terms {
			if t == term {
				return
			}
		}
		terms = append(terms, term)
	}
	for _, a := range r.Affected {
		if a.Package.Name != name || !sameEcosystem(a.Package.Ecosystem, ecosystem) {
			continue
		}
		if len(a.Ranges) == 0 && len(a.Versions) == 0 {
			add("")
		}
		for _, g := range a.Ranges {
			if g.Type != "SEMVER" && g.Type != "ECOSYSTEM" {
				continue
			}
			from, open := "", false
			from0 := func(bound string) string {
				if from == "" || from == "0" || from == "0.0.0" || from == "0.0.0-0" {
					return bound
				}
				return ">=" + from + " " + bound
			}
			for _, e := range g.Events {
				switch {
				case e.Introduced != "":
					from, open = e.Introduced, true
				case e.Fixed != "" && open:
					add(from0("<" + e.Fixed))
					open = false
				case e.LastAffected != "" && open:
					add(from0("<=" + e.LastAffected))
					open = false
				}
			}
			if open {
				operator, end := a.bound()
				if !g.open() {
					operator, end = "", ""
				}
				add(strings.TrimSpace(from0(operator + end)))
			}
		}
		for _, v := range a.Versions {
			add(v)
		}
	}
	for i := range terms {
		if terms[i] == "" {
			return "*"
		}
	}
	return strings.Join(terms, " || ")
}
