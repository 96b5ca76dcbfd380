package osv

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// NodeCore is the ecosystem under which holes of Node.js itself are kept, as the package
// "node".
const NodeCore = "Node.js"

// core reads Node's own list of core holes, as the security working group keeps it: ranges
// of npm instead of events.
func (s *source) core(text []byte) error {
	var list []struct {
		N          json.Number `json:"n"`
		CVE        []string    `json:"cve"`
		Vulnerable string      `json:"vulnerable"`
		Patched    string      `json:"patched"`
		Severity   string      `json:"severity"`
		Ref        string      `json:"ref"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("is neither an OSV record nor a list of Node's core holes: %w", err)
	}
	for i, c := range list {
		if c.Vulnerable == "" {
			return fmt.Errorf("entry %d names no vulnerable versions", i)
		}
		for _, r := range []string{c.Vulnerable, c.Patched} {
			if _, err := npmsemver.ParseRange(r, npmsemver.Options{Loose: true}); err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
		}
		r := &Record{ID: "NODE-CORE-" + c.N.String(), DatabaseSpecific: specific{Severity: c.Severity}}
		if len(c.CVE) > 0 {
			r.ID, r.Aliases = c.CVE[0], append([]string{r.ID}, c.CVE[1:]...)
		}
		if c.Ref != "" {
			r.References = []Reference{{Type: "ADVISORY", URL: c.Ref}}
		}
		a := Affected{Ranges: []Range{{Type: coreRange, Events: []Event{{Introduced: c.Vulnerable, Fixed: c.Patched}}}}}
		a.Package.Ecosystem, a.Package.Name = NodeCore, "node"
		r.Affected = []Affected{a}
		if err := s.keep(r); err != nil {
			return err
		}
	}
	return nil
}

// coreRange is the type of a range whose event has npm's ranges: what is vulnerable, but
// for what is patched.
const coreRange = "NPM-RANGES"

// MatchNode returns the holes of Node.js that a version has.
func (db *DB) MatchNode(version npmsemver.Version) ([]Hit, error) {
	var hits []Hit
	err := db.records(key(NodeCore, "node"), func(r *Record) error {
		if len(r.Affected) != 1 || len(r.Affected[0].Ranges) != 1 || len(r.Affected[0].Ranges[0].Events) != 1 {
			return nil // no record of ours
		}
		e := r.Affected[0].Ranges[0].Events[0]
		o := npmsemver.Options{Loose: true, IncludePrerelease: true}
		vulnerable, err := npmsemver.ParseRange(e.Introduced, o)
		if err != nil || !vulnerable.Contains(version) {
			return err
		}
		if e.Fixed != "" {
			patched, err := npmsemver.ParseRange(e.Fixed, o)
			if err != nil || patched.Contains(version) {
				return err
			}
		}
		level, score := r.level(&r.Affected[0])
		hits = append(hits, Hit{Record: r, Level: level, Score: score, Fixed: patchedFrom(e.Fixed, version)})
		return nil
	})
	slices.SortStableFunc(hits, func(a, b Hit) int { return int(b.Level) - int(a.Level) })
	return hits, err
}

// patchedFrom are the lowest patched versions of the same major number, or else of all.
func patchedFrom(patched string, version npmsemver.Version) []string {
	var same, all []string
	for part := range strings.SplitSeq(patched, "||") {
		r, err := npmsemver.ParseRange(part, npmsemver.Options{Loose: true})
		if err != nil || patched == "" {
			continue
		}
		if low, ok := r.Min(); ok {
			all = append(all, low.String())
			if low.Major == version.Major {
				same = append(same, low.String())
			}
		}
	}
	if len(same) > 0 {
		return same
	}
	return all
}
