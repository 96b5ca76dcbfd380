package login_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/login"
)

func TestRoutes(t *testing.T) {
	for _, tc := range []struct {
		pattern     string
		yes, no     []string
		notAPattern bool
	}{
		{pattern: "POST /login", yes: []string{
			"POST /login", "POST /LOGIN", "POST /Login/", "POST //login", "POST /login//", "POST /%6cogin", "POST /./login", "POST /a/../login", "POST /../login",
			"POST /login;x=1", "POST /login?a=b", "POST /login.json", "post /login", "POST http://shop.test/login", "POST /%2flogin", "PUT /login?_method=post",
		}, no: []string{"GET /login", "POST /", "POST /login/2", "POST /logins", "POST /xlogin", "POST /a/login", "POST /json.login", "PUT /login", "POST /%256cogin"}},
		{pattern: "* /login", yes: []string{"GET /login", "PURGE /login"}, no: []string{"GET /log"}},
		{pattern: "POST /{lang}/login", yes: []string{"POST /de/login", "POST /*/login"}, no: []string{"POST /login", "POST /a/b/login"}},
		{pattern: "POST /*/login", yes: []string{"POST /de/login"}, no: []string{"POST /login"}},
		{pattern: "POST /auth/**", yes: []string{"POST /auth", "POST /auth/", "POST /AUTH/a/b"}, no: []string{"POST /authx"}},
		{pattern: "POST /auth/{rest...}", yes: []string{"POST /auth", "POST /auth/a/b"}, no: []string{"POST /b"}},
		{pattern: "* /**", yes: []string{"GET /", "POST /a/b"}},
		{pattern: "POST /", yes: []string{"POST /", "POST //"}, no: []string{"POST /a"}},
		{pattern: "POST /Users/Sign_In/", yes: []string{"POST /users/sign_in", "POST /users//sign_in"}},
		{pattern: "POST /login.php", yes: []string{"POST /login.php", "POST /login.php/x/y"}, no: []string{"POST /login", "POST /login.phps"}},
		{pattern: "login", notAPattern: true},
		{pattern: "POST login", notAPattern: true},
		{pattern: "post /login", notAPattern: true},
		{pattern: "POST /a/**/b", notAPattern: true},
		{pattern: "POST /a?b", notAPattern: true},
		{pattern: "POST  /a", notAPattern: true},
		{pattern: "", notAPattern: true},
	} {
		t.Run(tc.pattern, func(t *testing.T) {
			if tc.notAPattern {
				if _, valid := login.RouteMatches(tc.pattern, httptest.NewRequest("GET", "/", nil)); valid {
					t.Error("is taken for a pattern")
				}
				return
			}
			ask := func(line string, want bool) {
				t.Helper()
				r := request(t, line)
				if got, valid := login.RouteMatches(tc.pattern, r); got != want || !valid {
					t.Errorf("%q matches: %v (valid: %v), want %v", line, got, valid, want)
				}
			}
			for _, line := range tc.yes {
				ask(line, true)
			}
			for _, line := range tc.no {
				ask(line, false)
			}
		})
	}
	r := httptest.NewRequest("PUT", "/login", nil)
	r.Header = http.Header{"X-Http-Method-Override": {"POST"}}
	if got, _ := login.RouteMatches("POST /login", r); !got {
		t.Error("a method that is overridden is not seen")
	}
}

func request(t *testing.T, line string) *http.Request {
	t.Helper()
	var method, target string
	for i := range line {
		if line[i] == ' ' {
			method, target = line[:i], line[i+1:]
			break
		}
	}
	return httptest.NewRequest(method, target, nil)
}
