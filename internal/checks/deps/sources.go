package deps

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/lookalike"
	"github.com/panoplysec/panoply/internal/pattern"
)

// sourceRules are about where packages come from, and what they may do when they come.
var sourceRules = check.Rules{
	{ID: "dependencies/look-alike", Title: "A package has a name that imitates another", Severity: check.Medium, CWE: 1357, ASVS: []string{"15.2.4"},
		Why: "Whoever mistypes a name installs what somebody put there for that.",
		Bad: `"crossenv": "^6.1.1"`, Good: `"cross-env": "^7.0.3"`,
		Fix: check.Fix{Express: "see whether this is the package that was meant; if not, remove it, and take what it could reach for stolen"}},
	{ID: "dependencies/misresolved", Title: "A locked package is fetched from an address of another", Severity: check.High, CWE: 494, ASVS: []string{"15.2.4"},
		Why: "A lockfile that was tampered with installs something else under a trusted name, and no reviewer reads lockfiles.",
		Bad: `"node_modules/qs": { "resolved": "https://registry.example/evil/-/evil-1.0.0.tgz" }`, Good: "an address that names the package and its version",
		Fix: check.Fix{Express: "find out who changed the entry; remove it and lock again"}},
	{ID: "dependencies/other-registry", Title: "A locked package comes from another registry than the others", Severity: check.Medium, CWE: 494, ASVS: []string{"15.2.4"},
		Why: "One entry of another host among many is what an injection into a lockfile looks like.",
		Fix: check.Fix{Express: "set the registry for a scope in .npmrc where that is meant; else remove the entry and lock again"}},
	{ID: "dependencies/plain-http", Title: "A package is fetched without TLS", Severity: check.High, CWE: 319, ASVS: []string{"15.2.4"},
		Why: "Whoever is on the way can put another package in its place.",
		Fix: check.Fix{Express: "take it from the registry, or over https or ssh"}},
	{ID: "dependencies/git-unpinned", Title: "A repository is installed by a name that can move", Severity: check.Medium, CWE: 829, ASVS: []string{"15.2.4"},
		Why: "What a branch or a tag means tomorrow is decided by whoever can push.",
		Fix: check.Fix{Express: "lock the commit: its whole hash after the #"}},
	{ID: "dependencies/git", Title: "A package comes from a repository and not from the registry", Severity: check.Low, CWE: 829, ASVS: []string{"15.2.4"},
		Why: "No advisory is filed for it under its version, and its own build scripts run on install.",
		Fix: check.Fix{Express: "take a release from the registry"}},
	{ID: "dependencies/archive", Title: "A package is an archive outside of any registry", Severity: check.Low, CWE: 829, ASVS: []string{"15.2.4"},
		Why: "No advisory is filed for it, and its host alone decides what it holds.",
		Fix: check.Fix{Express: "take a release from the registry, and keep its checksum in the lockfile"}},
	{ID: "dependencies/folder", Title: "A package is a file of this machine", Severity: check.Info},
	{ID: "dependencies/no-checksum", Title: "A locked package has no checksum", Severity: check.Medium, CWE: 494, ASVS: []string{"15.2.4"},
		Why: "Whatever the registry or its mirror answers is installed.",
		Fix: check.Fix{Express: "remove node_modules and the lockfile's entry, and install again with a current manager"}},
	{ID: "dependencies/weak-checksum", Title: "Locked packages have checksums of SHA-1 alone", Severity: check.Low, CWE: 328, ASVS: []string{"15.2.4"},
		Why: "Two archives of one SHA-1 can be made.",
		Fix: check.Fix{Express: "install again with a current manager, which locks SHA-512"}},
	{ID: "dependencies/install-script", Title: "A package runs a script when it is installed", Severity: check.Info, CWE: 829, ASVS: []string{"15.2.4"},
		Why: "Malware in packages mostly runs there, with all rights of whoever installs.",
		Fix: check.Fix{Express: "read the script; install with --ignore-scripts where it is not needed"}},
}

// sources finds what is odd about where the packages of a lockfile come from.
func (v *verdict) sources(l *lockfile.Lock) {
	s := &sources{verdict: v, lock: l, seen: map[string]bool{}, asked: v.addresses()}
	if l.Ecosystem == lockfile.NPM {
		s.registries()
		s.checksums()
	}
	for i := range l.Packages {
		s.entry(&l.Packages[i])
	}
}

