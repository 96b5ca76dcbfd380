package sbom

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
)

type (
	vulnerability struct {
		Ref        string      `json:"bom-ref"`
		ID         string      `json:"id"`
		Source     *source     `json:"source,omitempty"`
		References []reference `json:"references,omitempty"`
		Ratings    []rating    `json:"ratings,omitempty"`
		CWEs       []int       `json:"cwes,omitempty"`
		Text       string      `json:"description,omitempty"`
		Advice     string      `json:"recommendation,omitempty"`
		Analysis   *analysis   `json:"analysis,omitempty"`
		Affects    []affected  `json:"affects"`
	}
	source struct {
		Name string `json:"name,omitempty"`
		URL  string `json:"url,omitempty"`
	}
	reference struct {
		ID     string `json:"id"`
		Source source `json:"source"`
	}
	rating struct {
		Score    *float64 `json:"score,omitempty"`
		Severity string   `json:"severity"`
		Method   string   `json:"method,omitempty"`
		Vector   string   `json:"vector,omitempty"`
	}
	analysis struct {
		State    string   `json:"state"`
		Why      string   `json:"justification,omitempty"`
		Response []string `json:"response,omitempty"`
		Detail   string   `json:"detail,omitempty"`
	}
	affected struct {
		Ref      string  `json:"ref"`
		Versions []exact `json:"versions,omitempty"`
	}
	exact struct {
		Version string `json:"version"`
		Status  string `json:"status"`
	}
	digest struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
)

// A Vulnerability is an advisory that packages of the project are under.
type Vulnerability struct {
	// ID and Aliases are its names, URL is its address; only ID is never empty.
	ID, URL string
	Aliases []string
	Summary string
	// Severity is CycloneDX's word: critical, high, medium, low, info, none or unknown.
	Severity string
	// Score and Vector are of CVSS; 0 and empty where nobody told them.
	Score  float64
	Vector string
	CWEs   []int
	// Advice says how to mend it.
	Advice string
	// Ecosystem, Name and Version are of the package.
	Ecosystem, Name, Version string
	// State, Why and Detail are CycloneDX's analysis; an empty State is none.
	State, Why, Detail string
	Response           []string
}

// A Project is an app with what it depends on.
type Project struct {
	// Name is that of an app whose manifest has none, such as its folder's.
	Name string
	// Found is what its lockfiles say.
	Found           *lockfile.Found
	Vulnerabilities []Vulnerability
	// Tool is the version of Panoply; empty when it is not known.
	Tool string
	// Time is when the bill was made; the zero time is left out, so that equal input gives
	// equal bytes.
	Time time.Time
}

