package deps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/osv"
)

// asAdvisories is how npm compares what a registry answers.
var asAdvisories = npmsemver.Options{Loose: true, IncludePrerelease: true}

// online asks the registry about a lockfile's packages, if there is one to ask. What comes
// from elsewhere than a registry is not asked about: its name is nobody's business.
func (v *verdict) online(ctx context.Context, l *lockfile.Lock, victims []*victim) map[string][]check.RegistryAdvisory {
	registry := v.session.Target.Registry
	if registry == nil || l.Ecosystem != lockfile.NPM {
		return nil
	}
	versions := map[string][]string{}
	for _, x := range victims {
		if slices.ContainsFunc(x.entries, func(i int) bool { return l.Packages[i].Source == lockfile.Registry }) {
			versions[x.name] = append(versions[x.name], x.version)
		}
	}
	if len(versions) == 0 {
		return nil
	}
	answer, err := registry.Advisories(ctx, versions)
	if err != nil {
		v.doubt("%s: %v", l.File, err)
		v.failed = true
	}
	if len(answer.From) > 0 {
		v.proof = append(v.proof, fmt.Sprintf("%s was asked about %d packages", strings.Join(answer.From, ", "), len(versions)))
	}
	return answer.Advisories
}

// merge adds what a registry told to what the advisories at hand did. Of one that both
// know, the one at hand stays, with the registry's severity where it has none.
func (v *verdict) merge(l *lockfile.Lock, x *victim, hits []osv.Hit, told []check.RegistryAdvisory) []osv.Hit {
	if len(told) == 0 {
		return hits
	}
	line := l.Packages[x.entries[0]].Line
	version, err := npmsemver.Parse(x.version, asAdvisories)
	if err != nil {
		v.doubt("%s:%d: %v", l.File, line, err)
		return hits
	}
	for _, a := range told {
		vulnerable, err := npmsemver.ParseRange(a.Range, asAdvisories)
		if err != nil {
			v.doubt("%s:%d: the registry's advisory %s of %s: %v", l.File, line, a.ID, x.name, err)
			continue
		}
		if !vulnerable.Contains(version) {
			continue
		}
		h := hitOf(a, vulnerable, version)
		i := slices.IndexFunc(hits, func(o osv.Hit) bool { return o.ID == a.ID || slices.Contains(o.Aliases, a.ID) })
		switch {
		case i < 0:
			hits = append(hits, h)
		case hits[i].Level == osv.Unknown:
			hits[i].Level, hits[i].Score = h.Level, h.Score
		}
	}
	return hits
}

// words are npm's severities.
var words = map[string]osv.Level{"info": osv.None, "low": osv.Low, "moderate": osv.Medium, "high": osv.High, "critical": osv.Critical}

func hitOf(a check.RegistryAdvisory, vulnerable npmsemver.Range, version npmsemver.Version) osv.Hit {
	r := &osv.Record{ID: a.ID, Summary: a.Title}
	if a.URL != "" {
		r.References = []osv.Reference{{Type: "ADVISORY", URL: a.URL}}
	}
	r.DatabaseSpecific.CWEIDs = a.CWE
	h := osv.Hit{Record: r, Level: words[strings.ToLower(a.Severity)], Fixed: endOf(vulnerable, version)}
	if score, ok := osv.Score(a.Vector); ok {
		h.Score = score
	} else if a.Score > 0 && a.Score <= 10 {
		h.Score = a.Score
	}
	return h
}

// endOf is where the vulnerable versions around this one end, if that is a version that
// is not vulnerable itself.
func endOf(vulnerable npmsemver.Range, version npmsemver.Version) []string {
	for set := range strings.SplitSeq(vulnerable.String(), "||") {
		r, err := npmsemver.ParseRange(set, asAdvisories)
		if err != nil || !r.Contains(version) {
			continue
		}
		for bound := range strings.FieldsSeq(set) {
			end, ok := strings.CutPrefix(bound, "<")
			if end = strings.TrimSuffix(end, "-0"); !ok || strings.HasPrefix(end, "=") {
				continue
			}
			if first, err := npmsemver.Parse(end, asAdvisories); err == nil && !vulnerable.Contains(first) {
				return []string{end}
			}
		}
	}
	return nil
}
