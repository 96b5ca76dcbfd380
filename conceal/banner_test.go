package conceal_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/guard"
)

// owaspNames is OWASP's list, as data of its own, so that the guard's list is held
// by another.
func owaspNames(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/owasp-remove.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(text))
	if len(names) != 87 {
		t.Fatalf("testdata/owasp-remove.txt has %d names, want 87", len(names))
	}
	return names
}

// byChoice are those of OWASP's names that somebody uses.
func byChoice(name string) bool {
	return name == "SourceMap" || name == "X-SourceMap" || strings.HasPrefix(name, "X-B3-") || strings.HasPrefix(name, "X-Datadog-")
}

func TestBannersAreRemoved(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	all := mustNew(t, conceal.Options{Sink: new(events).sink, Also: []string{"SourceMap", "x-sourcemap", "X-B3-*", "x-datadog-*"}})
	names := slices.Concat(owaspNames(t), []string{"X-Drupal-Cache", "X-Drupal-Dynamic-Cache", "X-Varnish", "X-Runtime",
		"X-AspNetMvc-Version", "X-Magento-Tags", "X-Debug-Token-Link", "X-Powered-By-Anything"})
	for _, name := range names {
		for _, form := range []string{http.CanonicalHeaderKey(name), strings.ToLower(name), strings.ToUpper(name)} {
			app := reply{200, http.Header{form: {"x"}, "X-Request-Id": {"7"}}, "ok"}
			_, left := exchange(g, app, nil).Header()[form]
			if left != byChoice(name) {
				t.Errorf("%s left: %v, want %v", form, left, byChoice(name))
			}
			if _, left := exchange(all, app, nil).Header()[form]; left {
				t.Errorf("%s left though asked for by Also", form)
			}
		}
	}
}

func TestFunctionalHeadersStay(t *testing.T) {
	want := http.Header{}
	for _, name := range []string{"X-Request-Id", "Server-Timing", "Sourcemap", "X-Ratelimit-Limit", "X-Cache", "X-Content-Type-Options",
		"X-Frame-Options", "X-Xsrf-Token", "X-Pingback", "X-Amz-Request-Id", "X-Total-Count", "X-Robots-Tag", "X-Inertia", "X-Accel-Buffering",
		"Content-Type", "Vary", "Etag", "Link", "Set-Cookie", "Date", "X-Ua-Compatible", "X-Dns-Prefetch-Control", "Traceparent", "X", "X-"} {
		want[name] = []string{"v"}
	}
	want[strings.Repeat("X-Powered-By", 100)] = []string{"v"}
	w := exchange(mustNew(t, conceal.Options{Sink: new(events).sink}), reply{200, want, ""}, nil)
	if !maps.EqualFunc(w.Header(), want, slices.Equal) {
		t.Errorf("header = %v, want %v", w.Header(), want)
	}
}

// What a framework's own script in the browser reads stays where a script asks.
func TestScriptsKeepTheirHeaders(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	app := reply{200, header("X-Nextjs-Redirect", "/x", "X-Atmosphere-Tracking-Id", "7", "X-Nextjs-Cache", "HIT", "X-Powered-By", "Next.js"), "{}"}
	for _, test := range []struct {
		name    string
		request http.Header
		left    []string
	}{
		{"document", header("Sec-Fetch-Dest", "document"), nil},
		{"no Sec-Fetch", nil, nil},
		{"fetch", header("Sec-Fetch-Dest", "empty"), []string{"X-Atmosphere-Tracking-Id", "X-Nextjs-Redirect"}},
		{"Next.js data", header("X-Nextjs-Data", "1"), []string{"X-Atmosphere-Tracking-Id", "X-Nextjs-Redirect"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slices.Sorted(maps.Keys(exchange(g, app, test.request).Header())); !slices.Equal(got, test.left) {
				t.Errorf("header names = %v, want %v", got, test.left)
			}
		})
	}
}

func TestVia(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	for value, left := range map[string]bool{
		"1.1 varnish": false, "1.1 Caddy": false, "2 heroku-router": false, "1.1 vegur": false, "1.1 google": false,
		"1.0 proxy1 (squid/5.7)": false, "1.1 a, 1.1 nginx": false, "1.1 abc.cloudfront.net (CloudFront)": false,
		"1.1 edge-7": true, "1.1 p.example.test": true, "1.1 catspaw": true,
	} {
		if got := exchange(g, reply{200, header("Via", value), ""}, nil).Header().Get("Via"); (got != "") != left {
			t.Errorf("Via: %s left %q, want left %v", value, got, left)
		}
	}
}

func TestKeep(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink, Keep: []string{"server", "X-Drupal-*", "X-Kong-Request-Id"}})
	app := reply{200, header("Server", "ours", "X-Drupal-Cache", "HIT", "X-Kong-Request-Id", "7", "X-Kong-Proxy-Latency", "1", "X-Powered-By", "x"), ""}
	got := slices.Sorted(maps.Keys(exchange(g, app, nil).Header()))
	if want := []string{"Server", "X-Drupal-Cache", "X-Kong-Request-Id"}; !slices.Equal(got, want) {
		t.Errorf("header names = %v, want %v", got, want)
	}
	if slices.Contains(g.Banners(), "Server") || !slices.Contains(g.Banners(), "X-Powered-By") || !slices.Contains(g.Banners(), "X-Kong-*") {
		t.Errorf("Banners() = %v", g.Banners())
	}
}

