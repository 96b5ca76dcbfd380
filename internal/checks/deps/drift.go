package deps

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// maxDrift is how many lines of manifests are told one by one: whoever has more of them has
// another lockfile.
const maxDrift = 100

// drift compares what the manifests ask for with what is locked. What is no range of
// versions, such as a tag or a folder, is whatever was locked.
func (v *verdict) drift(l *lockfile.Lock) {
	if l.Ecosystem == lockfile.Go {
		v.summed(l)
		return
	}
	f := v.folder.found
	if f.Manifest == nil {
		return
	}
	v.drifted = 0
	defer func() {
		if more := v.drifted - maxDrift; more > 0 {
			v.found = append(v.found, dependenciesRules.Find("dependencies/drift", l.File, evidence(l.File, 1, "")).In(check.Locked).
				Saying("%s differs in %d more from what is asked for", l.File, more))
		}
	}()
	for _, n := range f.Manifest.Needs {
		i, ok := l.Direct(n.Name)
		var have []int
		if i >= 0 && ok {
			have = []int{i}
		}
		v.need(l, f.Manifest, n, ok, have)
	}
	for _, m := range f.Members {
		for _, n := range m.Needs {
			have := l.Installed(path.Dir(m.File), n.Name)
			own := slices.ContainsFunc(f.Members, func(o *lockfile.Manifest) bool { return o.Name == n.Name })
			v.need(l, m, n, own || len(have) > 0, have)
		}
	}
}

// need judges one line of a manifest by what is locked for it.
func (v *verdict) need(l *lockfile.Lock, m *lockfile.Manifest, n lockfile.Need, locked bool, have []int) {
	find := func(format string, args ...any) {
		if v.drifted++; v.drifted > maxDrift {
			return
		}
		f := dependenciesRules.Find("dependencies/drift", n.Name, evidence(m.File, n.Line, n.Name+": "+n.Spec))
		if m != v.folder.found.Manifest {
			f.Subject = path.Dir(m.File) + " " + n.Name
		}
		v.found = append(v.found, f.In(check.Locked).Saying(format, args...))
	}
	switch {
	case n.Peer:
		return // npm installs those itself, others ask whoever uses this one
	case !locked && !n.Optional:
		find("%s asks for %s, which %s does not have", m.File, n.Name, l.File)
		return
	case len(have) == 0 || v.folder.found.Manifest.Overrides:
		return
	}
	spec := n.Spec
	if alias, ok := strings.CutPrefix(spec, "npm:"); ok {
		if spec = ""; strings.LastIndexByte(alias, '@') > 0 {
			spec = alias[strings.LastIndexByte(alias, '@')+1:]
		}
	}
	if spec = strings.TrimSpace(spec); spec == "" || spec == "*" {
		return // a prerelease too, where there is nothing else, as npm has it
	}
	r, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true})
	if err != nil {
		return
	}
	version := ""
	for _, i := range have {
		got, err := npmsemver.Parse(l.Packages[i].Version, npmsemver.Options{Loose: true})
		if err != nil || r.Contains(got) {
			return
		}
		version = got.String()
	}
	find("%s asks for %s %s, and %s has %s", m.File, n.Name, n.Spec, l.File, version)
}

// summed tells of modules that go.mod requires and go.sum does not know: the go command
// refuses to build with them, or takes what the proxy gives today.
func (v *verdict) summed(l *lockfile.Lock) {
	sum := path.Join(path.Dir(l.File), "go.sum")
	var without []lockfile.Package
	with := 0
	for _, p := range l.Packages {
		switch {
		case p.Name == lockfile.Stdlib || p.Source != lockfile.Registry || p.Version == "":
		case p.Origin.Sum == "":
			without = append(without, p)
		default:
			with++
		}
	}
	if len(without) > 0 && with == 0 {
		p := without[0]
		v.found = append(v.found, dependenciesRules.Find("dependencies/unlocked", l.File, evidence(l.File, p.Line, p.Key+" v"+p.Version)).In(check.Locked).
			Saying("%s requires %d modules, and %s has the checksum of none", l.File, len(without), sum))
		return
	}
	for _, p := range without {
		v.found = append(v.found, dependenciesRules.Find("dependencies/drift", p.Name, evidence(l.File, p.Line, p.Key+" v"+p.Version)).In(check.Locked).
			Saying("%s requires %s v%s, which %s does not have", l.File, p.Name, p.Version, sum))
	}
}