// CycloneDX returns the bill of materials of a project.
func (p *Project) CycloneDX() ([]byte, error) {
	doc := document{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1}
	doc.Metadata.Component = p.app()
	doc.Metadata.Tools = &tools{[]component{{Type: "application", Name: "panoply", Version: p.Tool}}}
	if !p.Time.IsZero() {
		doc.Metadata.Timestamp = p.Time.UTC().Format(time.RFC3339)
	}
	b := bill{parts: map[string]*component{}, needs: map[string]map[string]bool{}}
	root := doc.Metadata.Component.Ref
	b.needs[root] = map[string]bool{}
	for _, l := range p.Found.Locks {
		b.lock(l, root)
	}
	for _, c := range b.parts {
		slices.SortFunc(c.Properties, func(a, b property) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
		c.Properties = slices.Compact(c.Properties)
		doc.Components = append(doc.Components, *c)
	}
	slices.SortFunc(doc.Components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	if doc.Components == nil {
		doc.Components = []component{}
	}
	for ref, on := range b.needs {
		d := dependency{Ref: ref}
		for to := range on {
			d.DependsOn = append(d.DependsOn, to)
		}
		slices.Sort(d.DependsOn)
		doc.Dependencies = append(doc.Dependencies, d)
	}
	slices.SortFunc(doc.Dependencies, func(a, b dependency) int { return cmp.Compare(a.Ref, b.Ref) })
	doc.Vulnerabilities = p.vulnerabilities(&b)
	return written(&doc)
}

// App returns the package URL of the app itself.
func (p *Project) App() string {
	c := p.app()
	return cmp.Or(c.PURL, c.Ref)
}

func (p *Project) app() component {
	c := component{Type: "application", Name: p.Name}
	if m := p.Found.Manifest; m != nil {
		c.Name, c.Version = cmp.Or(m.Name, p.Name), m.Version
		if m.Name != "" {
			c.PURL = PURL(lockfile.NPM, m.Name, m.Version)
		}
	} else if len(p.Found.Locks) > 0 && p.Found.Locks[0].Ecosystem == lockfile.Go {
		if name := p.Found.Locks[0].Parts()[0].Name; name != "" {
			c.Name, c.PURL = name, PURL(lockfile.Go, name, "")
		}
	}
	c.PURL = cmp.Or(c.PURL, "pkg:generic/"+url.PathEscape(c.Name))
	// A project may depend on a package of its own name.
	c.Ref = "app:" + c.PURL
	return c
}

// PURL is the package URL of a package of an ecosystem. Go versions have no v here.
func PURL(e lockfile.Ecosystem, name, version string) string {
	if e == lockfile.Go {
		if version != "" && name != lockfile.Stdlib {
			version = "v" + version
		}
		if version == "" {
			return "pkg:golang/" + name
		}
		return packageURL(name, version)
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(part), "@", "%40")
	}
	text := "pkg:npm/" + strings.Join(parts, "/")
	if version != "" {
		text += "@" + url.QueryEscape(version)
	}
	return text
}

// A bill is the components and their edges in the making.
type bill struct {
	parts map[string]*component
	needs map[string]map[string]bool
}

// refOf is a package's name in the document, and its package URL.
func refOf(l *lockfile.Lock, p *lockfile.Package) (ref, purl string) {
	switch purl = PURL(l.Ecosystem, p.Name, p.Version); p.Source {
	case lockfile.Git:
		purl += "?vcs_url=" + url.QueryEscape(p.Address)
	case lockfile.Archive:
		purl += "?download_url=" + url.QueryEscape(p.Address)
	case lockfile.Folder:
		return "folder:" + p.Name + ":" + p.Address, ""
	}
	return purl, purl
}

func (b *bill) lock(l *lockfile.Lock, root string) {
	refs := make([]string, len(l.Packages))
	for i := range l.Packages {
		p := &l.Packages[i]
		ref, purl := refOf(l, p)
		refs[i] = ref
		c := b.parts[ref]
		scope := "required"
		switch {
		case p.Dev:
			scope = "excluded"
		case p.Optional:
			scope = "optional"
		}
		if c == nil {
			c = &component{Type: "library", Ref: ref, Name: p.Name, Version: p.Version, Scope: scope, PURL: purl, Licenses: licensesOf(p.License)}
			c.Hashes, c.Properties = hashesOf(p.Integrity())
			b.parts[ref], b.needs[ref] = c, map[string]bool{}
		}
		// What is installed twice is needed if either is.
		if weight(scope) < weight(c.Scope) {
			c.Scope = scope
		}
		c.Properties = append(c.Properties, property{"panoply:lockfile", l.File}, property{"panoply:lockfile:key", p.Key})
		if l.Ecosystem == lockfile.NPM {
			if p.Dev {
				c.Properties = append(c.Properties, property{"cdx:npm:package:development", "true"})
			}
			if strings.HasPrefix(p.Key, "node_modules/") {
				c.Properties = append(c.Properties, property{"cdx:npm:package:path", p.Key})
			}
		}
	}
	for i := range l.Packages {
		for _, to := range l.Needs(i) {
			b.connect(refs[i], refs[to])
		}
	}
	members := make([]string, len(l.Parts()))
	for i, part := range l.Parts() {
		members[i] = root
		if i > 0 {
			members[i] = "member:" + cmp.Or(part.Key, part.Name)
			if b.parts[members[i]] == nil {
				c := &component{Type: "application", Ref: members[i], Name: cmp.Or(part.Name, part.Key), Version: part.Version, Licenses: licensesOf(part.License)}
				if part.Name != "" && l.Ecosystem == lockfile.NPM && !strings.HasPrefix(part.Name, ".") {
					c.PURL = PURL(l.Ecosystem, part.Name, part.Version)
				}
				b.parts[members[i]], b.needs[members[i]] = c, map[string]bool{}
			}
		}
	}
	for i, part := range l.Parts() {
		for _, to := range part.Needs {
			b.connect(members[i], refs[to])
		}
		for _, to := range part.Parts {
			b.connect(members[i], members[to])
		}
	}
}

func (b *bill) connect(from, to string) {
	if from != to {
		b.needs[from][to] = true
	}
}

func weight(scope string) int {
	return slices.Index([]string{"required", "optional", "excluded"}, scope)
}

// hashesOf reads Subresource Integrity; what is another checksum becomes a property.
func hashesOf(integrity string) (hashes []digest, other []property) {
	for part := range strings.FieldsSeq(integrity) {
		name, text, _ := strings.Cut(part, "-")
		text, _, _ = strings.Cut(text, "?") // options, of which there are none yet
		sum, err := base64.StdEncoding.DecodeString(text)
		alg, size := "", 0
		switch name {
		case "sha1":
			alg, size = "SHA-1", 20
		case "sha256":
			alg, size = "SHA-256", 32
		case "sha384":
			alg, size = "SHA-384", 48
		case "sha512":
			alg, size = "SHA-512", 64
		}
		switch {
		case err == nil && alg != "" && len(sum) == size:
			hashes = append(hashes, digest{alg, hex.EncodeToString(sum)})
		case strings.HasPrefix(part, "h1:"):
			other = append(other, property{"go:sum", part})
		}
	}
	return hashes, other
}

// spdx are the ids of SPDX's list that most packages have.
var spdx = []string{"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "MIT-0", "Unlicense", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0",
	"MPL-2.0", "LGPL-2.1-only", "LGPL-3.0-only", "GPL-2.0-only", "GPL-3.0-only", "AGPL-3.0-only", "BlueOak-1.0.0", "Python-2.0", "WTFPL", "Zlib", "Artistic-2.0"}

// licensesOf takes for a name what is none of the common ids: an expression, or whatever
// somebody wrote there.
func licensesOf(text string) []license {
	if text = strings.TrimSpace(text); text == "" || len(text) > 500 {
		return nil
	}
	l := license{}
	if slices.Contains(spdx, text) {
		l.License.ID = text
	} else {
		l.License.Name = text
	}
	return []license{l}
}

func (p *Project) vulnerabilities(b *bill) []vulnerability {
	byID := map[string]*vulnerability{}
	var all []*vulnerability
	for _, v := range p.Vulnerabilities {
		ref := PURL(lockfile.Ecosystem(v.Ecosystem), v.Name, v.Version)
		if b.parts[ref] == nil {
			// One that is no registry's: found by its name and version.
			for other, c := range b.parts {
				if c.Name == v.Name && c.Version == v.Version && (b.parts[ref] == nil || other < ref) {
					ref = other
				}
			}
		}
		key := v.ID + "\x00" + v.Name + "\x00" + v.State + v.Detail
		x := byID[key]
		if x == nil {
			x = p.vulnerability(&v)
			x.Ref = "vulnerability:" + v.ID + ":" + ref
			byID[key], all = x, append(all, x)
		}
		i := slices.IndexFunc(x.Affects, func(a affected) bool { return a.Ref == ref })
		if i < 0 {
			x.Affects = append(x.Affects, affected{Ref: ref, Versions: []exact{{v.Version, "affected"}}})
		}
	}
	out := []vulnerability{}
	for _, x := range all {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b vulnerability) int { return cmp.Compare(a.Ref, b.Ref) })
	return slices.CompactFunc(out, func(a, b vulnerability) bool { return a.Ref == b.Ref })
}

