package observatory

import "strings"

// referrerPrivate says of each known policy whether it keeps the path from other sites.
var referrerPrivate = map[string]bool{
	"no-referrer": true, "same-origin": true, "strict-origin": true,
	"strict-origin-when-cross-origin": true,
	"origin":                          false, "origin-when-cross-origin": false, "unsafe-url": false,
	"no-referrer-when-downgrade": false,
}

// referrerTest takes the last policy that is known, a meta element after the headers.
func referrerTest(s *site) Test {
	values := fields(s.Header, "Referrer-Policy")
	if s.page.referrer != "" {
		values = append(values, s.page.referrer)
	}
	if len(values) == 0 {
		return s.test(testReferrer, referrerNone, true)
	}
	result := referrerInvalid
	for policy := range strings.SplitSeq(strings.Join(values, ","), ",") {
		private, known := referrerPrivate[trimBlank(lower(policy))]
		switch {
		case known && private:
			result = referrerSafe
		case known:
			result = referrerUnsafe
		}
	}
	return s.test(testReferrer, result, result == referrerSafe)
}
