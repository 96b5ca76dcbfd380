package deps

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/pattern"
)

// nodeEnds are when the lines of Node.js got or get their last security release, by
// https://github.com/nodejs/Release. Odd ones end soon after they began.
var nodeEnds = map[uint64]string{
	4: "2018-04-30", 5: "2016-06-30", 6: "2019-04-30", 7: "2017-06-30", 8: "2019-12-31", 9: "2018-06-30", 10: "2021-04-30",
	11: "2019-06-01", 12: "2022-04-30", 13: "2020-06-01", 14: "2023-04-30", 15: "2021-06-01", 16: "2023-09-11", 17: "2022-06-01",
	18: "2025-04-30", 19: "2023-06-01", 20: "2026-04-30", 21: "2024-06-01", 22: "2027-04-30", 23: "2025-06-01", 24: "2028-04-30",
}

var (
	// 20, v20.11.1, node-20.11: what nvm, asdf and their like read.
	pinned = pattern.New(`^(?:node-?)?v?(\d+(?:\.\d+){0,2})$`)
	// FROM node:20.11.1-alpine AS build, FROM --platform=x docker.io/library/node:20@sha256:…
	fromNode = pattern.New(`(?i)^\s*FROM\s+(?:--\S+\s+)*(?:\S+/)?node:v?(\d+(?:\.\d+){0,2})(?:[-@]\S*)?(?:\s|$)`)
	fromAny  = pattern.New(`(?i)^\s*FROM\s+(?:--\S+\s+)*(\S+)`)
)

// A pin is a place that says which Node.js runs the app.
type pin struct {
	file, text string
	line       int
	version    string
	// least says that a newer one may run.
	least bool
}

// node judges every place that names a version of Node.js.
func (v *verdict) node(now time.Time) {
	told := false
	for _, p := range v.pins() {
		parts := strings.Count(p.version, ".") + 1
		version, err := npmsemver.Parse(p.version+strings.Repeat(".0", 3-parts), npmsemver.Options{Loose: true})
		if err != nil {
			continue
		}
		if v.ended(p, version, now) || parts < 3 {
			continue // of a line alone, the newest release is taken
		}
		told = true
		if v.db != nil && v.db.Meta.Ecosystems[osv.NodeCore] > 0 {
			v.holes(p, version)
		}
	}
	switch {
	case !told:
	case v.db == nil:
		v.failed = v.failed || v.broken
		v.doubt("the version of Node.js was not judged: %v", v.why)
	case v.db.Meta.Ecosystems[osv.NodeCore] == 0:
		v.doubt("the version of Node.js was not judged: the advisories know nothing of Node.js itself")
	default:
		v.proof = append(v.proof, v.advisories(now))
	}
}

// ended reports a line that is past its end.
func (v *verdict) ended(p pin, version npmsemver.Version, now time.Time) bool {
	end, known := nodeEnds[version.Major]
	if version.Major < 4 {
		end, known = "2016-12-31", true
	}
	last, err := time.Parse(time.DateOnly, end)
	if !known || err != nil || now.Before(last.AddDate(0, 0, 1)) {
		return false
	}
	f := versionsRules.Find("supported-versions/node-eol", p.file+" node "+p.version, evidence(p.file, p.line, p.text))
	if p.least {
		f.Severity = check.Low
		f = f.With(check.Tentative)
		v.found = append(v.found, f.Saying("%s lets Node.js %s run the app, whose line ended on %s", p.file, p.version, end))
		return true
	}
	v.found = append(v.found, f.Saying("%s takes Node.js %s, whose line ended on %s", p.file, p.version, end))
	return true
}

// holes reports what a version of Node.js is under, as one finding for each place.
func (v *verdict) holes(p pin, version npmsemver.Version) {
	hits, err := v.db.MatchNode(version)
	if err != nil {
		v.doubt("%s: %v", p.file, err)
		v.failed = true
		return
	}
	if len(hits) == 0 {
		return
	}
	var ids []string
	for _, h := range hits[:min(len(hits), 6)] {
		ids = append(ids, h.ID)
	}
	more := ""
	if len(hits) > 6 {
		more = fmt.Sprintf(" and %d more", len(hits)-6)
	}
	f := versionsRules.Find("supported-versions/node-vulnerable", p.file+" node "+p.version, evidence(p.file, p.line, p.text))
	if f.Severity = severityOf(hits[0].Level); p.least {
		f.Severity = check.Low
		f = f.With(check.Tentative)
	}
	if fixed := newest(hits); fixed != "" {
		f.Fix.Express = "take Node.js " + fixed + " or later"
	}
	verb := map[bool]string{false: "takes", true: "lets run"}[p.least]
	v.found = append(v.found, f.Saying("%s %s Node.js %s, which has %s%s", p.file, verb, p.version, strings.Join(ids, ", "), more))
}

// newest is the highest of the versions that mend.
func newest(hits []osv.Hit) string {
	best := npmsemver.Version{}
	for _, h := range hits {
		for _, text := range h.Fixed {
			if f, err := npmsemver.Parse(text, npmsemver.Options{}); err == nil && f.Compare(best) > 0 {
				best = f
			}
		}
	}
	if best == (npmsemver.Version{}) {
		return ""
	}
	return best.String()
}

// pins finds the places.
func (v *verdict) pins() []pin {
	var all []pin
	for _, name := range []string{".nvmrc", ".node-version"} {
		for i, line := range v.lines(name) {
			if m := pinned.Get().FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				all = append(all, pin{file: name, text: strings.TrimSpace(line), line: i + 1, version: m[1]})
				break
			}
		}
	}
	for i, line := range v.lines(".tool-versions") {
		tool, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		if m := pinned.Get().FindStringSubmatch(strings.TrimSpace(version)); m != nil && (tool == "nodejs" || tool == "node") {
			all = append(all, pin{file: ".tool-versions", text: strings.TrimSpace(line), line: i + 1, version: m[1]})
		}
	}
	for _, name := range []string{"Dockerfile", "Containerfile"} {
		if p := v.docker(name); p != nil {
			all = append(all, *p)
		}
	}
	if m := v.folder.found.Manifest; m != nil && m.Node != "" {
		if r, err := npmsemver.ParseRange(m.Node, npmsemver.Options{Loose: true}); err == nil {
			if low, ok := r.Min(); ok && low != (npmsemver.Version{}) && low.Prerelease == "" {
				all = append(all, pin{file: m.File, text: "engines.node: " + m.Node, line: m.NodeLine, version: low.String(), least: true})
			}
		}
	}
	return all
}

// docker finds the image of the last stage, which is the one that runs.
func (v *verdict) docker(name string) *pin {
	var last *pin
	stages := map[string]*pin{}
	for i, line := range v.lines(name) {
		m := fromAny.Get().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		last = stages[strings.ToLower(m[1])]
		if version := fromNode.Get().FindStringSubmatch(line); version != nil {
			last = &pin{file: name, text: strings.TrimSpace(line), line: i + 1, version: version[1]}
		}
		if words := strings.Fields(line); len(words) > 2 && strings.EqualFold(words[len(words)-2], "as") {
			stages[strings.ToLower(words[len(words)-1])] = last
		}
	}
	return last
}

// lines reads a small file of the folder; none when there is none.
func (v *verdict) lines(name string) []string {
	folder := v.session.Folder
	if folder == nil {
		return nil
	}
	// A pipe of that name would never end.
	if info, err := fs.Stat(folder, path.Clean(name)); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil
	}
	return strings.Split(strings.ToValidUTF8(string(text), "?"), "\n")
}