func TestOptionProblemsAreReportedAtOnce(t *testing.T) {
	_, err := conceal.New(conceal.Options{
		Mode: 9,
		Keep: []string{"Servr", "X-Request-Id", "Server-Timing", "Via", ""},
		Also: []string{"Content-Type", "X-*", "bad name", "Via", "X-Mine", "*"},
		Pages: map[int]conceal.Page{
			200: {HTML: "x"}, 404: {HTML: "{{.Nope}}"}, 500: {HTML: "{{"}, 5: {HTML: " "}, 403: {HTML: "fine"},
		},
	})
	var got []string
	for _, problem := range guard.OptionErrors(err) {
		if problem.Package != "conceal" || problem.Allowed == "" {
			t.Errorf("problem %v does not say package and what is allowed", problem)
		}
		got = append(got, problem.Field)
	}
	want := []string{"Mode", "Keep[0]", "Keep[1]", "Keep[2]", "Keep[3]", "Keep[4]", "Also[0]", "Also[1]", "Also[2]", "Also[5]",
		"Pages[5].HTML", "Pages", "Pages[404].HTML", "Pages[500].HTML"}
	if !slices.Equal(got, want) {
		t.Errorf("problems of %v, want %v\n%v", got, want, err)
	}
	for _, text := range []string{`did you mean "server"?`, `in Keep or in Also, not both`} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error has no %q:\n%v", text, err)
		}
	}
}

func TestOptionsAreCopied(t *testing.T) {
	o := conceal.Options{Sink: new(events).sink, Keep: []string{"Server"}, Pages: map[int]conceal.Page{404: {HTML: "ours"}}}
	g := mustNew(t, o)
	o.Keep[0] = "Via"
	delete(o.Pages, 404)
	w := exchange(g, reply{404, header("Server", "x", "Content-Type", "text/plain"), "Not Found"}, header("Accept", "text/html"))
	if w.Header().Get("Server") != "x" || w.Body.String() != "ours" {
		t.Errorf("answer = %v %q, want what the options said at New", w.Header(), w.Body)
	}
}

// A clean answer costs the exchange and nothing more.
func TestCleanAnswerAllocatesNothing(t *testing.T) {
	quiet := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}, "Vary": {"Origin"}, "X-Request-Id": {"7"},
		"X-Frame-Options": {"DENY"}, "X-Content-Type-Options": {"nosniff"}, "Etag": {`"a"`}, "Date": {"x"}, "X-Ratelimit-Limit": {"3"}}
	app := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	r := httptest.NewRequest("GET", "/", nil)
	measure := func(h http.Handler) float64 {
		w := &still{header: quiet}
		return testing.AllocsPerRun(200, func() {
			r.Header["Accept-Encoding"] = encodings[:1:1]
			encodings[0] = "gzip, deflate, br, zstd"
			h.ServeHTTP(w, r)
		})
	}
	g := mustNew(t, conceal.Options{})
	base := measure(bare(app))
	if got := measure(g.Handler(app)); got > base {
		t.Errorf("clean answer allocates %v times, the exchange alone %v", got, base)
	}
}

var encodings = []string{""}

// still is a writer that keeps its header.
type still struct{ header http.Header }

func (s *still) Header() http.Header         { return s.header }
func (s *still) Write(p []byte) (int, error) { return len(p), nil }
func (s *still) WriteHeader(int)             {}

func BenchmarkAnswer(b *testing.B) {
	app := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	clean := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}, "Vary": {"Origin"}, "X-Request-Id": {"7"},
		"X-Frame-Options": {"DENY"}, "X-Content-Type-Options": {"nosniff"}, "Etag": {`"a"`}, "Date": {"x"}, "Set-Cookie": {"a=b"}}
	g := mustNew(b, conceal.Options{Sink: new(events).sink})
	silent := mustNew(b, conceal.Options{Sink: discard})
	for name, h := range map[string]http.Handler{"exchange alone": bare(app), "clean": g.Handler(app), "with a banner": silent.Handler(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X-Powered-By"] = express
			w.WriteHeader(200)
		}))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w, r := &still{header: clean}, httptest.NewRequest("GET", "/", nil)
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

var express = []string{"Express"}

// An own page of usual size is looked at whole; the cost stands beside the app's.
func BenchmarkOwnErrorPage(b *testing.B) {
	body := "<!doctype html><title>Ours</title>" + strings.Repeat("<li><a href=\"/p\">A product, e.g. this.one at 3 (three) on line 5</a></li>\n", 120)
	app := reply{404, header("Content-Type", "text/html"), body}
	h := mustNew(b, conceal.Options{Sink: discard}).Handler(app)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
}
