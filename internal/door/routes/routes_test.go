package routes_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/door/routes"
)

func parse(t testing.TB, target, host string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var table = routes.New([]routes.Route{
	{Path: "/static/", To: 1},
	{Path: "/static/app.js", To: 2},
	{Site: "api.example", Path: "/", To: 3},
	{Site: "api.example", Path: "/static/", To: 4},
	{Path: "/käse/", To: 5},
	{Site: "2001:db8::1", Path: "/", To: 6},
	{Path: "/static/open/", To: 0},
})

func TestPick(t *testing.T) {
	tests := []struct {
		host, target string
		want         int // -1: refused
	}{
		{"shop.example", "/", 0},
		{"shop.example", "/static", 0},
		{"shop.example", "/static/", 1},
		{"shop.example", "/static/a", 1},
		{"shop.example", "/static/a?next=/../x", 1},
		{"shop.example", "/static/app.js", 2},
		{"shop.example", "/static/app.js/x", 1},
		{"shop.example", "/static/open/x", 0},
		{"shop.example", "/statics/a", 0},
		{"shop.example", "/STATIC/a", 0},
		{"shop.example", "/%73tatic/a", 1}, // a letter encoded without need
		{"shop.example", "/k%C3%A4se/x", 5},
		{"shop.example", "/k%c3%a4se/a%2Fb", 5},
		{"shop.example", "/käse/x", 5},
		{"api.example", "/x", 3},
		{"API.example:8443", "/x", 3},
		{"api.example.", "/x", 3},
		{"api.example", "/static/x", 4},
		{"api.example", "/static/app.js", 2}, // the longest path wins over the site
		{"api.example", "/../x", 3},
		{"[2001:DB8::0:1]:443", "/x", 6},
		{"[2001:db8::2]", "/x", 0},
		// What servers read in several ways, and all lead to one.
		{"shop.example", "/static/a%2Fb", 1},
		{"shop.example", "/static/a;v=1", 1},
		{"shop.example", "/static/a//b", 1},
		{"shop.example", "/static/x/../a", 1},
		{"shop.example", "/a//b;c/%2e", 0},
		{"api.example", "/a%2fb/..", 3},
		// And to more than one: ways around.
		{"shop.example", "/static/../admin", -1},
		{"shop.example", "/static/..%2fadmin", -1},
		{"shop.example", "/static/%2e%2e/admin", -1},
		{"shop.example", "/static/..;/admin", -1},
		{"shop.example", `/static/..%5cadmin`, -1},
		{"shop.example", "/static/%252e%252e/admin", -1},
		{"shop.example", "/static/a%2fb/../../admin", -1},
		{"shop.example", "//static/a", -1},
		{"shop.example", "/static/%c0%ae%c0%ae/admin", -1},
		{"shop.example", "/static/..%20/admin", -1},
		{"shop.example", "/static/.../admin", -1},
		{"shop.example", "/legacy/%E4", 0},
		{"shop.example", "/static/%E4", 1},
		{"shop.example", "/static/a%20b", 1},
		{"shop.example", "/static;x/a", -1},
		{"shop.example", "/x/../static/a", -1},
		{"shop.example", "/%2fstatic/a", -1},
		{"shop.example", "/static%2fa", -1},
		{"shop.example", "/%2573tatic/a", -1},
		{"shop.example", "/static/open/../secret", -1},
		{"shop.example", "/static/a%2f" + strings.Repeat("b", 5000), -1},
		{"api.example", "/static//app.js", -1},
	}
	for _, tt := range tests {
		r := parse(t, tt.target, tt.host)
		got, ok := table.Pick(r.Host, r.URL)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("Pick(%s %.60s) = %d, want %d", tt.host, tt.target, got, tt.want)
		}
	}
	star := parse(t, "/", "api.example")
	star.URL.Path = "*"
	if got, ok := table.Pick(star.Host, star.URL); got != 3 || !ok {
		t.Errorf("Pick(OPTIONS *) = %d, %v, want the site's", got, ok)
	}
	var zero routes.Table
	if got, ok := zero.Pick("shop.example", star.URL); got != 0 || !ok {
		t.Errorf("Pick of the zero Table = %d, %v, want 0", got, ok)
	}
}

// TestSameTarget: where all routes lead to one application, no path is refused.
func TestSameTarget(t *testing.T) {
	one := routes.New([]routes.Route{{Path: "/a/", To: 0}})
	r := parse(t, "/a/..%2fb", "shop.example")
	if _, ok := one.Pick(r.Host, r.URL); !ok {
		t.Error("Pick refuses a path of the only application")
	}
}

func TestPickAllocates(t *testing.T) {
	for _, host := range []string{"api.example:8443", "shop.example", "[2001:db8::1]"} {
		r := parse(t, "/static/some/file.css", host)
		if n := testing.AllocsPerRun(100, func() { table.Pick(r.Host, r.URL) }); n > 0 && host[0] != '[' {
			t.Errorf("Pick(%s) allocates %v times, want 0", host, n)
		}
	}
}

func FuzzPick(f *testing.F) {
	for _, seed := range []string{"/static/a", "/static/..%2fx", "//static;/x", "/k%C3%A4se/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n\r\n")))
		if err != nil {
			return
		}
		to, ok := table.Pick(r.Host, r.URL)
		// What a server of the first kind resolves must not lead elsewhere.
		clean := r.URL.JoinPath() // net/url's own resolution of dots
		if clean.Path == "" {
			return
		}
		if other, sure := table.Pick("shop.example", clean); ok && sure && to != other {
			t.Errorf("Pick(%q) = %d, and %d for %q, which it resolves to", target, to, other, clean.Path)
		}
	})
}

// BenchmarkPick shows what the oddest path that is read at all costs.
func BenchmarkPick(b *testing.B) {
	for name, target := range map[string]string{
		"ordinary": "/static/some/file.css",
		"odd":      "/static/a%2Fb",
		"oddest":   "/static/" + strings.Repeat("%255c%252f;%c0%ae%20../", 42),
	} {
		b.Run(name, func(b *testing.B) {
			r := parse(b, target, "shop.example")
			b.ReportAllocs()
			for b.Loop() {
				table.Pick(r.Host, r.URL)
			}
		})
	}
}
