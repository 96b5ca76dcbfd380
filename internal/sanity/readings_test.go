package sanity_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/sanity"
)

func TestReadings(t *testing.T) {
	tests := []struct{ target, holds, lacks string }{
		{"/plain/path", "/plain/path", ""},
		{"/k%C3%A4se", "/käse", ""},
		{"/k%C3%A4se/a%2Fb", "/käse/a/b /käse/a%2Fb", "/k%C3%A4se/a/b"},
		{"/api/..%2fadmin", "/api/../admin /admin", ""},
		{"/api/%252e%252e/admin", "/admin /api/../admin", ""},
		{"/api/a%2fb/../../x", "/x /api/x", ""}, // who decodes late climbs further
		{"//api//x", "/api/x //api//x", ""},
		{"/api;v=1/x", "/api/x /api;v=1/x", ""},
		{"/a/%5c..%5cb", `/a/\..\b /b`, ""},
		{"/a/./b/", "/a/b/", "/a/b"},
		{"/a/%c0%ae%c0%ae/b", "/b", ""},
		{"/a/..%c0%af..%e0%80%af/b", "/a/../../b /b", ""},
		{"/a/..%20/b", "/a/../b /b", ""},
		{"/a/.../b", "/a/.../b /b", ""},
	}
	for _, tt := range tests {
		all, complete := sanity.Readings(get(t, tt.target).URL)
		got := slices.Collect(all)
		for _, want := range strings.Fields(tt.holds) {
			if !slices.Contains(got, want) {
				t.Errorf("Readings(%s) = %q, want %q among them", tt.target, got, want)
			}
		}
		if !complete || tt.lacks != "" && slices.Contains(got, tt.lacks) {
			t.Errorf("Readings(%s) = %q, %v, want all without %q", tt.target, got, complete, tt.lacks)
		}
	}
	long := "/a%2f" + strings.Repeat("b", 5000)
	if all, complete := sanity.Readings(get(t, long).URL); complete || len(slices.Collect(all)) != 0 {
		t.Error("Readings of a long odd path = complete, want none")
	}
}

// FuzzReadings holds that what a route may be reached by is among the readings, but for case
// and the slash at the end.
func FuzzReadings(f *testing.F) {
	for _, seed := range []string{"/api/x", "/x/..%2fapi/y", "//api/x", "/api;x/y", "/%2561pi/x", `/a%5c..%5capi/x`, "/api/a%2fb/../../x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " ?#\r\n") {
			return
		}
		r := tryParse(target)
		if r == nil || step(t, sanity.Options{Hosts: []string{"shop.example"}, Sink: silent}).Check(r) != nil {
			return
		}
		all, complete := sanity.Readings(r.URL)
		if !complete {
			return
		}
		reached := false
		for p := range all {
			p = strings.ToLower(p)
			reached = reached || p == "/api" || strings.HasPrefix(p, "/api/")
		}
		if may := route(t, "/api/").MayReach(r); may && !reached {
			t.Errorf("Readings(%s) lacks what MayReach takes for below /api/", target)
		}
	})
}

// tryParse is get for what may be no request.
func tryParse(target string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n\r\n")))
	if err != nil {
		return nil
	}
	return r
}
