package crawl_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

// follow returns the paths that are asked for when a page at /dir/page holds the body,
// sorted.
func follow(t *testing.T, header http.Header, body string) []string {
	t.Helper()
	var got []string
	site, err := crawl.Walk(t.Context(), crawl.Options{URL: parsed(t, "http://h.example/dir/page"), Do: one("/dir/page", header, body)})
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	for _, p := range site.Pages[1:] {
		if p.From != "missing" {
			got = append(got, p.Request.Path)
		}
	}
	slices.Sort(got)
	return got
}

func TestReferences(t *testing.T) {
	for _, tc := range []struct {
		name, media, body string
		want              []string
	}{
		{"links", "text/html", `<A HREF=/a>x</A><area href="b?x=1&amp;y=2"><a>no</a><a href="#top">no</a><a href="">no</a>`, []string{"/dir/b?x=1&y=2", "/a"}},
		{"spaces and line breaks", "text/html", "<a href=' /a\n\tb '>x</a><a href='/c d'>x</a>", []string{"/ab", "/c%20d"}},
		{"a percent sign that escapes nothing", "text/html", `<a href="/100%-wool">x</a>`, []string{"/100%25-wool"}},
		{"backslashes", "text/html", `<a href="\a\b?c\d">x</a>`, []string{`/a/b?c\d`}},
		{"dots", "text/html", `<a href="../../../x/./y">x</a>`, []string{"/x/y"}},
		{"base", "text/html", `<base href="/other/"><base href="/no/"><a href=x>x</a>`, []string{"/other/x"}},
		{"base elsewhere", "text/html", `<base href="https://cdn.example/"><a href=x>x</a><a href="http://h.example/y">y</a>`, []string{"/y"}},
		{"link elements", "text/html", `<link rel="shortcut icon" href=/i><link rel=NEXT href=/n><link rel=preconnect href=/no><link href=/no><link rel=preload imagesrcset="/p1 1x, /p2 2x">`, []string{"/i", "/n", "/p1", "/p2"}},
		{"what is loaded", "text/html", `<script src=/s></script><img src=/i><iframe src=/f></iframe><frame src=/fr><embed src=/e><audio src=/au></audio><video src=/v poster=/po></video><track src=/t><source src=/so><object data=/o></object><input type=image src=/in>`,
			[]string{"/s", "/i", "/f", "/fr", "/e", "/au", "/v", "/po", "/t", "/so", "/o", "/in"}},
		{"srcset", "text/html", `<img srcset="/a,b.png 1x,/c.png 2x, /d.png, /e.png 100w">`, []string{"/a,b.png", "/c.png", "/d.png", "/e.png"}},
		{"styles", "text/html", `<style>@import "/a.css"; b{background:URL(/b.png)}</style><p style="background: url('c.png')">url(/no)</p>`, []string{"/dir/c.png", "/a.css", "/b.png"}},
		{"script is no page", "text/html", `<script>"<a href=/no>"</script><textarea><a href=/no></textarea><!-- <a href=/no> -->`, nil},
		{"noscript", "text/html", `<noscript><a href=/a>x</a></noscript>`, []string{"/a"}},
		{"refresh", "text/html", `<meta http-equiv=Refresh content="0; URL='/a'"><meta http-equiv=refresh content="5;/b"><meta http-equiv=refresh content="3">`, []string{"/a", "/b"}},
		{"forms by GET", "text/html", `<form action="/search?old=1"><input name=q></form><form method=post action=/no></form>`, []string{"/search"}},
		{"svg", "image/svg+xml", `<svg><a xlink:href="/a"><image href=/b /></a></svg>`, []string{"/a", "/b"}},
		{"css", "text/css", `@import url("/a.css"); @import '/b.css'; a{b:url( /c )} d{e:url(data:x)} /* url( */ f{g:url()}`, []string{"/a.css", "/b.css", "/c"}},
		{"manifest", "application/manifest+json", `{"start_url": "start", "icons": [{"src": "/i.png"}], "name": "/no"}`, []string{"/dir/start", "/i.png"}},
		{"json", "application/hal+json", `{"_links": {"self": {"href": "/a"}, "next": "/b"}, "url": "relative", "title": "/no", "avatar_url": "http:\/\/h.example\/c\u0064"}`, []string{"/a", "/b", "/cd"}},
		{"text", "text/plain", `<a href=/no>`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			slices.Sort(tc.want)
			compare(t, "followed", follow(t, http.Header{"Content-Type": {tc.media}}, tc.body), tc.want)
		})
	}
	t.Run("headers", func(t *testing.T) {
		got := follow(t, http.Header{"Link": {`</a>; rel="next", <b>; title="x, <y>"; rel=prev`, `</no>; rel=preconnect, </c>; as=style; rel="preload"`, `<`, `</no>`}}, "")
		compare(t, "followed", got, []string{"/a", "/c", "/dir/b"})
	})
}

