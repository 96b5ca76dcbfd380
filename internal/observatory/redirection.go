package observatory

func redirectionTest(s *site) Test {
	switch {
	case !s.HTTP.Available:
		return s.test(testRedirection, redirectionNoHTTP, true)
	case !s.HTTP.Verified:
		return s.test(testRedirection, redirectionBadCert, false)
	}
	result := s.judgeRoute()
	return s.test(testRedirection, result, result == redirectionPreloaded || result == redirectionHTTPS)
}

func (s *site) judgeRoute() string {
	route := make([]address, len(s.Redirects))
	preloaded := true
	for i, hop := range s.Redirects {
		// What is no address has neither scheme nor host.
		route[i], _ = parseAddress(hop.URL, nil)
		preloaded = preloaded && s.preload.covers(route[i].host)
	}
	switch {
	case preloaded:
		// Also when there was no redirect at all.
		return redirectionPreloaded
	case len(route) == 1:
		return redirectionMissing
	case route[len(route)-1].scheme != "https":
		return redirectionNotHTTPS
	case route[1].scheme == "http":
		return redirectionLate
	case route[0].scheme == "http" && route[1].scheme == "https" && route[0].host != route[1].host:
		return redirectionOffHost
	}
	return redirectionHTTPS
}
