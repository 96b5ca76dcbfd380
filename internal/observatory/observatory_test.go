package observatory_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/observatory"
)

// answer is a sound answer with the given header fields, name and value in turn.
func answer(fields ...string) observatory.Answer {
	a := observatory.Answer{
		Hostname: "shop.example.com",
		FinalURL: "https://shop.example.com/",
		Status:   200,
		HTTPS:    observatory.Reach{Available: true, Verified: true},
		HTTP:     observatory.Reach{Available: true, Verified: true},
		Redirects: []observatory.Hop{
			{URL: "http://shop.example.com/", Status: 301},
			{URL: "https://shop.example.com/", Status: 200},
		},
		Header: http.Header{"Content-Type": {"text/html"}},
		Body:   "<html></html>",
	}
	for i := 0; i+1 < len(fields); i += 2 {
		a.Header.Add(fields[i], fields[i+1])
	}
	return a
}

// result is the code of one test.
func result(t testing.TB, a observatory.Answer, v observatory.Version, test string) string {
	t.Helper()
	report, err := observatory.Score(a, observatory.Options{Version: v})
	if err != nil {
		t.Fatalf("Score() = %v, want a report", err)
	}
	verdict, ok := report.Tests.Named(test)
	if !ok {
		t.Fatalf("Score() has no test %q", test)
	}
	return verdict.Result
}

func TestScoreRefuses(t *testing.T) {
	down := answer()
	down.HTTPS.Available, down.HTTP.Available = false, false
	with := func(change func(*observatory.Answer)) observatory.Answer {
		a := answer()
		change(&a)
		return a
	}
	for _, c := range []struct {
		name string
		in   observatory.Answer
		want error
	}{
		{"nothing answers", down, observatory.ErrDown},
		{"no answer recorded", observatory.Answer{}, observatory.ErrDown},
		{"informational", with(func(a *observatory.Answer) { a.Status = 103 }), observatory.ErrStatus},
		{"not found", with(func(a *observatory.Answer) { a.Status = 404 }), observatory.ErrStatus},
		{"server error", with(func(a *observatory.Answer) { a.Status = 500 }), observatory.ErrStatus},
		{"unauthorized", with(func(a *observatory.Answer) { a.Status = 401 }), nil},
		{"forbidden", with(func(a *observatory.Answer) { a.Status = 403 }), nil},
		{"redirect", with(func(a *observatory.Answer) { a.Status = 308 }), nil},
		{"no final URL", with(func(a *observatory.Answer) { a.FinalURL = "" }), observatory.ErrURL},
		{"relative final URL", with(func(a *observatory.Answer) { a.FinalURL = "/x" }), observatory.ErrURL},
		{"other scheme", with(func(a *observatory.Answer) { a.FinalURL = "ftp://shop.example.com/" }), observatory.ErrURL},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := observatory.Score(c.in, observatory.Options{}); !errors.Is(err, c.want) {
				t.Errorf("Score(%+v) = %v, want %v", c.in, err, c.want)
			}
		})
	}
}

// TestModifiers holds the table of results to the real ones, and each code to a
// description.
func TestModifiers(t *testing.T) {
	data, err := os.ReadFile("testdata/modifiers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ V4, V6 map[string]int }
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for code, modifier := range want.V6 {
		if observatory.Describe(code) == "" {
			t.Errorf("Describe(%q) is empty", code)
		}
		if got := observatory.Modifier(code, observatory.V6); got != modifier {
			t.Errorf("Modifier(%q, V6) = %d, want %d", code, got, modifier)
		}
	}
	for code, modifier := range want.V4 {
		if got := observatory.Modifier(code, observatory.V4); got != modifier {
			t.Errorf("Modifier(%q, V4) = %d, want %d", code, got, modifier)
		}
	}
	if got := observatory.Describe("no-such-code"); got != "" {
		t.Errorf("Describe(no-such-code) = %q, want nothing", got)
	}
}

// TestCarriesOn: where the original throws, there is a verdict all the same.
func TestCarriesOn(t *testing.T) {
	noURL := answer()
	noURL.Body = `<script src="https://"></script>`
	local := answer()
	local.Redirects = []observatory.Hop{{URL: "http://localhost/", Status: 200}}
	none := answer()
	none.Redirects = []observatory.Hop{{URL: "::", Status: 200}}
	for _, c := range []struct {
		name, test, want string
		in               observatory.Answer
	}{
		{"script without a host", "subresource-integrity", "sri-not-implemented-but-external-scripts-loaded-securely", noURL},
		{"redirect at localhost", "redirection", "redirection-missing", local},
		{"redirect to no address", "redirection", "redirection-missing", none},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range []observatory.Version{observatory.V4, observatory.V6} {
				if got := result(t, c.in, v, c.test); got != c.want {
					t.Errorf("v%v: Score(%s) = %s, want %s", v, c.name, got, c.want)
				}
			}
		})
	}
}