func TestUnsafeLinks(t *testing.T) {
	for _, tc := range []struct {
		link string
		safe bool
	}{
		{`<a href=/logout>x</a>`, false},
		{`<a href=/account/log-out>x</a>`, false},
		{`<a href=/logOut>x</a>`, false},
		{`<a href=/LOGOUT>x</a>`, false},
		{`<a href=/log_out.php>x</a>`, false},
		{`<a href=/user/signoff>x</a>`, false},
		{`<a href=/l%6fgout>x</a>`, false},
		{`<a href=/l%256fgout>x</a>`, false},
		{`<a href="/x?action=delete&id=3">x</a>`, false},
		{`<a href="/x?do=log%20out">x</a>`, false},
		{`<a href=/oauth/end-session>x</a>`, false},
		{`<a href=/HTMLDelete>x</a>`, false},
		{`<a href=/cart/add/3>x</a>`, false},
		{`<a href=/add-to-cart/3>x</a>`, false},
		{`<a href=/checkout>x</a>`, false},
		{`<a href=/list/unsubscribe>x</a>`, false},
		{`<a href=/admin/jobs/7/run>x</a>`, false},
		{`<a href=/konto/abmelden>x</a>`, false},
		{`<a href=/x>Delete</a>`, false},
		{`<a href=/x><b>Log</b>&nbsp;<i>out</i></a>`, false},
		{`<a href=/x><img src=data: alt="Delete"></a>`, false},
		{`<a href=/x title="Remove item"><svg></svg></a>`, false},
		{`<a href=/x data-method=delete rel=nofollow>x</a>`, false},
		{`<a href=/x data-confirm="Sure?">x</a>`, false},
		{`<a href=/x onclick="return confirm('Sure?')">x</a>`, false},
		{`<form action=/x><button>Delete</button></form>`, false},
		{`<form action=/x><input type=submit value="Log out"></form>`, false},
		{`<iframe src=/logout></iframe>`, false},
		{`<a href=/blogout>x</a>`, true},
		{`<a href=/blog/outback>x</a>`, true},
		{`<a href=/catalog/outdoor>x</a>`, true},
		{`<a href=/canceled-orders.css>x</a>`, true},
		{`<a href=/deleted-items>x</a>`, true},
		{`<a href=/payments>x</a>`, true},
		{`<a href=/run>x</a>`, true},
		{`<a href=/archive/2019>x</a>`, true},
		{`<link rel=stylesheet href=/logout.css>`, true},
		{`<img src=/icons/delete.png>`, true},
		{`<a href=/x>How to delete your account in five steps</a>`, true},
		{`<a href=/x data-method=get>x</a>`, true},
		{`<form action=/x>Search and delete nothing <button>Go</button></form>`, true},
	} {
		t.Run(tc.link, func(t *testing.T) {
			got := follow(t, http.Header{"Content-Type": {"text/html"}}, tc.link)
			if safe := len(got) > 0; safe != tc.safe {
				t.Errorf("followed %q = %v, want %v", tc.link, safe, tc.safe)
			}
		})
	}
}

func TestLogsOut(t *testing.T) {
	for address, want := range map[string]bool{
		"/logout": true, "http://h.example/users/sign_out": true, "/?action=logout": true, "/delete": false, "/login": false, "%zz": false,
	} {
		if got := crawl.LogsOut(address); got != want {
			t.Errorf("LogsOut(%q) = %v, want %v", address, got, want)
		}
	}
}

// formLine writes a form for comparison.
func formLine(f check.Form) string {
	text := f.Method + " " + f.Action
	if f.Enctype != "application/x-www-form-urlencoded" {
		text += " as " + f.Enctype
	}
	for _, field := range f.Fields {
		text += fmt.Sprintf(" %s:%s=%q", field.Name, field.Type, field.Value)
	}
	return text
}

