package observatory

import (
	"maps"
	"strings"
)

// cookieOrder are the faults of cookies, the worst last.
var cookieOrder = []string{
	cookiesInsecureHSTS, cookiesInsecure, cookiesSessionInsecureHSTS, cookiesBadSameSite,
	cookiesTokenNoSameSite, cookiesSessionNoHTTPOnly, cookiesSessionInsecure,
}

// herokuAffinity is set by a proxy that the site has no say in.
const herokuAffinity = "heroku-session-affinity"

func cookieTest(s *site, hsts bool) Test {
	raw := fields(s.Header, "Set-Cookie")
	kept := keptCookies(raw, s.final)
	maps.DeleteFunc(kept, func(id cookieID, _ *cookie) bool { return id.name == herokuAffinity })
	if len(kept) == 0 {
		return s.test(testCookies, cookiesNone, true)
	}
	result := ""
	for _, c := range raw {
		if badSameSite(c) {
			result = worse(cookiesBadSameSite, result, cookieOrder)
		}
	}
	sameSite := true
	for _, c := range kept {
		sameSite = sameSite && c.sameSite != ""
		for _, fault := range c.faults(hsts) {
			result = worse(fault, result, cookieOrder)
		}
	}
	switch {
	case result != "":
		return s.test(testCookies, result, false)
	case sameSite:
		return s.test(testCookies, cookiesBest, true)
	}
	return s.test(testCookies, cookiesGood, true)
}

// badSameSite looks at the field itself, also when the cookie is not kept.
func badSameSite(raw string) bool {
	for part := range strings.SplitSeq(trimBlank(raw), ";") {
		name, rest, _ := strings.Cut(part, "=")
		if lower(trimBlank(name)) != "samesite" {
			continue
		}
		value, _, _ := strings.Cut(rest, "=")
		switch lower(trimBlank(value)) {
		case "lax", "strict", "none":
		default:
			return true
		}
	}
	return false
}

// faults are the faults of one cookie, in no order.
func (c *cookie) faults(hsts bool) []string {
	var faults []string
	name := lower(c.name)
	session := strings.Contains(name, "login") || strings.Contains(name, "sess")
	if !c.secure {
		if c.sameSite == "none" {
			faults = append(faults, cookiesBadSameSite)
		}
		faults = append(faults, insecureFault(session, hsts))
	}
	if strings.Contains(name, "csrf") && c.sameSite == "" {
		faults = append(faults, cookiesTokenNoSameSite)
	}
	if session && !c.httpOnly {
		faults = append(faults, cookiesSessionNoHTTPOnly)
	}
	return faults
}

func insecureFault(session, hsts bool) string {
	switch {
	case session && hsts:
		return cookiesSessionInsecureHSTS
	case session:
		return cookiesSessionInsecure
	case hsts:
		return cookiesInsecureHSTS
	}
	return cookiesInsecure
}
