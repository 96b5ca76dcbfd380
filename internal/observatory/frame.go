package observatory

import "strings"

// frameTest grades X-Frame-Options, which frame-ancestors in any policy replaces,
// whatever it says.
func frameTest(s *site, frameAncestors bool) Test {
	value := s.first("X-Frame-Options")
	option := lower(trimBlank(head(value, 1024)))
	switch {
	case frameAncestors:
		return s.test(testFrame, frameByCSP, true)
	case value == "":
		return s.test(testFrame, frameNone, false)
	case option == "deny" || option == "sameorigin":
		return s.test(testFrame, frameDenied, true)
	case strings.HasPrefix(option, "allow-from"):
		return s.test(testFrame, frameAllowFrom, true)
	}
	return s.test(testFrame, frameInvalid, false)
}