func TestForms(t *testing.T) {
	const page = "http://h.example/dir/page"
	for _, tc := range []struct {
		name, body string
		want       []string
	}{
		{"login", `<form action=login method=POST><input type=hidden name=csrf value="a&amp;b"><input name=user value=u><input type=PASSWORD name=pass><input value=nameless><button name=go value=1>x</button></form>`,
			[]string{`POST http://h.example/dir/login csrf:hidden="a&b" user:text="u" pass:password="" go:submit="1"`}},
		{"defaults", `<form><input name=q></form>`, []string{"GET " + page + ` q:text=""`}},
		{"kinds of fields", `<form method=post><select name=s><option value=1>a<option value=2 selected>b</select><select name=t><option> first <option>second</select>` +
			`<textarea name=x>a &lt; b</textarea><input type=checkbox name=c><input disabled name=no></form>`,
			[]string{"POST " + page + ` s:select="2" t:select="first" x:textarea="a < b" c:checkbox="on"`}},
		{"upload elsewhere", `<form action=https://other.example/up method=post enctype=Multipart/Form-Data></form>`,
			[]string{"POST https://other.example/up as multipart/form-data"}},
		{"buttons that send elsewhere", `<form id=f action=/a method=post><input name=x><button formaction=/b>x</button></form><button form=f formmethod=get>y</button>`,
			[]string{`POST http://h.example/a x:text=""`, `POST http://h.example/b x:text=""`, `GET http://h.example/a x:text=""`}},
		{"fields outside", `<input name=a form=f><form id=f method=post><input name=b></form><input name=no><input name=c form=f><input name=no form=g>`,
			[]string{"POST " + page + ` b:text="" a:text="" c:text=""`}},
		{"forms do not nest", `<form action=/a method=post><form action=/no><input name=x></form>`, []string{`POST http://h.example/a x:text=""`}},
		{"a dialog", `<form method=dialog><button>x</button></form>`, nil},
		{"the same form again and again", strings.Repeat(`<form action=/like/7 method=post></form>`, 10),
			[]string{"POST http://h.example/like/7", "POST http://h.example/like/7", "POST http://h.example/like/7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			site, err := crawl.Walk(t.Context(), crawl.Options{URL: parsed(t, page), Do: one("/dir/page", http.Header{"Content-Type": {"text/html"}}, tc.body)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range site.Forms {
				if f.Page != page || f.Private {
					t.Errorf("Page, Private = %q, %v, want %q, false", f.Page, f.Private, page)
				}
				got = append(got, formLine(f))
			}
			compare(t, "forms", got, tc.want)
		})
	}
}