// TestFetched: two fields are one value to the client of a live scan.
func TestFetched(t *testing.T) {
	a := answer(
		"Content-Security-Policy", "default-src 'none'", "Content-Security-Policy", "default-src 'none'",
		"Content-Type", "text/plain", "Set-Cookie", "a=1", "Set-Cookie", "b=2",
	)
	a.CORS = &observatory.Preflight{Header: http.Header{"Access-Control-Allow-Origin": {"*", "*"}}}
	got := a.Fetched()
	want := http.Header{
		"Content-Security-Policy": {"default-src 'none', default-src 'none'"},
		"Content-Type":            {"text/html"},
		"Set-Cookie":              {"a=1", "b=2"},
	}
	if !reflect.DeepEqual(got.Header, want) {
		t.Errorf("Fetched().Header = %v, want %v", got.Header, want)
	}
	if v := got.CORS.Header.Get("Access-Control-Allow-Origin"); v != "*, *" {
		t.Errorf("Fetched().CORS = %q, want %q", v, "*, *")
	}
	for _, c := range []struct {
		version observatory.Version
		want    string
	}{
		{observatory.V4, "csp-implemented-with-no-unsafe"},
		{observatory.V6, "csp-implemented-with-no-unsafe-default-src-none"},
	} {
		if r := result(t, got, c.version, "content-security-policy"); r != c.want {
			t.Errorf("v%v: Score(Fetched()) = %s, want %s", c.version, r, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	a := answer("Set-Cookie", "a=1", "Set-Cookie", "b=2")
	a.CORS = &observatory.Preflight{Origin: "https://probe.example.org", Header: http.Header{}}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back observatory.Answer
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, a) {
		t.Errorf("answer through JSON = %+v, %v, want %+v", back, err, a)
	}
	for _, broken := range []string{`[]`, `{"headers":{"a":1}}`, `{"headers":[]}`, `{"status":"x"}`} {
		if err := json.Unmarshal([]byte(broken), &back); err == nil {
			t.Errorf("Unmarshal(%s) has no error", broken)
		}
	}
	report, err := observatory.Score(a, observatory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err = json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var again observatory.Report
	if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, report) {
		t.Errorf("report through JSON = %+v, %v, want %+v", again, err, report)
	}
	for _, broken := range []string{`{"tests":[]}`, `{"tests":1}`, `{"tests":{"a":1}}`} {
		if err := json.Unmarshal([]byte(broken), &again); err == nil {
			t.Errorf("Unmarshal(%s) has no error", broken)
		}
	}
}

// TestHostile: a megabyte of anything takes no more than a moment.
func TestHostile(t *testing.T) {
	size := 1 << 20
	if testing.Short() {
		size = 1 << 16
	}
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	numbered := func(format func(int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(format(i))
		}
		return b.String()
	}
	digits := func(i int) string { return strings.Map(func(r rune) rune { return r - '0' + 'a' }, jsonNumber(i)) }
	policy := func(s string) observatory.Answer { return answer("Content-Security-Policy", s) }
	body := func(s string) observatory.Answer {
		a := answer()
		a.Body = s
		return a
	}
	sources := numbered(func(i int) string { return " " + digits(i) })
	half := sources[:size/3]
	for name, a := range map[string]observatory.Answer{
		"sources":               policy("script-src" + sources),
		"directives":            policy(numbered(func(i int) string { return digits(i) + " x;" })),
		"policies":              policy(fill("img-src a,")[:size-9] + "img-src a"),
		"policies of all":       policy("img-src" + half + ",img-src" + half + strings.Repeat(",img-src b", size/30)),
		"long source, policies": policy("img-src " + fill("/a")[:size/2] + strings.Repeat(",img-src /", size/20)),
		"deep paths":            policy("img-src " + fill("/")[:size/2] + ",img-src " + fill("/")[:size/2] + "a"),
		"one word":              policy(fill("a")),
		"semicolons":            policy(fill(";")),
		"percent":               policy(fill("img-src %61 ") + ",img-src a"),
		"less-than":             body(fill("<")),
		"open tags":             body(fill("<a>")),
		"open elements":         body(fill("<b><i>")),
		"end tags":              body(fill("<p>")[:size/2] + fill("</b>")[:size/2]),
		"formatting":            body(numbered(func(i int) string { return "<p><b id=" + digits(i) + "></p>" })),
		"tables":                body(fill("<table><tr><td>")),
		"foster":                body("<table>" + fill("a<b>")),
		"one tag":               body("<script " + numbered(func(i int) string { return digits(i) + "=1 " })),
		"quotes":                body(fill(`<a b="`)),
		"comments":              body(fill("<!--")),
		"scripts":               body(fill("<script src=//x/></script>")),
		"script text":           body("<script>" + fill("</scrip")),
		"meta":                  body(fill(`<meta http-equiv=content-security-policy content="img-src a">`)),
		"references":            body(`<script src="` + fill("&ampx") + `">`),
		"svg":                   body(fill("<svg><title>")),
		"templates":             body(fill("<template>")),
		"select":                body("<select>" + fill("<div><option>")),
		"cookie":                answer("Set-Cookie", "a=1;"+fill("domain=a;")),
		"cookie domain":         answer("Set-Cookie", "a=1;domain="+fill("a.")),
		"hsts":                  answer("Strict-Transport-Security", fill("max-age=1;")),
		"referrer":              answer("Referrer-Policy", fill("origin,")),
		"structured":            answer("Cross-Origin-Opener-Policy", fill("same-origin;a;")),
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []observatory.Version{observatory.V4, observatory.V6} {
				start := time.Now()
				if _, err := observatory.Score(a, observatory.Options{Version: v}); err != nil {
					t.Errorf("Score(%s) = %v, want a report", name, err)
				}
				// Seconds on a busy machine under the race detector; what is quadratic
				// takes minutes.
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("v%v: Score(%s) took %v, want moments", v, name, took)
				} else {
					t.Logf("v%v: %v", v, took)
				}
			}
		})
	}
	a := answer()
	a.Hostname = fill("a.")
	a.FinalURL = "https://" + a.Hostname + "/" + fill("../")
	a.Redirects = []observatory.Hop{{URL: a.FinalURL}, {URL: a.FinalURL}}
	preload := observatory.PreloadList{"a": {Mode: "force-https"}}
	start := time.Now()
	if _, err := observatory.Score(a, observatory.Options{Preload: preload}); err != nil {
		t.Errorf("Score(long host) = %v, want a report", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("Score(long host) took %v, want moments", took)
	}
}

