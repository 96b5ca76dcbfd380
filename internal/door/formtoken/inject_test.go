package formtoken

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const mark = "[T]"

func at(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// inject is what a Step does with a page: the page, and how many fields it got.
func inject(page, field []byte, where *url.URL) ([]byte, int) {
	ends, why := find(page, where)
	if why != "" {
		return page, 0
	}
	return insert(page, string(field), ends), len(ends)
}

func TestInject(t *testing.T) {
	tests := []struct{ name, page, want string }{
		{"a form", `<form method="post" action="/pay"><button>Pay</button></form>`, `<form method="post" action="/pay">[T]<button>Pay</button></form>`},
		{"any case, no quotes", "<FORM METHOD=Post>x", "<FORM METHOD=Post>[T]x"},
		{"no action", `<form method=post>`, `<form method=post>[T]`},
		{"empty action", `<form method=post action="">`, `<form method=post action="">[T]`},
		{"relative", `<form method=post action="save?x=1">`, `<form method=post action="save?x=1">[T]`},
		{"same origin", `<form method=post action="https://shop.example/pay">`, `<form method=post action="https://shop.example/pay">[T]`},
		{"same origin without scheme", `<form method=post action="//SHOP.example/pay">`, `<form method=post action="//SHOP.example/pay">[T]`},
		{"two", `<form method=post></form> <form method=post></form>`, `<form method=post>[T]</form> <form method=post>[T]</form>`},
		{"a closed tag", `<form method=post />x`, `<form method=post />[T]x`},
		{"in noscript", `<noscript><form method=post></form></noscript>`, `<noscript><form method=post>[T]</form></noscript>`},
		{"base of the site", `<base href="/sub/"><form method=post action="x">`, `<base href="/sub/"><form method=post action="x">[T]`},
		{"button to the site", `<form method=post><button formaction="/other">`, `<form method=post>[T]<button formaction="/other">`},

		{"beside SVG", `<svg><title>a</title><path d="x"/></svg><svg/><form method=post></form>`, `<svg><title>a</title><path d="x"/></svg><svg/><form method=post>[T]</form>`},
		{"with a select", `<form method=post><select><option>a</select></form><form method=post></form>`, `<form method=post>[T]<select><option>a</select></form><form method=post>[T]</form>`},
		{"in a template within a form", `<form method=post><template><form method=post></form></template></form>`, `<form method=post>[T]<template><form method=post>[T]</form></template></form>`},
		{"with buttons in noscript", `<form method=post><noscript><button>x</button></noscript></form>`, `<form method=post>[T]<noscript><button>x</button></noscript></form>`},
		{"two bases of the site", `<base href="/a/"><base href="/b/"><form method=post action="x">`, `<base href="/a/"><base href="/b/"><form method=post action="x">[T]`},
		{"empty action beside a foreign base", `<base href="https://cdn.example/"><form method=post action="">`, `<base href="https://cdn.example/"><form method=post action="">[T]`},

		{"three slashes", `<form method=post action="///evil.example/">`, ""},
		{"four slashes", `<form method=post action="////evil.example/">`, ""},
		{"button behind three slashes", `<form method=post><button formaction="///evil.example/">`, ""},
		{"base behind three slashes", `<base href="///evil.example/"><form method=post action="x">`, ""},
		{"base with a backslash", `<base href="/\evil.example/"><form method=post action="x">`, ""},
		{"blanks are the base", `<base href="https://evil.example/"><form method=post action=" ">`, ""},
		{"a base that browsers do not see", `<svg><base href="/"></svg><base href="https://evil.example/"><form method=post action="x">`, ""},
		{"an end in a template", `<form method=post action=//evil.example><template></form></template><form method=post>`, ""},
		{"an end in a select", `<form method=post action=//evil.example><select></form></select><form method=post>`, ""},
		{"an end in noscript", `<form method=post action=//evil.example><noscript></form></noscript><form method=post>`, ""},
		{"a begin in noscript", `<noscript><form method=post></noscript><form method=post action=//evil.example>`, ""},
		{"a begin in a title of SVG", `<svg><title><form method=post action=//evil.example></title></svg><form method=post>`, ""},
		{"an end of SVG in CDATA", `<svg><![CDATA[></svg>]]><title><form method=post action=//evil.example></title></svg><form method=post>`, ""},
		{"in a select", `<select><form method=post></select>`, ""},
		{"in SVG", `<svg><form method=post></form></svg>`, ""},
		{"another character set within", "<form method=post>\x1b$B", ""},
		{"get", `<form action="/q">`, ""},
		{"get said", `<form method=get>`, ""},
		{"dialog", `<form method=dialog>`, ""},
		{"another origin", `<form method=post action="https://evil.example/">`, ""},
		{"another origin without scheme", `<form method=post action="//evil.example/">`, ""},
		{"another scheme", `<form method=post action="http://shop.example/">`, ""},
		{"another port", `<form method=post action="https://shop.example:8443/">`, ""},
		{"backslashes", `<form method=post action="\\evil.example/">`, ""},
		{"backslash and slash", `<form method=post action="/\evil.example/">`, ""},
		{"tab within", "<form method=post action=\"/\t/evil.example/\">", ""},
		{"user", `<form method=post action="https://shop.example@evil.example/">`, ""},
		{"script address", `<form method=post action="javascript:x">`, ""},
		{"mail", `<form method=post action="mailto:a@b">`, ""},
		{"escaped", `<form method=post action="https&#58;//evil.example/">`, ""},
		{"in a comment", `<!-- <form method=post> -->`, ""},
		{"in a script", `<script>"<form method=post>"</script>`, ""},
		{"in a title", `<title><form method=post></title>`, ""},
		{"in a text area", `<textarea><form method=post></textarea>`, ""},
		{"in a style", `<style><form method=post></style>`, ""},
		{"in an attribute", `<p title="<form method=post>">`, ""},
		{"an end", `</form method=post>`, ""},
		{"not a form", `<formx method=post>`, ""},
		{"the first attribute counts", `<form method=get method=post>`, ""},
		{"foreign base", `<base href="https://evil.example/"><form method=post action="x">`, ""},
		{"the first base counts", `<base href="//evil.example/"><base href="/"><form method=post action="x">`, ""},
		{"base that is none", `<base href="http://[x"><form method=post action="x">`, ""},
		{"within another, which browsers send", `<form action="//evil.example"><form method=post action="/pay">`, ""},
		{"button elsewhere", `<form method=post></form><button formaction="//evil.example">`, ""},
		{"image elsewhere", `<form method=post><input type=image formaction="//evil.example"></form>`, ""},
		{"button by GET", `<form method=post><button formmethod=get></form>`, ""},
		{"cut off", `<form method=post`, ""},
		{"nothing", ``, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, n := inject([]byte(test.page), []byte(mark), at(t, "https://shop.example/account/edit"))
			want := test.want
			if want == "" {
				want = test.page
			}
			if string(got) != want || n != strings.Count(test.want, mark) {
				t.Errorf("inject(%s) = %s, %d, want %s", test.page, got, n, want)
			}
		})
	}
}