// TestWhatButtonsSay holds that a form is known by what a person reads on it.
func TestWhatButtonsSay(t *testing.T) {
	for body, want := range map[string]string{
		`<form method=post><button>Delete <b>my</b> account</button><p>not this</form>`:                        "Delete my account",
		`<form method=post><input type=submit value="Buy now"><input name=x value=no></form>`:                  "Buy now",
		`<form method=post><button aria-label="Remove &amp; forget"><svg></svg></button></form>`:               "Remove & forget",
		`<form id=f method=post></form><button form=f>Pay</button>`:                                            "Pay",
		`<form method=post></form><button>elsewhere</button>`:                                                  "",
		`<form method=post>` + strings.Repeat(`<button>`+strings.Repeat("x", 90)+`</button>`, 100) + `</form>`: strings.TrimSpace(strings.Repeat(strings.Repeat("x", 90)+" ", 4)),
	} {
		site, err := crawl.Walk(t.Context(), crawl.Options{URL: parsed(t, "http://h.example/"), Do: one("/", http.Header{"Content-Type": {"text/html"}}, body)})
		if err != nil || len(site.Forms) == 0 {
			t.Fatalf("%s: %+v, %v", body, site, err)
		}
		if got := site.Forms[0].Says; got != want {
			t.Errorf("%s says %q, want %q", body, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		status          int
		media, location string
		want            check.Class
	}{
		{200, "text/html; charset=utf-8", "", check.Document},
		{200, "Application/XHTML+xml", "", check.Document},
		{200, "image/svg+xml", "", check.Document},
		{200, "", "", check.Document},
		{200, "html", "", check.Document},
		{404, "text/html", "", check.Error},
		{503, "application/json", "", check.Error},
		{302, "text/html", "/x", check.Redirect},
		{304, "text/html", "", check.Document},
		{201, "text/html", "/x", check.Document},
		{200, "application/json", "", check.API},
		{200, "application/problem+json", "", check.API},
		{200, "application/rss+xml", "", check.API},
		{200, "text/xml", "", check.API},
		{200, "application/x-ndjson", "", check.API},
		{200, "application/grpc-web+proto", "", check.API},
		{200, "text/event-stream", "", check.API},
		{200, "text/css", "", check.Asset},
		{200, "application/x-javascript", "", check.Asset},
		{200, "image/png", "", check.Asset},
		{200, "font/woff2", "", check.Asset},
		{200, "application/font-woff", "", check.Asset},
		{200, "video/mp4", "", check.Asset},
		{200, "application/wasm", "", check.Asset},
		{200, "application/manifest+json", "", check.Asset},
		{200, "application/pdf", "", check.Other},
		{200, "text/plain", "", check.Other},
		{200, "application/octet-stream", "", check.Other},
	} {
		x := &check.Exchange{Status: tc.status, Header: http.Header{"Content-Type": {tc.media}}, Body: []byte("x")}
		if tc.location != "" {
			x.Header.Set("Location", tc.location)
		}
		if got := crawl.Classify(x); got != tc.want {
			t.Errorf("Classify(%d %q %q) = %s, want %s", tc.status, tc.media, tc.location, got, tc.want)
		}
	}
	if got := crawl.Classify(&check.Exchange{Status: 204}); got != check.Other {
		t.Errorf("Classify(204) = %s, want other", got)
	}
}

func TestHostilePages(t *testing.T) {
	many := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const size = 1 << 20
	for name, body := range map[string]string{
		"opening brackets":       strings.Repeat("<", size),
		"tags in tags":           strings.Repeat("<a ", size/3),
		"many links":             many("<a href=/%d>x</a>", 200_000),
		"links with long texts":  strings.Repeat("<a href=/x>"+strings.Repeat("y ", 500), 1000),
		"an unclosed quote":      `<a href="` + strings.Repeat("/x ", size/3),
		"an unclosed comment":    "<!--" + strings.Repeat("<!--", size/4),
		"an unclosed script":     "<script>" + strings.Repeat("<!--<script>", size/12),
		"a srcset":               `<img srcset="` + strings.Repeat("/a 1x,", size/6) + `">`,
		"commas in a srcset":     `<img srcset="` + strings.Repeat(",", size) + `">`,
		"attributes":             "<a " + many("a%d=b ", 100_000) + ">",
		"nested forms":           strings.Repeat("<form>", size/6),
		"forms and fields":       strings.Repeat("<form><input name=x><button formaction=/y></button>", size/50),
		"options":                "<form><select name=s>" + strings.Repeat("<option selected>", size/17),
		"entities":               "<a href=" + strings.Repeat("&amp", size/4) + ">",
		"styles":                 "<style>" + strings.Repeat("url(", size/4),
		"imports":                "<style>" + strings.Repeat("@import '", size/9),
		"links below a long one": "<base href=/" + strings.Repeat("a/", 1000) + ">" + strings.Repeat("<a href=x1y>", size/12),
		"slashes":                "<a href=" + strings.Repeat("/", size) + ">",
		"percent signs":          "<a href=/" + strings.Repeat("%", size) + ">",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := crawl.Walk(t.Context(), crawl.Options{
				URL: parsed(t, "http://h.example/"), Do: one("/", http.Header{"Content-Type": {"text/html"}}, body), User: true,
			}); err != nil {
				t.Errorf("Walk: %v", err)
			}
			if d := time.Since(start); d > soon {
				t.Errorf("Walk took %v, want at most %v", d, soon)
			}
		})
	}
	for name, media := range map[string]string{"css": "text/css", "json": "application/json"} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			follow(t, http.Header{"Content-Type": {media}}, strings.Repeat(`"url":"\`, size/8)+strings.Repeat("url( ", size/5))
			if d := time.Since(start); d > soon {
				t.Errorf("Walk took %v, want at most %v", d, soon)
			}
		})
	}
}

func FuzzPage(f *testing.F) {
	f.Add("text/html", `<base href=/b/><a href="x">y</a><form action=z><input name=a></form><img srcset="a 1x, b">`)
	f.Add("text/css", `@import "x"; a{b:url(y)}`)
	f.Add("application/json", `{"url":"\/x","next":"http://h.example/?a b"}`)
	f.Add("", "<a href='//other.example'><a href='/\x00'><a href='http:/x'>")
	f.Fuzz(func(t *testing.T, media, body string) {
		do := one("/", http.Header{"Content-Type": {media}, "Link": {body}}, body)
		site, err := crawl.Walk(t.Context(), crawl.Options{URL: parsed(t, "http://h.example/"), Do: do, Pages: 20})
		if err != nil {
			t.Fatalf("Walk: %v", err)
		}
		for _, p := range site.Pages {
			path := p.Request.Path
			if path[0] != '/' || strings.HasPrefix(path, "//") || len(path) > 2048 {
				t.Errorf("asked for %q, want a path", path)
			}
			if i := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }); i >= 0 {
				t.Errorf("asked for %q, want no %q in a request line", path, path[i])
			}
			if p.From != "missing" && crawl.LogsOut(path) && !strings.Contains(path, ".") {
				t.Errorf("asked for %q, which logs out", path)
			}
		}
	})
}
