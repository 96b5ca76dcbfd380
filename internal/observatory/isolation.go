package observatory

import "strings"

// resourcePolicyTest grades Cross-Origin-Resource-Policy. Algorithm 6 sees that a field
// is repeated, algorithm 4 looks at the first.
func resourcePolicyTest(s *site) Test {
	value := s.first("Cross-Origin-Resource-Policy")
	if s.version != V4 {
		value = strings.Join(fields(s.Header, "Cross-Origin-Resource-Policy"), ", ")
	}
	byPolicy := map[string]string{
		"": corpNone, "same-origin": corpSameOrigin, "same-site": corpSameSite, "cross-origin": corpCrossOrigin,
	}
	return s.isolation(testCORP, byPolicy, lower(trimBlank(head(value, 256))), corpInvalid)
}

// embedderTest grades Cross-Origin-Embedder-Policy.
func embedderTest(s *site) Test {
	byPolicy := map[string]string{
		"": coepNone, "require-corp": coepRequireCORP, "credentialless": coepCredentialless, "unsafe-none": coepUnsafeNone,
	}
	return s.isolation(testCOEP, byPolicy, tokenField(fields(s.Header, "Cross-Origin-Embedder-Policy")), coepInvalid)
}

// openerTest grades Cross-Origin-Opener-Policy.
func openerTest(s *site) Test {
	byPolicy := map[string]string{
		"": coopNone, "same-origin": coopSameOrigin, "same-origin-allow-popups": coopAllowPopups,
		"noopener-allow-popups": coopNoopener, "unsafe-none": coopUnsafeNone,
	}
	return s.isolation(testCOOP, byPolicy, tokenField(fields(s.Header, "Cross-Origin-Opener-Policy")), coopInvalid)
}

// isolation grades a policy by a table in which "" is for no policy.
func (s *site) isolation(test string, byPolicy map[string]string, policy, invalid string) Test {
	if result, known := byPolicy[policy]; known {
		return s.test(test, result, true)
	}
	return s.test(test, invalid, false)
}

// notToken is what tokenField returns for a field that is there and no token.
const notToken = "\x00"

// tokenField returns the token that a structured field is, without its parameters.
func tokenField(values []string) string {
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return ""
	case len(values) > 1:
		return notToken
	}
	token, ok := parseToken(trimBlank(head(values[0], 1024)))
	if !ok {
		return notToken
	}
	return token
}
