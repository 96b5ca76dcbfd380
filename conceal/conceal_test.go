package conceal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/guard"
)

// events collects what a guard tells.
type events struct {
	mu  sync.Mutex
	all []guard.Event
}

func (e *events) sink(_ context.Context, event guard.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// rules returns "practice/rule action" of each, without those of banners.
func (e *events) rules() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []string
	for _, event := range e.all {
		if event.Rule != "banner" {
			list = append(list, event.Practice+"/"+event.Rule+" "+event.Action.String())
		}
	}
	return list
}

func mustNew(t testing.TB, o conceal.Options) *conceal.Guard {
	t.Helper()
	g, err := conceal.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reply is what an app answers in a test.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a reply) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range a.header {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(a.status)
	w.Write([]byte(a.body))
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// exchange sends a GET with the header through g to app.
func exchange(g *conceal.Guard, app http.Handler, h http.Header) *httptest.ResponseRecorder {
	return exchangeMethod(g, app, "GET", h)
}

func exchangeMethod(g *conceal.Guard, app http.Handler, method string, h http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/nope", nil)
	for name, values := range h {
		r.Header[name] = slices.Clone(values)
	}
	w := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(w, r)
	return w
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

const (
	expressNotFound = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot GET /nope</pre>\n</body>\n</html>\n"
	nodeTrace       = "Error: boom\n    at /srv/shop/app.js:5:31\n    at next (/srv/shop/node_modules/router/lib/route.js:163:13)"
)

func TestReplacedAnswerKeepsWhatItMeans(t *testing.T) {
	kept := header("Set-Cookie", "a=1", "Location", "/login", "Www-Authenticate", "Basic", "Retry-After", "7",
		"Vary", "Origin", "Access-Control-Allow-Origin", "https://a.test", "Access-Control-Allow-Credentials", "true", "X-Request-Id", "app-7")
	h := kept.Clone()
	for name, value := range map[string]string{"Content-Type": "text/html; charset=utf-8", "Content-Length": "143", "Etag": `W/"8f-x"`,
		"Content-Security-Policy": "default-src 'none'", "Content-Language": "en", "Last-Modified": "x", "X-Powered-By": "Express"} {
		h.Set(name, value)
	}
	var told events
	g := mustNew(t, conceal.Options{Sink: told.sink})
	w := exchange(g, reply{404, h, expressNotFound}, header("Accept", browser))
	if w.Code != 404 {
		t.Errorf("status = %d, want 404", w.Code)
	}
	for name, values := range kept {
		if got := w.Header()[name]; len(got) == 0 || got[0] != values[0] {
			t.Errorf("%s = %q, want %q first", name, got, values)
		}
	}
	for _, name := range []string{"Etag", "Last-Modified", "Content-Language", "Content-Security-Policy", "X-Powered-By"} {
		if got := w.Header().Get(name); got != "" {
			t.Errorf("%s = %q, want none", name, got)
		}
	}
	for name, want := range map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Vary": "Origin, Accept"} {
		if got := strings.Join(w.Header()[name], ", "); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if body := w.Body.String(); strings.Contains(body, "/nope") || !strings.Contains(body, "<h1>Not Found</h1>") {
		t.Errorf("body = %s, want the own page", body)
	}
	if got, want := told.rules(), []string{"fingerprint/default-page mended"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestPolicyOfTheAppStays(t *testing.T) {
	for _, policy := range [][]string{{"default-src 'none'; frame-ancestors 'none'"}, {"default-src 'none'", "frame-ancestors 'none'"}} {
		h := http.Header{"Content-Type": {"text/html"}, "Content-Security-Policy": policy}
		w := exchange(mustNew(t, conceal.Options{}), reply{404, h, expressNotFound}, nil)
		if got := w.Header()["Content-Security-Policy"]; !slices.Equal(got, policy) {
			t.Errorf("policy = %q, want %q", got, policy)
		}
	}
	// The same policy on another stack's page is that app's.
	h := header("Content-Type", "text/plain", "Content-Security-Policy", "default-src 'none'")
	w := exchange(mustNew(t, conceal.Options{}), reply{404, h, "404 page not found\n"}, nil)
	if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'none'" {
		t.Errorf("policy = %q, want it kept", got)
	}
}

func TestNeverReplaced(t *testing.T) {
	html := header("Content-Type", "text/html")
	tests := []struct {
		name    string
		method  string
		request http.Header
		app     reply
	}{
		{"fetch by a script", "GET", header("Sec-Fetch-Dest", "empty"), reply{404, html, expressNotFound}},
		{"XMLHttpRequest over plain HTTP", "GET", header("X-Requested-With", "XMLHttpRequest"), reply{404, html, expressNotFound}},
		{"no body for a script", "GET", header("Sec-Fetch-Dest", "empty"), reply{401, nil, ""}},
		{"redirect for a script", "GET", header("Sec-Fetch-Dest", "empty"), reply{302, html, "Found. Redirecting to /x"}},
		{"HEAD", "HEAD", nil, reply{404, html, ""}},
		{"304", "GET", nil, reply{304, header("Etag", `"a"`), ""}},
		{"200 with a trace", "GET", nil, reply{200, html, nodeTrace}},
		{"206", "GET", nil, reply{206, html, expressNotFound}},
		{"image", "GET", nil, reply{404, header("Content-Type", "image/png"), "\x89PNG"}},
		{"gRPC", "POST", header("Content-Type", "application/grpc"), reply{404, header("Content-Type", "application/grpc"), ""}},
		{"gRPC with JSON in it", "POST", nil, reply{500, header("Content-Type", "application/grpc+json"), "\x00" + nodeTrace}},
		{"gRPC without a type", "POST", header("Content-Type", "application/grpc"), reply{404, nil, ""}},
		{"JSON without a body", "GET", nil, reply{404, header("Content-Type", "application/json"), ""}},
		{"unknown coding", "GET", nil, reply{404, header("Content-Type", "text/html", "Content-Encoding", "br"), expressNotFound}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var told events
			w := exchangeMethod(mustNew(t, conceal.Options{Sink: told.sink}), test.app, test.method, test.request)
			if w.Code != test.app.status || w.Body.String() != test.app.body {
				t.Errorf("answer = %d %q, want it as the app sent it: %d %q", w.Code, w.Body, test.app.status, test.app.body)
			}
			if got := told.rules(); len(got) > 0 {
				t.Errorf("told %v, want nothing", got)
			}
		})
	}
}

func TestTraceNeverLeavesForAScriptEither(t *testing.T) {
	tests := []struct{ name, contentType, body, want string }{
		{"HTML", "text/html; charset=utf-8", "<pre>" + strings.ReplaceAll(nodeTrace, "\n", "<br>") + "</pre>", "<h1>Internal Server Error</h1>"},
		{"text", "text/plain", nodeTrace, "Internal Server Error\n"},
		{"JSON that is broken", "application/json", `{"stack":"` + strings.ReplaceAll(nodeTrace, "\n", `\n`) + `"`, `"title":"Internal Server Error"`},
		{"XML", "application/xml", "<e><![CDATA[" + nodeTrace + "]]></e>", "<status>500</status>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var told events
			app := reply{500, header("Content-Type", test.contentType), test.body}
			w := exchange(mustNew(t, conceal.Options{Sink: told.sink}), app, header("Sec-Fetch-Dest", "empty", "Accept", "*/*"))
			if body := w.Body.String(); strings.Contains(body, "/srv/shop") || !strings.Contains(body, test.want) {
				t.Errorf("body = %q, want %q and no trace", body, test.want)
			}
			if got := w.Header().Get("Content-Type"); got != test.contentType {
				t.Errorf("Content-Type = %q, want %q as before", got, test.contentType)
			}
			if got, want := told.rules(), []string{"errors/stack mended"}; !slices.Equal(got, want) {
				t.Fatalf("told %v, want %v", got, want)
			}
			if detail := told.all[0].Detail; !strings.Contains(detail, "/srv/shop/app.js:5:31") {
				t.Errorf("detail = %q, want the trace in it", detail)
			}
		})
	}
}

func TestObserveChangesNothing(t *testing.T) {
	tests := []struct {
		name string
		app  reply
		want []string
	}{
		{"default page", reply{404, header("Content-Type", "text/html"), expressNotFound}, []string{"fingerprint/default-page would-mend"}},
		{"trace", reply{500, header("Content-Type", "text/plain"), nodeTrace}, []string{"errors/stack would-mend"}},
		{"JSON trace", reply{500, header("Content-Type", "application/json"), `{"stack":"at a (/x/y.js:1:2)"}`}, []string{"errors/stack would-mend"}},
		{"no body", reply{503, nil, ""}, []string{"errors/empty-body would-mend"}},
		{"redirect", reply{302, header("Location", "/x", "Content-Type", "text/plain"), "Found. Redirecting to /x"}, []string{"fingerprint/redirect-body would-mend"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.app.header = test.app.header.Clone()
			if test.app.header == nil {
				test.app.header = http.Header{}
			}
			test.app.header.Set("X-Powered-By", "Express")
			var told events
			g := mustNew(t, conceal.Options{Mode: guard.Observe, Sink: told.sink})
			request := header("Accept-Encoding", "gzip, br")
			w := exchange(g, test.app, request)
			if w.Body.String() != test.app.body || w.Header().Get("X-Powered-By") != "Express" {
				t.Errorf("answer = %v %q, want it unchanged", w.Header(), w.Body)
			}
			if got := told.rules(); !slices.Equal(got, test.want) {
				t.Errorf("told %v, want %v", got, test.want)
			}
			if !slices.ContainsFunc(told.all, func(e guard.Event) bool {
				return e.Rule == "banner" && e.Detail == "X-Powered-By" && e.Action == guard.WouldMend
			}) {
				t.Errorf("told %v, want the banner among it", told.all)
			}
		})
	}
}

func TestOffIsTheNextHandler(t *testing.T) {
	next := reply{200, header("Server", "x"), "ok"}
	if got, ok := mustNew(t, conceal.Options{Mode: guard.Off}).Handler(next).(reply); !ok || got.body != next.body {
		t.Errorf("Handler() under Off = %v, want the next handler itself", got)
	}
}

func TestEmptyBodyGetsAPage(t *testing.T) {
	for accept, want := range map[string]string{browser: "<h1>Bad Gateway</h1>", "application/json": `"status":502`, "": "Bad Gateway\n"} {
		w := exchange(mustNew(t, conceal.Options{}), reply{502, nil, ""}, header("Accept", accept))
		if w.Code != 502 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("answer for Accept %q = %d %q, want 502 with %q", accept, w.Code, w.Body, want)
		}
	}
}

// A long error page is judged by its beginning and passes whole, byte for byte.
func TestLongPagePasses(t *testing.T) {
	body := "<!doctype html><title>Ours</title>" + strings.Repeat("<p>Products like this one</p>\n", 20000)
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(404)
		for rest := body; rest != ""; {
			n := min(len(rest), 7001)
			w.Write([]byte(rest[:n]))
			rest = rest[n:]
			w.(http.Flusher).Flush()
		}
	})
	if w := exchange(mustNew(t, conceal.Options{}), app, nil); w.Body.String() != body {
		t.Errorf("got %d bytes, want the %d of the app", w.Body.Len(), len(body))
	}
}

func TestConcurrentUse(t *testing.T) {
	var told events
	g := mustNew(t, conceal.Options{Sink: told.sink, Pages: map[int]conceal.Page{404: {HTML: "<p>{{.ID}}</p>"}}})
	app := reply{404, header("Content-Type", "text/html", "Server", "x"), expressNotFound}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if w := exchange(g, app, header("Accept", browser)); !strings.HasPrefix(w.Body.String(), "<p>") || w.Header().Get("Server") != "" {
					t.Errorf("answer = %v %q", w.Header(), w.Body)
				}
			}
		})
	}
	all.Wait()
}
