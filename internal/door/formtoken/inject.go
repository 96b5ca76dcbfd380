package formtoken

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// inject returns page with field right behind the tag of each form that is sent by POST to
// the origin of at, and how many got one. It is page itself when none did.
func inject(page, field []byte, at *url.URL) ([]byte, int) {
	forms, ok := find(page, at)
	if !ok || len(forms) == 0 {
		return page, 0
	}
	out := make([]byte, 0, len(page)+len(forms)*len(field))
	last := 0
	for _, end := range forms {
		out = append(append(out, page[last:end]...), field...)
		last = end
	}
	return append(out, page[last:]...), len(forms)
}

// A form is one that is sent by POST.
type form struct {
	end    int // of its tag
	action string
}

// find returns where the tags of such forms end. It is false where a button of the page
// sends forms elsewhere, or by GET: whose, is known to a browser only.
func find(page []byte, at *url.URL) (ends []int, ok bool) {
	base, based := at, false
	pos := 0
	z := html.NewTokenizer(bytes.NewReader(page))
	var forms []form
	var buttons []string // their addresses
	open := false        // within a form, where browsers see no other begin
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		pos += len(z.Raw())
		name, more := z.TagName()
		switch {
		case kind == html.EndTagToken && string(name) == "form":
			open = false
			continue
		case kind != html.StartTagToken && kind != html.SelfClosingTagToken:
			continue
		}
		switch string(name) {
		case "noscript":
			z.NextIsNotRawText() // it is markup to a browser without scripts
		case "base":
			if href, has := attributes(z, more)["href"]; has && !based {
				based = true
				u, err := at.Parse(strings.TrimSpace(href))
				if err != nil {
					return nil, false // where actions lead is not known
				}
				base = u
			}
		case "form":
			a := attributes(z, more)
			if !open && strings.EqualFold(a["method"], "post") {
				forms = append(forms, form{pos, a["action"]})
			}
			open = true
		case "button", "input":
			a := attributes(z, more)
			if action, has := a["formaction"]; has {
				buttons = append(buttons, action)
			}
			if method, has := a["formmethod"]; has && !strings.EqualFold(method, "post") {
				return nil, false
			}
		}
	}
	for _, action := range buttons {
		if !here(base, at, action) {
			return nil, false
		}
	}
	for _, f := range forms {
		if here(base, at, f.action) {
			ends = append(ends, f.end)
		}
	}
	return ends, true
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

// here tells whether a form's action is of the page's origin. An empty one is the page.
//
// Browsers drop tabs and line ends within an address, and take a backslash for a slash;
// what has either is taken for another origin.
func here(base, at *url.URL, action string) bool {
	action = strings.Trim(action, " \t\r\n\f")
	if action == "" {
		return true
	}
	if strings.ContainsAny(action, "\\\t\r\n") || strings.IndexFunc(action, func(c rune) bool { return c < ' ' }) >= 0 {
		return false
	}
	u, err := base.Parse(action)
	return err == nil && u.Scheme == at.Scheme && u.Opaque == "" && u.User == nil && strings.EqualFold(u.Host, at.Host)
}
