package depreport_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// versions makes a packument: each line is a version and what it depends on.
func versions(name string, all map[string]map[string]string) map[string]any {
	p := map[string]any{"name": name, "dist-tags": map[string]string{}, "versions": map[string]any{}}
	latest := ""
	for v, on := range all {
		p["versions"].(map[string]any)[v] = map[string]any{
			"name": name, "version": v, "dependencies": on,
			"dist": map[string]string{"tarball": "http://registry.test/" + name + "-" + v + ".tgz", "integrity": "sha512-" + strings.Repeat("A", 86) + "=="},
		}
		if !strings.Contains(v, "-") && (latest == "" || newer(v, latest)) {
			latest = v
		}
	}
	p["dist-tags"].(map[string]string)["latest"] = latest
	return p
}

func newer(a, b string) bool {
	var x, y [3]int
	fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return false
}

// universe makes packages that depend on each other at random, but only on later ones of
// the alphabet, so that npm can install each.
func universe(seed uint64) (*registry, map[string]any) {
	rnd := rand.New(rand.NewPCG(seed, 9))
	names := []string{"alder", "birch", "cedar-x", "cedar", "elm.js", "@wood/fir", "gum_t", "hazel"}
	r := &registry{packuments: map[string]map[string]any{}}
	known := map[string][]string{}
	for i := len(names) - 1; i >= 0; i-- {
		all := map[string]map[string]string{}
		for major := range 1 + rnd.IntN(3) {
			for minor := range 1 + rnd.IntN(3) {
				for patch := range 1 + rnd.IntN(4) {
					v := fmt.Sprintf("%d.%d.%d", major+1, minor, patch)
					if rnd.IntN(6) == 0 {
						v += fmt.Sprintf("-beta.%d", rnd.IntN(3))
					}
					on := map[string]string{}
					for _, other := range names[i+1:] {
						if rnd.IntN(3) == 0 {
							some := known[other]
							on[other] = []string{"^", "~", "", ">="}[rnd.IntN(4)] + some[rnd.IntN(len(some))]
						}
					}
					all[v] = on
				}
			}
		}
		all["1.0.0"] = map[string]string{}
		for v := range all {
			if !strings.Contains(v, "-") {
				known[names[i]] = append(known[names[i]], v)
			}
		}
		// The order of a map is none.
		sortVersions(known[names[i]])
		r.packuments[names[i]] = versions(names[i], all)
	}
	for i := range 5 {
		name := names[rnd.IntN(len(names))]
		some := known[name]
		a := advisory{id: fmt.Sprintf("TEST-%d", i), name: name, severity: []string{"LOW", "MODERATE", "HIGH", "CRITICAL"}[rnd.IntN(4)]}
		from, to := some[rnd.IntN(len(some))], some[rnd.IntN(len(some))]
		switch {
		case rnd.IntN(4) == 0:
			a.ranges = [][2]string{{from, ""}}
		case newer(to, from):
			a.ranges = [][2]string{{from, to}}
		default:
			a.ranges = [][2]string{{"0", to}}
		}
		r.advisories = append(r.advisories, a)
	}
	needs, dev := map[string]string{}, map[string]string{}
	for _, name := range names {
		some := known[name]
		spec := []string{"^", "~", ""}[rnd.IntN(3)] + some[rnd.IntN(len(some))]
		switch rnd.IntN(4) {
		case 0, 1:
			needs[name] = spec
		case 2:
			dev[name] = spec
		}
	}
	needs["alder"] = "^1.0.0"
	delete(dev, "alder")
	return r, map[string]any{"name": "shop", "version": "1.0.0", "dependencies": needs, "devDependencies": dev}
}

func sortVersions(all []string) {
	for i := range all {
		for j := range i {
			if newer(all[j], all[i]) {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
}
