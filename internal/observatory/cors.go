package observatory

func corsTest(s *site) Test {
	if s.CORS == nil {
		return s.test(testCORS, corsNone, true)
	}
	allowed := firstField(s.CORS.Header, "Access-Control-Allow-Origin")
	credentials := firstField(s.CORS.Header, "Access-Control-Allow-Credentials")
	switch {
	case allowed == "":
		return s.test(testCORS, corsNone, true)
	case trimBlank(head(allowed, 256)) == "*":
		return s.test(testCORS, corsPublic, true)
	case allowed == s.CORS.Origin && trimBlank(lower(credentials)) == "true":
		return s.test(testCORS, corsUniversal, false)
	}
	return s.test(testCORS, corsRestricted, true)
}