func jsonNumber(i int) string {
	data, _ := json.Marshal(i)
	return string(data)
}

// FuzzScore: no answer makes Score panic, a score fits its grade and its tests, and the
// same answer has the same report.
func FuzzScore(f *testing.F) {
	for _, c := range load(f, "testdata/observatory.json").Cases[:40] {
		h := c.Input.Header
		f.Add(c.Input.FinalURL, h.Get("Content-Security-Policy"), strings.Join(h.Values("Set-Cookie"), "\n"),
			h.Get("Strict-Transport-Security"), h.Get("Cross-Origin-Opener-Policy"), c.Input.Body, c.Input.Redirects[0].URL)
	}
	f.Fuzz(func(t *testing.T, final, policy, cookies, hsts, opener, body, redirect string) {
		a := answer("Content-Security-Policy", policy, "Strict-Transport-Security", hsts,
			"Cross-Origin-Opener-Policy", opener, "Cross-Origin-Embedder-Policy", hsts,
			"Referrer-Policy", cookies, "X-Frame-Options", redirect)
		for cookie := range strings.SplitSeq(cookies, "\n") {
			a.Header.Add("Set-Cookie", cookie)
		}
		a.FinalURL, a.Body, a.Hostname = final, body, redirect
		a.Redirects = append(a.Redirects, observatory.Hop{URL: redirect})
		a.CORS = &observatory.Preflight{Origin: redirect, Header: http.Header{"Access-Control-Allow-Origin": {redirect}}}
		for _, v := range []observatory.Version{observatory.V4, observatory.V6} {
			o := observatory.Options{Version: v, Preload: observatory.PreloadList{"example": {Mode: "force-https", IncludeSubDomains: true}}}
			report, err := observatory.Score(a, o)
			if err != nil {
				if !errors.Is(err, observatory.ErrURL) {
					t.Errorf("Score() = %v, want a report or ErrURL", err)
				}
				return
			}
			if again, _ := observatory.Score(a, o); !reflect.DeepEqual(again, report) {
				t.Errorf("Score() = %+v, then %+v", report, again)
			}
			sum := 0
			for _, test := range report.Tests {
				sum += test.Modifier
				if test.Description == "" || test.Description != observatory.Describe(test.Result) {
					t.Errorf("Score(): %q has the description %q", test.Result, test.Description)
				}
			}
			switch {
			case report.Score < 0, report.Grade == "", report.Passed+report.Failed != len(report.Tests):
				t.Errorf("Score() = %+v, which does not add up", report)
			case report.Uncurved >= 90 && report.Score != 100+sum, report.Uncurved < 90 && report.Score != max(report.Uncurved, 0):
				t.Errorf("Score() = %+v, whose modifiers sum up to %d", report, sum)
			case (report.Grade == "A+") != (report.Score >= 100), (report.Grade == "F") != (report.Score < 25):
				t.Errorf("Score() = %+v, whose grade does not fit", report)
			}
		}
	})
}
