package wire

import (
	"io"
	"strings"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/internal/pattern"
)

// A use is what a page does with an address.
type use uint8

const (
	// active: what can change the whole page, such as a frame, a plugin or a preload.
	active use = iota
	scriptFile
	styleFile
	formTarget
	// picture: pictures, sound and film.
	picture
	// baseAddress: what the addresses after it are relative to.
	baseAddress
)

// A reference is an address that a page names.
type reference struct {
	use     use
	element string
	// address is as it is spelt.
	address     string
	integrity   string
	crossorigin bool
	// from and to are where the element's tag stands in the page.
	from, to int
}

// maxReferences bounds what is read of one page.
const maxReferences = 5000

// references reads what a page loads by itself and where its forms go, in order. Links
// are none. The page is read as a row of tags, never as a tree, in linear time.
func references(page io.Reader) []reference {
	var all []reference
	z := html.NewTokenizer(page)
	z.SetMaxBuf(1 << 20)
	at, style, based := 0, false, false
	for len(all) < maxReferences {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		from := at
		at += len(z.Raw())
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			style = kind == html.StartTagToken && t.Data == "style"
			for _, r := range ofElement(t) {
				// Only the first base counts.
				if r.use == baseAddress {
					if based {
						continue
					}
					based = true
				}
				r.from, r.to = from, at
				all = append(all, r)
			}
		case html.TextToken:
			if style {
				for _, r := range ofStyle(string(z.Raw()), "style") {
					r.from += from
					r.to += from
					all = append(all, r)
				}
			}
		case html.EndTagToken:
			style = false
		}
	}
	return all[:min(len(all), maxReferences)]
}

// ofElement is what one element names.
func ofElement(t html.Token) []reference {
	attributes := make(map[string]string, len(t.Attr))
	has := func(name string) bool { _, ok := attributes[name]; return ok }
	for _, a := range t.Attr {
		if !has(a.Key) {
			attributes[a.Key] = a.Val
		}
	}
	var all []reference
	add := func(u use, attribute string) {
		if v := attributes[attribute]; v != "" {
			all = append(all, reference{
				use: u, element: t.Data, address: v, integrity: attributes["integrity"], crossorigin: has("crossorigin"),
			})
		}
	}
	switch t.Data {
	case "base":
		add(baseAddress, "href")
	case "script":
		if runs(attributes["type"]) {
			add(scriptFile, "src")
		}
	case "link":
		rel := strings.Fields(strings.ToLower(attributes["rel"]))
		add(linkUse(rel, strings.ToLower(attributes["as"])), "href")
		if !loads(rel) {
			all = nil
		}
	case "iframe", "frame", "embed":
		add(active, "src")
	case "object":
		add(active, "data")
	case "form":
		add(formTarget, "action")
	case "button":
		add(formTarget, "formaction")
	case "input":
		add(formTarget, "formaction")
		add(picture, "src")
	case "img", "audio", "source", "track":
		add(picture, "src")
	case "video":
		add(picture, "src")
		add(picture, "poster")
	}
	if t.Data == "img" || t.Data == "source" {
		for _, address := range candidates(attributes["srcset"]) {
			all = append(all, reference{use: picture, element: t.Data, address: address})
		}
	}
	return append(all, ofStyle(attributes["style"], t.Data)...)
}

// runs says whether an element of this type is script and not data.
func runs(kind string) bool {
	kind, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(kind)), ";")
	switch strings.TrimSpace(kind) {
	case "", "module", "text/javascript", "application/javascript", "text/ecmascript", "application/ecmascript",
		"application/x-javascript", "text/jscript", "text/livescript", "text/x-javascript":
		return true
	}
	return false
}

// loads says whether a browser fetches the file of a link.
func loads(rel []string) bool {
	for _, r := range rel {
		switch r {
		case "stylesheet", "preload", "modulepreload", "icon", "apple-touch-icon", "manifest", "prefetch":
			return true
		}
	}
	return false
}

func linkUse(rel []string, as string) use {
	for _, r := range rel {
		switch r {
		case "stylesheet":
			return styleFile
		case "icon", "apple-touch-icon":
			return picture
		}
	}
	if as == "image" || as == "video" || as == "audio" {
		return picture
	}
	return active
}

// candidates reads the addresses of a srcset, at most a hundred. One may hold commas
// when no blank follows them.
//
// Source: HTML, "parse a srcset attribute".
func candidates(srcset string) []string {
	const most = 100
	var all []string
	for rest := srcset; len(all) < most; {
		rest = strings.TrimLeft(rest, " \t\r\n\f,")
		if rest == "" {
			break
		}
		end := strings.IndexAny(rest, " \t\r\n\f")
		if end < 0 {
			end = len(rest)
		}
		address := rest[:end]
		rest = rest[end:]
		if trimmed := strings.TrimRight(address, ","); trimmed != address {
			address = trimmed
		} else if comma := strings.IndexByte(rest, ','); comma >= 0 {
			rest = rest[comma:]
		} else {
			rest = ""
		}
		all = append(all, address)
	}
	return all
}

var styleAddress = pattern.New(`(?i)@import\s+(?:url\(\s*)?["']?([^"'()\s;]{1,1000})|url\(\s*["']?([^"'()\s]{1,1000})`)

// ofStyle reads the addresses of a style sheet. What it imports is a style sheet too,
// whose integrity nothing can check; the rest are taken for pictures.
func ofStyle(text, element string) []reference {
	if text == "" {
		return nil
	}
	var all []reference
	for _, m := range styleAddress.Get().FindAllStringSubmatchIndex(text, maxReferences) {
		r := reference{use: picture, element: element, from: m[0], to: m[1]}
		if m[2] >= 0 {
			r.use, r.address = active, text[m[2]:m[3]]
		} else {
			r.address = text[m[4]:m[5]]
		}
		all = append(all, r)
	}
	return all
}