type sources struct {
	*verdict
	lock *lockfile.Lock
	// seen are the findings that stand, by rule and subject.
	seen map[string]bool
	// main is the registry of most packages, and scopes those of whole scopes.
	main   string
	scopes map[string]string
	// checked says that other entries have checksums.
	checked bool
	// asked are the addresses that manifests name in place of a version.
	asked map[string]bool
}

// addresses are what the app's manifests ask for by address.
func (v *verdict) addresses() map[string]bool {
	all := map[string]bool{}
	for _, m := range append(slices.Clone(v.folder.found.Members), v.folder.found.Manifest) {
		if m == nil {
			continue
		}
		for _, n := range m.Needs {
			if strings.HasPrefix(n.Spec, "https:") || strings.HasPrefix(n.Spec, "http:") {
				all[n.Spec] = true
			}
		}
	}
	return all
}

// find adds a finding once for each package of a version.
func (s *sources) find(id string, p *lockfile.Package, format string, args ...any) *check.Finding {
	subject := p.Name
	if p.Version != "" && id != "dependencies/install-script" {
		subject += "@" + p.Version
	}
	if s.seen[id+"\x00"+subject] {
		return new(check.Finding)
	}
	s.seen[id+"\x00"+subject] = true
	seen := p.Key
	if at := cmp.Or(p.Origin.Resolved, p.Address); at != "" {
		seen += "\n" + at
	}
	f := dependenciesRules.Find(id, subject, evidence(s.lock.File, p.Line, seen)).In(check.Locked).Saying(format, args...)
	f.Fix.Go = f.Fix.Express
	s.found = append(s.found, f)
	return &s.found[len(s.found)-1]
}

// label is a package for a sentence.
func label(p *lockfile.Package) string {
	return strings.TrimSpace(p.Name + " " + p.Version)
}

func (s *sources) entry(p *lockfile.Package) {
	s.name(p)
	address := cmp.Or(p.Address, p.Origin.Resolved)
	plain := strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "git://") || strings.HasPrefix(address, "git+http://")
	if u, err := url.Parse(address); plain && err == nil && !local(u.Hostname()) {
		s.find("dependencies/plain-http", p, "%s comes from %s without TLS", label(p), u.Host)
	}
	switch {
	case p.Source == lockfile.Git && s.lock.Ecosystem == lockfile.NPM:
		if toCommit(address) || toCommit(p.Origin.Resolved) {
			s.find("dependencies/git", p, "%s is a commit of %s", label(p), short(address))
		} else {
			s.find("dependencies/git-unpinned", p, "%s is what %s is at the time", label(p), short(address))
		}
	case p.Source == lockfile.Archive, p.Source == lockfile.Registry && s.asked[p.Origin.Resolved] && hostOf(address) != s.main:
		f := s.find("dependencies/archive", p, "%s is the archive %s", label(p), short(address))
		if p.Origin.Sum == "" {
			f.Severity = check.Medium
			f.Message += ", and no checksum says which"
		}
	case p.Source == lockfile.Folder && p.Address != "" && strings.HasSuffix(p.Address, "gz"):
		s.find("dependencies/folder", p, "%s is the file %s", label(p), short(p.Address))
	case p.Source == lockfile.Registry && s.lock.Ecosystem == lockfile.NPM:
		s.registry(p)
	}
	if p.Origin.Script {
		f := s.find("dependencies/install-script", p, "%s runs a script when it is installed", label(p))
		f.IfNew = check.Medium
	}
}

// short is an address for a sentence.
func short(address string) string {
	if len(address) > 120 {
		return strings.ToValidUTF8(address[:120], "") + "…"
	}
	return address
}

// local says that a registry is on this machine, where nobody is on the way.
func local(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// commit is a whole hash anywhere, or what bun shortens at the end.
var commit = pattern.New(`[0-9a-f]{40}|[#/][0-9a-f]{7,64}$`)

func toCommit(address string) bool { return commit.Get().MatchString(address) }

// name tells what a name looks like.
func (s *sources) name(p *lockfile.Package) {
	tell := lookalike.NPM
	if s.lock.Ecosystem == lockfile.Go {
		tell = lookalike.Go
	}
	if p.Source == lockfile.Folder {
		return // the app's own
	}
	m, ok := tell(p.Name)
	if !ok {
		return
	}
	f := s.find("dependencies/look-alike", p, "%s %s", p.Name, m.How)
	if f.Confidence = check.Tentative; m.Attack {
		f.Severity, f.Confidence = check.Critical, check.Firm
	}
}

// hostOf is the registry of an address; the two names of npm's own are one.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	if u.Host == "registry.yarnpkg.com" {
		return "registry.npmjs.org"
	}
	return u.Host
}