func (p *Project) vulnerability(v *Vulnerability) *vulnerability {
	x := &vulnerability{ID: v.ID, Text: v.Summary, Advice: v.Advice, CWEs: v.CWEs}
	if v.URL != "" {
		x.Source = &source{URL: v.URL}
	}
	for _, alias := range v.Aliases {
		x.References = append(x.References, reference{alias, source{Name: database(alias)}})
	}
	r := rating{Severity: v.Severity, Vector: v.Vector}
	if v.Score > 0 {
		r.Score = &v.Score
	}
	for prefix, method := range map[string]string{"CVSS:4.0/": "CVSSv4", "CVSS:3.1/": "CVSSv31", "CVSS:3.0/": "CVSSv3"} {
		if strings.HasPrefix(v.Vector, prefix) {
			r.Method = method
		}
	}
	x.Ratings = []rating{r}
	if v.State != "" {
		x.Analysis = &analysis{State: v.State, Why: v.Why, Response: v.Response, Detail: v.Detail}
	}
	return x
}

// database names the source of an advisory by the form of its id.
func database(id string) string {
	for prefix, name := range map[string]string{"CVE-": "NVD", "GHSA-": "GitHub Advisory Database", "GO-": "Go Vulnerability Database"} {
		if strings.HasPrefix(id, prefix) {
			return name
		}
	}
	return "OSV"
}
