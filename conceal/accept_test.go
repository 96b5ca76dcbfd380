package conceal_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/conceal"
)

func pageType(g *conceal.Guard, accept ...string) string {
	r := httptest.NewRequest("GET", "/", nil)
	if len(accept) > 0 {
		r.Header["Accept"] = accept
	}
	w := httptest.NewRecorder()
	g.Page(w, r, http.StatusNotFound)
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	return kind
}

func TestPageByAccept(t *testing.T) {
	const html, problem, text = "text/html", "application/problem+json", "text/plain"
	tests := []struct {
		name   string
		accept []string
		want   string
	}{
		{"none", nil, text},
		{"empty", []string{""}, text},
		{"anything", []string{"*/*"}, text},
		{"Chrome", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"}, html},
		{"Firefox", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, html},
		{"axios", []string{"application/json, text/plain, */*"}, problem},
		{"jQuery", []string{"application/json, text/javascript, */*; q=0.01"}, problem},
		{"text first", []string{"text/plain, application/json"}, text},
		{"problem", []string{"application/problem+json"}, problem},
		{"vendor JSON", []string{"application/vnd.github+json"}, problem},
		{"image", []string{"image/avif,image/webp,*/*;q=0.8"}, text},
		{"nothing that there is", []string{"image/png"}, text},
		{"weights", []string{"text/html;q=0.5, application/json;q=0.9"}, problem},
		{"weights the other way", []string{"text/html;q=0.9, application/json;q=0.5"}, html},
		{"weight below the wildcard", []string{"text/html;q=0.5, */*"}, text},
		{"refused", []string{"text/html;q=0, application/json;q=0.1"}, problem},
		{"refused all", []string{"text/html;q=0, application/json;q=0, text/plain;q=0"}, text},
		{"text family", []string{"text/*"}, text},
		{"application family", []string{"application/*"}, problem},
		{"family less than named", []string{"text/html, text/*"}, html},
		{"two lines", []string{"text/html;q=0.5", "application/json"}, problem},
		{"XHTML", []string{"application/xhtml+xml"}, html},
		{"upper case, blanks", []string{" TEXT/HTML ; level=1 ; Q=1.0 "}, html},
		{"bad weight counts as none", []string{"text/html;q=x, application/json;q=0.1"}, problem},
		{"garbage", []string{";;,,/=q,text"}, text},
	}
	g := mustNew(t, conceal.Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := pageType(g, test.accept...); got != test.want {
				t.Errorf("page for Accept %q is %s, want %s", test.accept, got, test.want)
			}
		})
	}
}

// FuzzAccept holds: letter case, the split into lines and a range for something else
// change nothing, and HTML is not sent where only a wildcard would have allowed it
// and it was refused by name.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{browser, "application/json, text/plain, */*", "text/html;q=0", ",;q=,/", "text/*;q=0.3, */*;q=0.1, application/json;q=0.001"} {
		f.Add(seed)
	}
	g := mustNew(f, conceal.Options{})
	f.Fuzz(func(t *testing.T, accept string) {
		if strings.Count(accept, ",") > 50 || !isASCII(accept) {
			return
		}
		want := pageType(g, accept)
		for _, same := range [][]string{{strings.ToUpper(accept)}, {strings.ToLower(accept)}, strings.Split(accept, ","), {accept + ",image/png;q=0.7"}, {"image/png", accept}} {
			if got := pageType(g, same...); got != want {
				t.Fatalf("page for Accept %q is %s, but for %q it is %s", accept, want, same, got)
			}
		}
		if got := pageType(g, accept+",text/html;q=0,application/xhtml+xml;q=0"); got == "text/html" && !strings.Contains(strings.ToLower(accept), "html") {
			t.Fatalf("HTML is sent though %q refuses it", accept)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c > 126 }) < 0
}

// PreferJSON decides where Accept does not, and nowhere else.
func TestPreferJSON(t *testing.T) {
	const html, problem, text = "text/html", "application/problem+json", "text/plain"
	g := mustNew(t, conceal.Options{PreferJSON: func(r *http.Request) bool { return r.URL.Path == "/" }})
	for accept, want := range map[string]string{
		"": problem, "*/*": problem, "image/png": problem, "application/*": problem, "text/html,*/*;q=0.8": html, "text/*": text,
		"text/plain": text, "text/plain;q=0.5, */*": problem, "application/json;q=0, */*": text, "text/html;q=0.9, application/json;q=0.5": html,
	} {
		if got := pageType(g, accept); got != want {
			t.Errorf("page for Accept %q is %s, want %s", accept, got, want)
		}
	}
	r := httptest.NewRequest("GET", "/other", nil)
	w := httptest.NewRecorder()
	if g.Page(w, r, http.StatusNotFound); !strings.HasPrefix(w.Header().Get("Content-Type"), text) {
		t.Errorf("page that is not preferred as JSON is %s, want text", w.Header().Get("Content-Type"))
	}
}
