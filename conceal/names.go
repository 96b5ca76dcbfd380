package conceal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/spell"
)

// checkKeep returns keep in lower case and notes the names that are no banners.
func checkKeep(keep, also []string, problems *guard.Problems) nameList {
	known := nameList(slices.Concat(bannerNames, scriptNames))
	var list nameList
	for i, given := range keep {
		field, name := fmt.Sprintf("Keep[%d]", i), strings.ToLower(given)
		switch {
		case nameList(choiceNames).has(name):
			problems.Add(field, given, "the name of a banner", "it is kept unless Also names it; leave it out")
		case slices.ContainsFunc(also, func(a string) bool { return strings.EqualFold(a, given) }):
			problems.Add(field, given, "in Keep or in Also, not both", "")
		case !known.has(name) && !slices.Contains(known, name):
			problems.Add(field, given, "the name of a banner", didYouMean(name, known))
		default:
			list = append(list, name)
		}
	}
	return list
}

// checkAlso returns also in lower case and notes what cannot be a header or must not
// be removed.
func checkAlso(also []string, problems *guard.Problems) []string {
	var list []string
	for i, given := range also {
		field, name := fmt.Sprintf("Also[%d]", i), strings.ToLower(given)
		prefix, isFamily := strings.CutSuffix(name, "*")
		switch {
		case !isToken(prefix) || len(prefix) < minBanner || len(prefix) > maxBanner:
			problems.Add(field, given, fmt.Sprintf("a header name of %d to %d letters, or its beginning and *", minBanner, maxBanner), "")
		case nameList(vitalNames).has(name), isFamily && slices.ContainsFunc(vitalNames, func(v string) bool { return strings.HasPrefix(v, prefix) }):
			problems.Add(field, given, "a header that the answer does not need", "")
		default:
			list = append(list, name)
		}
	}
	return list
}

// isToken tells a field name by RFC 9110 section 5.6.2.
func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return name != "" && !strings.Contains(name, "*")
}

// didYouMean names the nearest of known, when it is near.
func didYouMean(name string, known []string) string {
	best := spell.Nearest(name, slices.Values(known))
	if best == "" {
		return "Banners() lists what is removed"
	}
	return fmt.Sprintf("did you mean %q?", best)
}