// registries finds the one that most packages come from, and those of whole scopes.
func (s *sources) registries() {
	count := map[string]int{}
	s.scopes = map[string]string{}
	for i := range s.lock.Packages {
		p := &s.lock.Packages[i]
		host := hostOf(p.Origin.Resolved)
		if host == "" || p.Source != lockfile.Registry {
			continue
		}
		count[host]++
		if scope, _, ok := strings.Cut(p.Name, "/"); ok {
			if before, known := s.scopes[scope]; known && before != host {
				host = "" // more than one
			}
			s.scopes[scope] = host
		}
	}
	for host, n := range count {
		if n > count[s.main] || n == count[s.main] && (s.main == "" || host < s.main) {
			s.main = host
		}
	}
}

// checksums finds whether the lockfile has any, and tells at once of those that all lack.
func (s *sources) checksums() {
	var bare, weak []*lockfile.Package
	for i := range s.lock.Packages {
		p := &s.lock.Packages[i]
		switch {
		case p.Source != lockfile.Registry || p.Bundled || p.Origin.Sum == "" && hostOf(p.Origin.Resolved) != "":
		case p.Origin.Sum == "":
			bare = append(bare, p)
		case strings.HasPrefix(p.Origin.Sum, "sha1-"):
			weak = append(weak, p)
			s.checked = true
		default:
			s.checked = true
		}
	}
	if len(weak) > 0 {
		s.several("dependencies/weak-checksum", weak, "has checksums of SHA-1 alone for %d packages, such as %s")
	}
	// What Yarn 2 and later did not fetch, for another system, has no checksum.
	if len(bare) > 0 && !strings.HasPrefix(s.lock.Format, "yarn berry") {
		f := s.several("dependencies/no-checksum", bare, "has neither address nor checksum of %d packages, such as %s")
		if f.Severity = check.Low; !s.checked {
			f.Severity = check.Info // made by hand, or of a registry that gives none
		}
	}
}

// several is one finding about many packages of a lockfile.
func (s *sources) several(id string, all []*lockfile.Package, format string) *check.Finding {
	var seen []check.Evidence
	for _, p := range all[:min(len(all), maxWays)] {
		seen = append(seen, evidence(s.lock.File, p.Line, strings.TrimSpace(p.Key+"\n"+p.Origin.Sum)))
	}
	f := dependenciesRules.Find(id, s.lock.File, seen...).In(check.Locked).Saying("%s "+format, s.lock.File, len(all), label(all[0]))
	f.Fix.Go = f.Fix.Express
	s.found = append(s.found, f)
	return &s.found[len(s.found)-1]
}

// registry judges the address and the checksum of a package of a registry.
func (s *sources) registry(p *lockfile.Package) {
	host := hostOf(p.Origin.Resolved)
	if p.Origin.Sum == "" && !p.Bundled && host != "" && !strings.HasPrefix(s.lock.Format, "yarn berry") {
		s.find("dependencies/no-checksum", p, "%s has no checksum in %s", label(p), s.lock.File)
	}
	if host == "" || strings.HasPrefix(s.lock.Format, "bun") && !strings.HasSuffix(p.Origin.Resolved, "gz") {
		return // no address, or that of the registry alone
	}
	if !fits(p) {
		s.find("dependencies/misresolved", p, "%s is fetched from %s, which is another package's or another version's", label(p), short(p.Origin.Resolved))
		return
	}
	if scope, _, ok := strings.Cut(p.Name, "/"); host == s.main || ok && s.scopes[scope] == host {
		return
	}
	s.find("dependencies/other-registry", p, "%s comes from %s, and most others from %s", label(p), host, s.main)
}

// fits says whether an address is that of a package and its version, as registries make
// them: NAME/-/LAST-VERSION.tgz, or at least with the name in it.
func fits(p *lockfile.Package) bool {
	u, err := url.Parse(p.Origin.Resolved)
	if err != nil {
		return false
	}
	last := path.Base(p.Name)
	before, file, ok := strings.Cut(u.Path, "/-/")
	if !ok {
		return slices.Contains(strings.Split(strings.ToLower(u.Path), "/"), strings.ToLower(last)) || strings.Contains(path.Base(u.Path), last+"-")
	}
	version, _, _ := strings.Cut(p.Version, "+")
	if before != "/"+p.Name && !strings.HasSuffix(before, "/"+p.Name) {
		return false
	}
	return version == "" || path.Base(file) == fmt.Sprintf("%s-%s.tgz", last, version) || path.Base(file) == fmt.Sprintf("%s-%s.tgz", last, p.Version)
}
