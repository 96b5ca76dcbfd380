package metavuln

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// fixFor tells what the app has to do about a package that it asks for by this spec.
func (v *vuln) fixFor(spec string) Fix {
	spec, registry := fromRegistry(spec)
	p := v.causes[0].packument
	avoid, err := npmsemver.ParseRange(v.span(), wide)
	bad := func(x version) bool { return err == nil && avoid.Contains(x.Version) }
	// npm reads what is asked for strictly here, and loosely when it picks a version.
	if r, err := npmsemver.ParseRange(spec, strict); registry && err == nil {
		for _, x := range p.sorted {
			if r.Contains(x.Version) && !bad(x) {
				return Fix{Available: true}
			}
		}
	}
	if !registry {
		return Fix{}
	}
	picked, ok := p.pick(spec, bad)
	if !ok {
		return Fix{}
	}
	if !bad(picked) {
		return Fix{Available: true, Name: v.name, Version: picked.text}
	}
	// Out of the range then, but within the major version if that helps.
	if x, ok := p.pick("^"+picked.text, bad); ok && !bad(x) {
		return Fix{Available: true, Name: v.name, Version: x.text, Outside: true}
	}
	if x, ok := p.pick("*", bad); ok && !bad(x) {
		return Fix{Available: true, Name: v.name, Version: x.text, Outside: true, Major: true}
	}
	return Fix{}
}

// pick chooses as npm does: the latest where it suits, else the highest that is neither
// bad nor deprecated, else what there is.
func (p *Packument) pick(spec string, bad func(version) bool) (version, bool) {
	at := func(text string) (version, bool) {
		if i := slices.IndexFunc(p.sorted, func(v version) bool { return v.text == text }); i >= 0 {
			return p.sorted[i], true
		}
		return version{}, false
	}
	if exact, err := npmsemver.Parse(spec, lax); err == nil {
		return at(exact.String())
	}
	r, err := npmsemver.ParseRange(spec, lax)
	if err != nil {
		return at(p.Tags[spec])
	}
	if x, ok := at(p.Tags["latest"]); ok && (spec == "*" || r.Contains(x.Version)) && !bad(x) && p.Versions[x.text].Deprecated == "" {
		return x, true
	}
	var best version
	found := false
	better := func(x version) bool {
		switch {
		case !found:
			return true
		case bad(x) != bad(best):
			return !bad(x)
		case (p.Versions[x.text].Deprecated == "") != (p.Versions[best.text].Deprecated == ""):
			return p.Versions[x.text].Deprecated == ""
		}
		return x.Compare(best.Version) > 0
	}
	for _, x := range p.sorted {
		if r.Contains(x.Version) && better(x) {
			best, found = x, true
		}
	}
	return best, found
}

// fromRegistry tells whether a spec asks a registry for a version, and by which range an
// alias does.
func fromRegistry(spec string) (string, bool) {
	if alias, ok := strings.CutPrefix(spec, "npm:"); ok {
		if at := strings.LastIndexByte(alias, '@'); at > 0 {
			return alias[at+1:], true
		}
		return "*", true
	}
	return spec, !strings.ContainsAny(spec, ":/")
}
