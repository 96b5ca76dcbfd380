package login_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/login"
)

func TestJudge(t *testing.T) {
	const html, json = "text/html; charset=utf-8", "application/json; charset=utf-8"
	long := strings.Repeat("x", 100)
	for _, tc := range []struct {
		name           string
		status         int
		location, kind string
		body, referer  string
		want           login.Outcome
	}{
		{name: "passport: to the front page", status: 302, location: "/", want: login.Successful},
		{name: "passport: to the login", status: 302, location: "/login", want: login.Failure},
		{name: "to the login with an error", status: 302, location: "/login?error", want: login.Failure},
		{name: "to the login by its whole address", status: 303, location: "https://shop.test/login/", want: login.Failure},
		{name: "to another login", status: 302, location: "/de/login", want: login.Failure},
		{name: "to a file's login", status: 302, location: "/wp-login.php", want: login.Failure},
		{name: "to another page's error", status: 302, location: "/?failed=1", want: login.Failure},
		{name: "to an error in a value", status: 302, location: "/?msg=Invalid+credentials", want: login.Failure},
		{name: "to an error page", status: 302, location: "/auth/failure", want: login.Failure},
		{name: "to a login within the page", status: 302, location: "/#/login?x", want: login.Failure},
		{name: "to an error within the page", status: 302, location: "/#error", want: login.Failure},
		{name: "to a page within the page", status: 302, location: "/#/home", want: login.Successful},
		{name: "back to the page of the form", status: 302, location: "/welcome", referer: "https://shop.test/welcome?x", want: login.Failure},
		{name: "on to another page", status: 302, location: "/account", referer: "https://shop.test/welcome", want: login.Successful},
		{name: "to the front page, whose form it was", status: 302, location: "/", referer: "https://shop.test/", want: login.Successful},
		{name: "relative", status: 302, location: "?error", want: login.Failure},
		{name: "nowhere", status: 302, want: login.Failure},
		{name: "to nonsense", status: 302, location: "http://%zz", want: login.Failure},
		{name: "not modified", status: 304, want: login.Failure},
		{name: "the form again", status: 200, kind: html, body: "<form>", want: login.Failure},
		{name: "no content", status: 204, want: login.Successful},
		{name: "JSON", status: 200, kind: json, body: `{"token":"abc"}`, want: login.Successful},
		{name: "JSON created", status: 201, kind: json, body: `{"id":1}`, want: login.Successful},
		{name: "JSON without a body", status: 200, kind: json, want: login.Successful},
		{name: "success false", status: 200, kind: json, body: `{"success":false}`, want: login.Failure},
		{name: "success 0", status: 200, kind: json, body: `{"success":0}`, want: login.Failure},
		{name: "success \"false\"", status: 200, kind: json, body: `{"Success":"false"}`, want: login.Failure},
		{name: "ok true", status: 200, kind: json, body: `{"ok":true,"error":null,"errors":[],"message":"welcome"}`, want: login.Successful},
		{name: "error", status: 200, kind: json, body: `{"error":"no"}`, want: login.Failure},
		{name: "error object", status: 200, kind: json, body: `{"error":{"code":7}}`, want: login.Failure},
		{name: "error that is none", status: 200, kind: json, body: `{"error":false,"token":"x"}`, want: login.Successful},
		{name: "errors", status: 200, kind: json, body: `{"data":null,"errors":[{}]}`, want: login.Failure},
		{name: "status", status: 200, kind: json, body: `{"status":"failed"}`, want: login.Failure},
		{name: "code", status: 200, kind: json, body: `{"code":401}`, want: login.Failure},
		{name: "message", status: 200, kind: json, body: `{"message":"Invalid credentials"}`, want: login.Failure},
		{name: "nobody", status: 200, kind: json, body: `{"user":null}`, want: login.Failure},
		{name: "null", status: 200, kind: json, body: ` null`, want: login.Failure},
		{name: "false", status: 200, kind: json, body: `false`, want: login.Failure},
		{name: "true", status: 200, kind: json, body: `true`, want: login.Successful},
		{name: "a cut error", status: 200, kind: json, body: `{"error":"no user ` + long, want: login.Failure},
		{name: "cut behind an error", status: 200, kind: json, body: `{"success":false,"name":"` + long, want: login.Failure},
		{name: "a cut profile", status: 200, kind: json, body: `{"token":"x","profile":{"name":"` + long, want: login.Successful},
		{name: "bad request", status: 400, kind: json, want: login.Failure},
		{name: "unauthorized", status: 401, kind: json, body: `{"error":"x"}`, want: login.Failure},
		{name: "unprocessable", status: 422, want: login.Failure},
		{name: "too many", status: 429, want: login.Failure},
		{name: "broken", status: 500, want: login.Undecided},
		{name: "unavailable", status: 503, kind: json, body: `{"error":"x"}`, want: login.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "https://shop.test/login", nil)
			if tc.referer != "" {
				r.Header.Set("Referer", tc.referer)
			}
			r.SetBasicAuth("decoy", "x") // says nothing about a form
			h := http.Header{"Set-Cookie": {"connect.sid=s%3Anew; Path=/"}}
			if tc.location != "" {
				h.Set("Location", tc.location)
			}
			if tc.kind != "" {
				h.Set("Content-Type", tc.kind)
			}
			if got := login.Judge(r, tc.status, h, []byte(tc.body)); got != tc.want {
				t.Errorf("Judge = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestOutcomeString(t *testing.T) {
	for o, want := range map[login.Outcome]string{login.Undecided: "undecided", login.Successful: "success", login.Failure: "failure", 9: "unknown"} {
		if got := o.String(); got != want {
			t.Errorf("Outcome(%d) = %q, want %q", o, got, want)
		}
	}
}
