package conceal_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

func discard(context.Context, guard.Event) {}

// bare makes an exchange and nothing else.
func bare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		next.ServeHTTP(w, r)
	})
}

// Through a real reverse proxy: banners in a 103, in the header and in the trailers,
// announced or not, with and without a guard that changes anything.
func TestBannersOfEveryPartThroughAProxy(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Link", "</a.css>; rel=preload")
		h.Set("X-Powered-By", "Express")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Server", "app/1")
		h.Set("Trailer", "X-Runtime, X-Sum")
		w.WriteHeader(200)
		io.WriteString(w, "ok")
		h.Set("X-Runtime", "3")
		h.Set("X-Sum", "7")
		h.Set(http.TrailerPrefix+"X-Generator", "shop")
		h.Set(http.TrailerPrefix+"X-Late", "1")
	}))
	defer app.Close()
	target, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	for _, mode := range []guard.Mode{guard.Enforce, guard.Observe} {
		t.Run(mode.String(), func(t *testing.T) {
			var told events
			server := httptest.NewServer(mustNew(t, conceal.Options{Mode: mode, Sink: told.sink}).Handler(proxy))
			defer server.Close()

			var early http.Header
			trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				early = http.Header(h)
				return nil
			}}
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if string(body) != "ok" || err != nil {
				t.Fatalf("body = %q, %v, want ok", body, err)
			}
			removed := mode == guard.Enforce
			for _, part := range []struct {
				name, banner string
				header       http.Header
				kept         string
			}{
				{"103", "X-Powered-By", early, "Link"},
				{"header", "Server", answer.Header, "Date"},
				{"trailer", "X-Runtime", answer.Trailer, "X-Sum"},
				{"trailer", "X-Generator", answer.Trailer, "X-Late"},
			} {
				if got := part.header.Get(part.banner) == ""; got != removed {
					t.Errorf("%s of the %s removed: %v, want %v", part.banner, part.name, got, removed)
				}
				if part.header.Get(part.kept) == "" {
					t.Errorf("the %s lost %s: %v", part.name, part.kept, part.header)
				}
			}
			if _, announced := answer.Trailer["X-Runtime"]; announced == removed {
				t.Errorf("X-Runtime announced: %v, want %v", announced, !removed)
			}
			action := guard.WouldMend
			if removed {
				action = guard.Mended
			}
			for _, name := range []string{"X-Powered-By", "Server", "X-Generator"} {
				if !slices.ContainsFunc(told.all, func(e guard.Event) bool {
					return e.Practice == "fingerprint" && e.Rule == "banner" && e.Detail == name && e.Action == action
				}) {
					t.Errorf("%v of %s was not told: %v", action, name, told.all)
				}
			}
		})
	}
}

// A 101 is written by whoever hijacks; the proxy shows it to the phases by Apply.
func TestBannersOfASwitchedProtocol(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: discard})
	h := header("Upgrade", "websocket", "X-Powered-By", "Express", "Sec-Websocket-Accept", "x")
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, _, _ := hook.Begin(w, r)
		defer x.End()
		x.Apply(http.StatusSwitchingProtocols, h)
	})
	exchange(g, app, nil)
	if len(h) != 2 || h.Get("X-Powered-By") != "" {
		t.Errorf("header of the 101 = %v, want it without X-Powered-By", h)
	}
}

func TestNarrowEncoding(t *testing.T) {
	tests := []struct {
		name     string
		in, want []string
	}{
		{"absent", nil, nil},
		{"Chrome", []string{"gzip, deflate, br, zstd"}, []string{"gzip, deflate"}},
		{"Safari", []string{"gzip, deflate, br"}, []string{"gzip, deflate"}},
		{"already narrow", []string{"gzip;q=1.0, identity;q=0.5"}, []string{"gzip;q=1.0, identity;q=0.5"}},
		{"weights stay", []string{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, []string{"gzip;q=0.8"}},
		{"refusals stay", []string{"br;q=0, identity;q=0, gzip"}, []string{"br;q=0, identity;q=0, gzip"}},
		{"a wildcard refused stays", []string{"*;q=0, zstd, GZIP"}, []string{"*;q=0, GZIP"}},
		{"nothing left", []string{"br, zstd"}, []string{"identity"}},
		{"wildcard alone", []string{"*"}, []string{"identity"}},
		{"two lines", []string{"br", "deflate"}, []string{"deflate"}},
		{"empty", []string{""}, []string{""}},
		{"unknown", []string{"dcb, dcz, x-gzip"}, []string{"x-gzip"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if test.in != nil {
				r.Header["Accept-Encoding"] = slices.Clone(test.in)
			}
			conceal.NarrowEncoding(r)
			if got := r.Header["Accept-Encoding"]; !slices.Equal(got, test.want) {
				t.Errorf("NarrowEncoding(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
	var seen string
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Get("Accept-Encoding") })
	for mode, want := range map[guard.Mode]string{guard.Enforce: "gzip", guard.Observe: "gzip, br", guard.Off: "gzip, br"} {
		exchange(mustNew(t, conceal.Options{Mode: mode}), app, header("Accept-Encoding", "gzip, br"))
		if seen != want {
			t.Errorf("app under %v is asked for %q, want %q", mode, seen, want)
		}
	}
}

// What was taken reaches the log bounded, without secrets and without anything that
// drives a terminal.
func TestTakenTraceIsFitForALog(t *testing.T) {
	var told events
	g := mustNew(t, conceal.Options{Sink: told.sink})
	text := "Error: \x1b[31mboom\u202e postgres://shop:hunter2@db/x password=hunter2 token: 'hunter2' GET /a?code=hunter2&b=hunter2\r\n" +
		"    at a (/srv/a.js:1:2)\n    at b (/srv/b.js:3:4)\n" + strings.Repeat("    at é (/srv/é.js:3:4)\n", 2000)
	exchange(g, reply{500, header("Content-Type", "text/plain"), text}, nil)
	if len(told.all) != 1 {
		t.Fatalf("told %v, want one event", told.all)
	}
	event := told.all[0]
	if len(event.Detail) > 8<<10 || len(event.Request) != 32 {
		t.Errorf("event of %d bytes about request %q, want at most 8192 and an id", len(event.Detail), event.Request)
	}
	if strings.Contains(event.Detail, "hunter2") || strings.ContainsAny(event.Detail, "\x1b\u202e\r") || strings.Contains(event.Detail, "\ufffd") {
		t.Errorf("detail = %q, want no secret, no control character and whole characters", event.Detail[:300])
	}
	for _, want := range []string{"javascript: Error: ", "postgres://shop:…@db/x", "at b (/srv/b.js:3:4)"} {
		if !strings.Contains(event.Detail, want) {
			t.Errorf("detail = %q, want %q in it", event.Detail[:300], want)
		}
	}
}
