package crawl

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// The bounds on one page.
const (
	maxRefs   = 2000
	maxFields = 200
	maxText   = 200
)

// A ref is one address that a page names.
type ref struct {
	address string
	// text is what a link says.
	text string
	// follow: a person would have to follow it; the browser loads the others by itself.
	follow bool
}

// page is what was read from an answer.
type page struct {
	refs  []ref
	forms []check.Form
	base  string
}

// extract reads the addresses and forms of an answer. It takes linear time whatever the
// page holds: the tokenizer builds no tree.
func extract(x *check.Exchange) *page {
	p := new(page)
	if x.Status >= 300 && x.Status < 400 {
		p.add(x.Header.Get("Location"), "", true)
		return p
	}
	for _, v := range x.Header.Values("Link") {
		for _, m := range linkHeader.Get().FindAllStringSubmatch(v, 50) {
			p.add(m[1], "", false)
		}
	}
	media, _, _ := strings.Cut(strings.ToLower(x.Header.Get("Content-Type")), ";")
	media = strings.TrimSpace(media)
	switch {
	case Classify(x) == check.Document, x.Status >= 400 && strings.Contains(media, "html"):
		p.html(x.Body)
	case media == "text/css":
		p.css(string(x.Body))
	case Classify(x) == check.API && strings.Contains(media, "json"):
		for _, m := range jsonPath.Get().FindAllSubmatch(x.Body[:min(len(x.Body), 256<<10)], 200) {
			p.add(strings.ReplaceAll(string(m[1]), `\/`, "/"), "", true)
		}
	}
	return p
}

var (
	linkHeader = pattern.New(`<([^<>]{1,1000})>`)
	cssURL     = pattern.New(`(?i)(?:url\(\s*["']?|@import\s+["'])([^"')\s]{1,1000})`)
	// A member of JSON whose name says that it is an address.
	jsonPath = pattern.New(`(?i)"(?:href|url|uri|link|next|prev|first|last|self|path|location)"\s*:\s*"((?:/|https?:\\?/\\?/)[^"\\]*(?:\\/[^"\\]*)*)"`)
)

func (p *page) add(address, text string, follow bool) {
	if address = strings.TrimSpace(address); address != "" && address[0] != '#' && len(p.refs) < maxRefs {
		p.refs = append(p.refs, ref{address, text, follow})
	}
}

func (p *page) css(text string) {
	for _, m := range cssURL.Get().FindAllStringSubmatch(text, maxRefs) {
		p.add(m[1], "", false)
	}
}

// html walks the tokens of a document.
func (p *page) html(body []byte) {
	z := html.NewTokenizer(bytes.NewReader(body))
	var form *check.Form
	link := -1 // the link whose text is being read
	style := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			switch {
			case style:
				p.css(string(z.Raw()))
			case link >= 0:
				if l := &p.refs[link]; len(l.text) < maxText {
					l.text += " " + string(z.Raw()[:min(len(z.Raw()), maxText)])
				}
			}
		case html.EndTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "a":
				link = -1
			case "form":
				form = nil
			case "style":
				style = false
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, more := z.TagName()
			name := string(tag)
			a := attributes(z, more)
			style = name == "style"
			switch name {
			case "a", "area":
				before := len(p.refs)
				p.add(a["href"], a["title"]+" "+a["aria-label"]+" "+a["data-method"], true)
				if link = -1; len(p.refs) > before && name == "a" {
					link = before
				}
			case "form":
				p.forms = append(p.forms, check.Form{Action: a["action"], Method: method(a["method"]), Enctype: enctype(a["enctype"])})
				form = &p.forms[len(p.forms)-1]
				if form.Method == "GET" && len(p.forms) < maxFields {
					p.add(a["action"], "", true)
				}
			default:
				p.element(name, a)
				if form != nil && len(form.Fields) < maxFields {
					field(form, name, a)
				}
			}
		}
	}
}

// element takes the addresses that a browser loads by itself.
func (p *page) element(name string, a map[string]string) {
	if s := a["style"]; s != "" {
		p.css(s)
	}
	switch name {
	case "base":
		if p.base == "" {
			p.base = a["href"]
		}
	case "link":
		p.add(a["href"], "", false)
	case "script", "iframe", "frame", "embed", "audio", "track":
		p.add(a["src"], "", false)
	case "img", "source", "video", "input":
		p.add(a["src"], "", false)
		p.add(a["poster"], "", false)
		for part := range strings.SplitSeq(a["srcset"], ",") {
			address, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			p.add(address, "", false)
			if len(p.refs) >= maxRefs {
				return
			}
		}
	case "object":
		p.add(a["data"], "", false)
	case "meta":
		if strings.EqualFold(a["http-equiv"], "refresh") {
			if i := strings.Index(strings.ToLower(a["content"]), "url="); i >= 0 {
				p.add(strings.Trim(a["content"][i+4:], `"' `), "", true)
			}
		}
	}
}

// field adds an element to its form where it has a name and would be sent.
func field(f *check.Form, name string, a map[string]string) {
	kind := strings.ToLower(a["type"])
	switch name {
	case "input":
		if kind == "" {
			kind = "text"
		}
	case "select", "textarea":
		kind = name
	case "button":
		if kind == "" {
			kind = "submit"
		}
	default:
		return
	}
	if a["name"] != "" {
		f.Fields = append(f.Fields, check.Field{Name: a["name"], Type: kind, Value: a["value"]})
	}
}

func method(s string) string {
	if strings.EqualFold(s, "post") {
		return "POST"
	}
	return "GET"
}

func enctype(s string) string {
	if s = strings.ToLower(strings.TrimSpace(s)); s == "multipart/form-data" || s == "text/plain" {
		return s
	}
	return "application/x-www-form-urlencoded"
}

// attributes reads those of a tag; of one given twice the first counts, as in browsers.
func attributes(z *html.Tokenizer, more bool) map[string]string {
	a := make(map[string]string)
	for more && len(a) < 100 {
		var k, v []byte
		k, v, more = z.TagAttr()
		if _, twice := a[string(k)]; !twice {
			a[string(k)] = string(v)
		}
	}
	return a
}
