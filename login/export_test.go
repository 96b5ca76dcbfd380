package login

import (
	"net/http"
	"strings"
	"time"
)

// RouteMatches compiles a pattern and tells whether it is one, and what it matches.
func RouteMatches(pattern string, r *http.Request) (matches, valid bool) {
	one, ok := compileRoute(Route{Pattern: pattern})
	if !ok {
		return false, false
	}
	s := &Shield{routes: []*route{one}}
	return s.match(r) != nil, true
}

// Literal tells whether a pattern stands for one path only.
func Literal(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return !strings.ContainsAny(path, "*{}")
}

// KnownDevice is what a request's cookies say of a user.
func (s *Shield) KnownDevice(r *http.Request, host, user string) bool {
	_, ok := s.devices.known(r, host, user, time.Now())
	return ok
}

// DeviceToken makes one token.
func (s *Shield) DeviceToken(host, user string) string { return s.devices.make(host, user, time.Now()) }
