package wire_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/checks/wire"
)

// hash is a well-formed integrity of some file.
const hash = "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"

// own serves a page in which HOST is the server's own host and port.
func own(page string, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		app(strings.ReplaceAll(page, "HOST", r.Host), lines...)(w, r)
	}
}

var contentTwins = []twin{
	{check: "content", name: "everything of its own", handler: own(`<base href="/sub/"><link rel=stylesheet href=a.css><script src="/a.js"></script>
		<script src="//HOST/b.js"></script><img src="data:image/png;base64,AA"><form action="/x"></form><a href="http://other.example/">link</a>`)},
	{check: "content", name: "script over http", bad: true, want: []string{"content/mixed-active"}, handler: own(`<SCRIPT SRC="http://HOST/a.js"></SCRIPT>`)},
	{check: "content", name: "frame over http", bad: true, want: []string{"content/mixed-active"}, handler: app(`<iframe src=http://other.example/></iframe>`)},
	{check: "content", name: "import over http", bad: true, want: []string{"content/mixed-active"}, handler: app(`<style>@import "http://127.0.0.1/a.css";</style>`)},
	{check: "content", name: "base over http", bad: true, want: []string{"content/mixed-active"}, handler: app(`<base href="http://127.0.0.1/"><iframe src=a></iframe>`)},
	{check: "content", name: "form over http", bad: true, want: []string{"content/mixed-form"}, handler: app(`<form method=post action="http://shop.example/login">`)},
	{check: "content", name: "button over http", bad: true, want: []string{"content/mixed-form"}, handler: app(`<form><button formaction="http://shop.example/login">`)},
	{check: "content", name: "picture over http", bad: true, want: []string{"content/mixed-passive"}, handler: app(`<img srcset="/a.png 1x, http://other.example/b.png 2x">`)},
	{check: "content", name: "picture of a style over http", bad: true, want: []string{"content/mixed-passive"}, handler: app(`<p style="background: url('http://other.example/b.png')">`)},
	{check: "content", name: "upgraded", want: []string{"content/mixed-upgraded"}, handler: app(`<img src="http://other.example/b.png">`, helmet...)},
	{check: "content", name: "a plain page may be plain", plain: true, handler: own(`<script src="http://HOST/a.js"></script>`)},
	{check: "content", name: "foreign script without integrity", bad: true, want: []string{"content/sri-script"}, handler: app(`<script src="//cdn.example/a.js"></script>`)},
	{check: "content", name: "foreign style without integrity", want: []string{"content/sri-style"}, handler: app(`<link rel="preload stylesheet" href="https://cdn.example/a.css">`)},
	{check: "content", name: "foreign script with integrity", handler: app(`<script src="https://cdn.example/a.js" integrity="` + hash + `" crossorigin="anonymous"></script>`)},
	{check: "content", name: "integrity without crossorigin", want: []string{"content/crossorigin"}, handler: app(`<script src="https://cdn.example/a.js" integrity="` + hash + `"></script>`)},
	{check: "content", name: "integrity that is none", bad: true, want: []string{"content/integrity-invalid"}, handler: app(`<script src="https://cdn.example/a.js" integrity="sha384-abc" crossorigin></script>`)},
	{check: "content", name: "script that changes", want: []string{"content/sri-script-changing"}, handler: app(`<script src="https://js.stripe.com/v3/"></script>`)},
	{check: "content", name: "data and comments are no script", handler: app(`<script type="application/json" src="https://cdn.example/a.json"></script>
		<!-- <script src="http://cdn.example/a.js"></script> --><textarea><script src="http://cdn.example/a.js"></script></textarea>
		<script>"<script src='http://cdn.example/a.js'>"</script>`)},
	{check: "content", name: "no documents", handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"a":"<script src=http://cdn.example/a.js>"}`)
	}},
}

func TestContentNamesManyHostsBounded(t *testing.T) {
	var page strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&page, `<script src="https://cdn%d.example/a.js"></script>`, i)
	}
	r := audited(t, twin{check: "content", handler: app(page.String())})
	if got, most := len(r.Findings), 17; got != most {
		t.Errorf("a page with 3000 hosts gave %d findings, want %d", got, most)
	}
}

// FuzzReferences holds that every reference stands where it says it does.
func FuzzReferences(f *testing.F) {
	f.Add(`<base href=/a><script src=x integrity=y><style>@import "z"</style>`)
	f.Add(`<img srcset="a 1x,,b 2x" style="x:url(')">`)
	f.Fuzz(func(t *testing.T, page string) {
		for _, r := range wire.References(page) {
			if r.Address == "" {
				t.Error("an empty address was named")
			}
			if r.From < 0 || r.To > len(page) || r.From >= r.To {
				t.Errorf("reference %q stands at [%d, %d) of %d bytes", r.Address, r.From, r.To, len(page))
			}
		}
	})
}

// TestReferencesIsLinear holds that hostile pages of the greatest size take no longer
// than plain ones.
func TestReferencesIsLinear(t *testing.T) {
	for name, part := range map[string]string{
		"tags": "<", "attributes": "<img a=b ", "quotes": `<img src="`, "srcset": `<img srcset="a,b ,`, "styles": "<style>url(", "imports": `<p style="@import url(`, "bases": "<base href=x><img src=y>",
	} {
		page := strings.Repeat(part, (1<<20)/len(part))
		start := time.Now()
		wire.References(page)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("References() of a megabyte of %s took %v", name, took)
		}
	}
}
