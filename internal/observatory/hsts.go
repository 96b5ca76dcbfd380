package observatory

import "strings"

// sixMonths is a little less than half a year, which many sites use.
const sixMonths = 15_552_000

func hstsTest(s *site) Test {
	if !s.HTTPS.Available {
		return s.test(testHSTS, hstsNoHTTPS, false)
	}
	if s.preload.covers(s.Hostname) {
		return s.test(testHSTS, hstsPreloaded, true)
	}
	if !s.HTTPS.Verified {
		return s.test(testHSTS, hstsBadCert, false)
	}
	values := fields(s.Header, "Strict-Transport-Security")
	if len(values) == 0 {
		return s.test(testHSTS, hstsNone, false)
	}
	result := judgeHSTS(head(values[0], 1024))
	return s.test(testHSTS, result, result == hstsLong)
}

// judgeHSTS reads the directives, of which the last max-age counts. One that is no number
// is not below six months, so it is long enough.
func judgeHSTS(value string) string {
	if strings.Contains(value, ",") {
		return hstsInvalid
	}
	result := hstsInvalid
	for directive := range strings.SplitSeq(value, ";") {
		age, ok := strings.CutPrefix(lower(trimBlank(directive)), "max-age=")
		switch {
		case !ok:
		case belowSixMonths(head(age, 120)):
			result = hstsShort
		default:
			result = hstsLong
		}
	}
	return result
}

// belowSixMonths compares as parseInt reads: blanks and a sign, then digits, then
// anything.
func belowSixMonths(age string) bool {
	age = strings.TrimLeftFunc(age, isBlank)
	digits := strings.TrimLeft(age, "+-")
	if len(age)-len(digits) > 1 {
		return false
	}
	length := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	if length == 0 {
		return false
	}
	if strings.HasPrefix(age, "-") {
		return true
	}
	seconds := 0
	for _, c := range digits[:length] {
		if seconds = seconds*10 + int(c-'0'); seconds >= sixMonths {
			return false
		}
	}
	return true
}
