package crawl_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/crawl"
)

// recording is a HAR file of the requests, each "METHOD address", with the members that
// browsers put around them.
func recording(requests ...string) string {
	var entries []string
	for _, r := range requests {
		method, address, _ := strings.Cut(r, " ")
		entries = append(entries, fmt.Sprintf(`{"startedDateTime": "2026-01-01T00:00:00Z", "time": 1.5,
			"request": {"method": %q, "url": %q, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [{"name": "Cookie", "value": "sid=secret"}], "headersSize": -1},
			"response": {"status": 200, "content": {"size": 3, "mimeType": "text/html", "text": "abc"}}, "cache": {}, "timings": {}}`, method, address))
	}
	return `{"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "1"}, "pages": [{"id": "page_1", "pageTimings": {"onLoad": null}}], "entries": [` +
		strings.Join(entries, ",") + `]}, "comment": [1, {"a": []}]}`
}

func TestReadHAR(t *testing.T) {
	seeds, err := crawl.ReadHAR(strings.NewReader("\ufeff"+recording(
		"GET http://h.example/", "GET http://H.example:80/a?b=c#d", "POST http://h.example/login", "POST http://h.example/login",
		"OPTIONS http://h.example/login", "GET https://cdn.example/x.js", "GET data:text/plain,x", "GET ws://h.example/socket", "PUT https://api.example/v1",
	)), parsed(t, "http://h.example/"))
	if err != nil {
		t.Fatalf("ReadHAR: %v", err)
	}
	compare(t, "seeds", seedLines(seeds), []string{"GET /", "GET /a?b=c", "POST /login", "GET https://cdn.example/x.js", "GET https://api.example/v1"})
}

func TestReadHARRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    io.Reader
		want string
	}{
		{"nothing", strings.NewReader(""), "not a HAR file"},
		{"another JSON", strings.NewReader(`{"a": 1}`), "not a HAR file"},
		{"a list", strings.NewReader(`[]`), "not a HAR file"},
		{"entries of another type", strings.NewReader(`{"log": {"entries": {}}}`), "not a HAR file"},
		{"broken off", strings.NewReader(recording("GET http://h.example/")[:300]), "EOF"},
		{"another site", strings.NewReader(recording("GET https://other.example/", "GET https://other.example/a")), "none of its 2 requests went to http://h.example"},
		{"deep", io.MultiReader(strings.NewReader(`{"log": {"x": `), strings.NewReader(strings.Repeat("[", 1<<20))), "too deep"},
		{"a deep entry", io.MultiReader(strings.NewReader(`{"log": {"entries": [`), strings.NewReader(strings.Repeat("[", 1<<20))), "depth"},
		{"endless", io.MultiReader(strings.NewReader(`{"log": {"x": "`), &endless{}), "larger than 64 MiB"},
		{"entries without an end", io.MultiReader(strings.NewReader(`{"log": {"entries": [{}`), &endless{text: ",{}"}), "more than 50000 entries"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Now()
			seeds, err := crawl.ReadHAR(tc.r, parsed(t, "http://h.example/"))
			if err == nil || seeds != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ReadHAR = %v, %v, want an error with %q", seeds, err, tc.want)
			}
			if d := time.Since(start); d > soon {
				t.Errorf("ReadHAR took %v, want at most %v", d, soon)
			}
		})
	}
}

// endless reads as its text again and again; x by default.
type endless struct{ text string }

func (e *endless) Read(p []byte) (int, error) {
	if e.text == "" {
		e.text = "x"
	}
	n := 0
	for n+len(e.text) <= len(p) {
		n += copy(p[n:], e.text)
	}
	return n, nil
}

func FuzzReadHAR(f *testing.F) {
	f.Add(recording("GET http://h.example/", "POST http://h.example/a"))
	f.Add(`{"log":{"entries":[{"request":{"method":1,"url":"//x"}}]}}`)
	origin := parsed(f, "http://h.example/")
	f.Fuzz(func(t *testing.T, text string) {
		seeds, err := crawl.ReadHAR(strings.NewReader(text), origin)
		if (err == nil) != (len(seeds) > 0) {
			t.Errorf("ReadHAR = %v, %v, want seeds or an error", seeds, err)
		}
		for i, s := range seeds {
			if strings.ContainsAny(s.Path, " #\n") || s.From != "har" || slices.Contains(seeds[:i], s) {
				t.Errorf("ReadHAR gave %+v", s)
			}
		}
	})
}
