package ignorefile

import (
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// Match says whether a rule covers a way from the app to a package, "express@4.17.1 >
// qs@6.7.0". A rule is such a way, where a name may stand without a version or with a range
// of npm's, and * for any number of packages: "* > qs@6.x". What stands after the end of a
// rule is covered too.
func Match(rule, way string) bool {
	return match(parts(rule), parts(way))
}

func parts(s string) []string {
	all := strings.Split(s, ">")
	// Ranges have the same sign: "qs@>=6".
	var joined []string
	for i, p := range all {
		if i > 0 && !(strings.HasSuffix(all[i-1], " ") && (strings.HasPrefix(p, " "))) {
			joined[len(joined)-1] += ">" + p
			continue
		}
		joined = append(joined, p)
	}
	for i := range joined {
		joined[i] = strings.TrimSpace(joined[i])
	}
	return joined
}

// match tries the places of the last * again, so that its work is bounded by the product
// of both lengths.
func match(rule, way []string) bool {
	star, from := -1, 0
	r, w := 0, 0
	for r < len(rule) {
		switch {
		case rule[r] == "*":
			star, from = r, w
			r++
		case w < len(way) && same(rule[r], way[w]):
			r++
			w++
		case star >= 0 && from < len(way):
			from++
			r, w = star+1, from
		default:
			return false
		}
	}
	return true
}

// same says whether a part of a rule is a package of a way.
func same(rule, label string) bool {
	if rule == label {
		return true
	}
	name, spec := cut(rule)
	have, version := cut(label)
	if name != have {
		return false
	}
	if spec == "" || spec == "*" || spec == version {
		return true
	}
	r, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true})
	if err != nil {
		return false
	}
	v, err := npmsemver.Parse(version, npmsemver.Options{Loose: true})
	return err == nil && r.Contains(v)
}

func cut(label string) (name, version string) {
	if label == "" {
		return "", ""
	}
	at := strings.IndexByte(label[1:], '@')
	if at < 0 {
		return label, ""
	}
	return label[:at+1], strings.TrimSpace(label[at+2:])
}