func FuzzInject(f *testing.F) {
	for _, page := range []string{`<form method=post>x</form>`, `<base href=/><form method=post action=a><form>`, `<noscript><form method=post>`, "<form\x00method=post>", `<svg><form method=post><![CDATA[<form method=post>]]>`, `<select><form method=post>`, `<template><form method=post></template>`} {
		f.Add([]byte(page))
	}
	field := []byte(`<input type="hidden" name="ftoken" value="t">`)
	where := at(f, "https://shop.example/account/edit")
	f.Fuzz(func(t *testing.T, page []byte) {
		if bytes.Contains(page, []byte("ftoken")) {
			return
		}
		out, n := inject(page, field, where)
		if back := bytes.ReplaceAll(out, field, nil); !bytes.Equal(back, page) || bytes.Count(out, field) != n {
			t.Fatalf("inject(%q) = %q with %d fields, which is not the page and them", page, out, n)
		}
		// A parser, which knows where elements are, finds the field in forms of this origin
		// only, if it finds it in a form at all.
		doc, err := html.Parse(bytes.NewReader(out))
		if err != nil {
			return
		}
		var walk func(node *html.Node, form *html.Node)
		walk = func(node, form *html.Node) {
			if node.Type == html.ElementNode && node.Data == "form" {
				form = node
			}
			if node.Type == html.ElementNode && node.Data == "input" && form != nil && get(node, "name") == "ftoken" {
				if !strings.EqualFold(get(form, "method"), "post") {
					t.Fatalf("inject(%q) = %q: the field is in a form by GET", page, out)
				}
				if u, err := where.Parse(strings.TrimSpace(get(form, "action"))); err == nil && u.Host != "" && !strings.EqualFold(u.Host, where.Host) {
					t.Fatalf("inject(%q) = %q: the field is in a form to %s", page, out, u)
				}
			}
			for child := node.FirstChild; child != nil; child = child.NextSibling {
				walk(child, form)
			}
		}
		walk(doc, nil)
	})
}

func get(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
