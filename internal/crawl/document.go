package crawl

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

const (
	maxText       = 200
	maxAttributes = 100
)

// A document is an HTML page that is being read. There is no tree: tokens are enough,
// and a tree could be made to take more than linear time.
type document struct {
	*found
	forms forms
	// link is the index of the reference whose text is being read, form that of the open
	// form, or -1.
	link, form int
	style      bool
}

// document reads a page of HTML or SVG.
func (f *found) document(body []byte) {
	d := &document{found: f, link: -1, form: -1, forms: newForms()}
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			f.forms = d.forms.all()
			return
		case html.TextToken:
			d.text(z.Raw())
		case html.EndTagToken:
			name, _ := z.TagName()
			d.end(string(name))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			d.start(tag, Attributes(z, more))
			if tag == "noscript" {
				z.NextIsNotRawText() // its content is what a visitor without script gets
			}
		}
	}
}

// text reads what stands between tags.
func (d *document) text(raw []byte) {
	if d.style {
		d.css(string(raw))
		return
	}
	d.forms.text(raw)
	if d.link >= 0 {
		d.say(html.UnescapeString(string(raw[:min(len(raw), maxText)])))
	}
}

// say adds to the text of the open link.
func (d *document) say(text string) {
	text = text[:min(len(text), maxText)]
	if said := d.refs[d.link].said; len(said[0]) < maxText {
		said[0] += " " + text
	}
}

func (d *document) end(tag string) {
	switch tag {
	case "a", "button":
		d.link = -1
	case "form":
		d.form = -1
	case "style":
		d.style = false
	}
	d.forms.end(tag)
}

func (d *document) start(tag string, a attrs) {
	d.style = tag == "style"
	if s := a["style"]; s != "" {
		d.css(s)
	}
	if d.link >= 0 && tag != "a" {
		for _, label := range []string{a["alt"], a["title"], a["aria-label"]} {
			if label != "" {
				d.refs[d.link].said = append(d.refs[d.link].said, label[:min(len(label), maxText)])
			}
		}
	}
	if address, open := d.forms.start(tag, a); open {
		d.open(ref{address: address, acts: a.act()})
		d.form, d.link = d.link, -1
	}
	switch tag {
	case "a", "area":
		address := a["href"]
		if address == "" {
			address = a["xlink:href"]
		}
		d.link = -1
		if address != "" {
			d.open(ref{address: address, said: []string{"", a["title"], a["aria-label"], a["alt"]}, acts: a.act()})
		}
		if tag == "area" {
			d.link = -1
		}
	case "base":
		if d.base == "" {
			d.base = a["href"]
		}
	case "link":
		if relations.Get().MatchString(a["rel"]) {
			d.add(ref{address: a["href"]})
			d.srcset(a["imagesrcset"])
		}
	case "script", "iframe", "frame", "embed", "audio", "track", "img", "source", "video":
		d.add(ref{address: a["src"]})
		d.add(ref{address: a["poster"]})
		d.srcset(a["srcset"])
	case "input":
		if strings.EqualFold(a["type"], "image") {
			d.add(ref{address: a["src"]})
		}
		if d.form >= 0 && strings.EqualFold(a["type"], "submit") {
			d.link = d.form
			d.say(a["value"])
			d.link = -1
		}
	case "button":
		if d.form >= 0 {
			d.link = d.form
		}
	case "image", "use":
		d.add(ref{address: a["href"]})
		d.add(ref{address: a["xlink:href"]})
	case "object":
		d.add(ref{address: a["data"]})
	case "meta":
		if strings.EqualFold(a["http-equiv"], "refresh") {
			d.add(ref{address: refresh(a["content"])})
		}
	}
}

// open adds a reference whose text follows.
func (d *document) open(r ref) {
	before := len(d.refs)
	if r.said == nil {
		r.said = []string{""}
	}
	d.add(r)
	if d.link = -1; len(d.refs) > before {
		d.link = before
	}
}

// srcset takes the addresses of image candidates. An address may hold commas, though
// none at its end; what follows it up to the next comma describes it.
func (d *document) srcset(s string) {
	for s = strings.TrimLeft(s, ", \t\r\n\f"); s != ""; s = strings.TrimLeft(s, ", \t\r\n\f") {
		end := strings.IndexAny(s, " \t\r\n\f")
		if end < 0 {
			end = len(s)
		}
		address := s[:end]
		s = s[end:]
		if trimmed := strings.TrimRight(address, ","); trimmed != address {
			address = trimmed
		} else {
			_, s, _ = strings.Cut(s, ",")
		}
		d.add(ref{address: address})
	}
}

// refresh is the address in the content of a refreshing meta element: "5; url='/next'".
func refresh(content string) string {
	_, address, ok := strings.Cut(content, ";")
	if !ok {
		if _, address, ok = strings.Cut(content, ","); !ok {
			return ""
		}
	}
	address = strings.TrimSpace(address)
	if len(address) > 3 && strings.EqualFold(address[:3], "url") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(address[3:]), "="); ok {
			address = strings.TrimSpace(value)
		}
	}
	if address != "" && (address[0] == '"' || address[0] == '\'') {
		address, _, _ = strings.Cut(address[1:], address[:1])
	}
	return address
}

// attrs are the attributes of a tag.
type attrs map[string]string

// act says whether the page itself has its script ask before a link is followed, or
// has it followed by another method.
func (a attrs) act() bool {
	for _, name := range []string{"data-confirm", "data-turbo-confirm", "hx-confirm"} {
		if _, ok := a[name]; ok {
			return true
		}
	}
	for _, name := range []string{"data-method", "data-turbo-method"} {
		if m := strings.TrimSpace(a[name]); m != "" && !strings.EqualFold(m, "get") {
			return true
		}
	}
	return strings.Contains(a["onclick"], "confirm(")
}

// Attributes reads those of the tag at hand, a hundred at most; more says whether there
// are any, as TagName does. Of one given twice the first counts, as in browsers.
func Attributes(z *html.Tokenizer, more bool) map[string]string {
	a := make(map[string]string)
	for more && len(a) < maxAttributes {
		var k, v []byte
		k, v, more = z.TagAttr()
		if _, twice := a[string(k)]; !twice {
			a[string(k)] = string(v)
		}
	}
	return a
}
