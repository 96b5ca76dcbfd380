package formtoken

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// insert returns page with field at each of the places that find has found.
func insert(page []byte, field string, ends []int) []byte {
	out := make([]byte, 0, len(page)+len(ends)*len(field))
	last := 0
	for _, end := range ends {
		out = append(append(out, page[last:end]...), field...)
		last = end
	}
	return append(out, page[last:]...)
}

// A form is one that is sent by POST.
type form struct {
	end    int // of its tag
	action string
}

// Why a page is left as it is: where a browser would send a token is not known then.
const (
	whyBase     = "where the addresses of a page lead is not known"
	whyButton   = "a button of a page sends its form to another origin or by GET"
	whyNesting  = "where a form of a page ends depends on the browser"
	whyEncoding = "a page may be in an encoding in which markup is not what it seems"
)

// find returns where the tags of forms end that are sent by POST to the origin of at, or why
// the page is left as it is. Whose form
// a button belongs to is known to a browser only, so one of them counts for all.
func find(page []byte, at *url.URL) (ends []int, why string) {
	if bytes.IndexByte(page, 0x1b) >= 0 { // ISO-2022-JP, which browsers also guess
		return nil, whyEncoding
	}
	base, bases, foreign := at, 0, false
	pos := 0
	z := html.NewTokenizer(bytes.NewReader(page))
	var forms []form
	var buttons []string // their addresses
	var in nesting
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		pos += len(z.Raw())
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken && kind != html.EndTagToken {
			continue
		}
		tag, more := z.TagName()
		name := string(tag)
		if kind == html.EndTagToken {
			if !in.end(name) {
				return nil, whyNesting
			}
			z.AllowCDATA(in.markup > 0)
			continue
		}
		switch name {
		case "noscript":
			z.NextIsNotRawText() // it is markup to a browser without scripts
		case "base":
			if href, has := attributes(z, more)["href"]; has {
				u, ok := resolve(at, href)
				if !ok {
					return nil, whyBase
				}
				if bases++; bases == 1 {
					base = u
				}
				foreign = foreign || !sameOrigin(u, at)
			}
		case "form":
			a := attributes(z, more)
			if !in.open && strings.EqualFold(a["method"], "post") {
				forms = append(forms, form{pos, a["action"]})
			}
			if !in.form() {
				return nil, whyNesting
			}
		case "button", "input":
			a := attributes(z, more)
			if action, has := a["formaction"]; has {
				buttons = append(buttons, action)
			}
			if method, has := a["formmethod"]; has && !strings.EqualFold(method, "post") {
				return nil, whyButton
			}
		}
		in.start(name, kind == html.SelfClosingTagToken)
		if in.markup > 0 {
			z.NextIsNotRawText() // a title in SVG holds markup
		}
		z.AllowCDATA(in.markup > 0)
	}
	if foreign && bases > 1 {
		return nil, whyBase // a browser may not see the first, in SVG or a template
	}
	for _, action := range buttons {
		if !here(base, at, action) {
			return nil, whyButton
		}
	}
	for _, f := range forms {
		if here(base, at, f.action) {
			ends = append(ends, f.end)
		}
	}
	return ends, ""
}

// attributes reads those of the tag at hand; the first of a name counts, as in browsers.
func attributes(z *html.Tokenizer, more bool) map[string]string {
	all := map[string]string{}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, has := all[string(key)]; !has {
			all[string(key)] = string(value)
		}
	}
	return all
}

// here tells whether a form's action is of the page's origin. An empty one is the page,
// whatever its base; one of blanks is the base.
func here(base, at *url.URL, action string) bool {
	if action == "" {
		return true
	}
	u, ok := resolve(base, action)
	return ok && sameOrigin(u, at)
}

func sameOrigin(u, at *url.URL) bool {
	return u.Scheme == at.Scheme && u.Opaque == "" && u.User == nil && strings.EqualFold(u.Host, at.Host)
}

// resolve reads an address as browsers do, or says that it may not: they drop tabs and line
// ends within it, take a backslash for a slash, and find a host behind three slashes.
//
// Source: URL Standard section 4.4 (special authority ignore slashes state).
func resolve(base *url.URL, address string) (*url.URL, bool) {
	address = strings.TrimFunc(address, func(c rune) bool { return c <= ' ' })
	if strings.HasPrefix(address, "///") || strings.IndexFunc(address, func(c rune) bool { return c < ' ' || c == '\\' }) >= 0 {
		return nil, false
	}
	u, err := base.Parse(address)
	return u, err == nil
}
