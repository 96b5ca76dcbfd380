package replay

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

const (
	maxValues = 2000
	// minToken is the shortest value that is taken for one that a site made up.
	minToken = 8
)

// A place is where a site can put a value that it wants back.
type place struct{ kind, name string }

// fresh is a value of the recording that the site makes anew.
type fresh struct {
	place
	recorded string
	// where says it in words, for errors.
	where string
	// page is the path of the answer that gave it, "" for a cookie.
	page string
}

// replace puts the value of now in place of the recorded one, written as the text is.
func (f fresh) replace(text, now string, written func(string) string) string {
	text = strings.ReplaceAll(text, written(f.recorded), written(now))
	if old := f.recorded; old != written(old) {
		text = strings.ReplaceAll(text, old, written(now))
	}
	return text
}

// writing is how a body of this type writes a value.
func writing(headers []string) func(string) string {
	for _, line := range headers {
		media, ok := strings.CutPrefix(line, "Content-Type: ")
		switch {
		case !ok:
		case strings.Contains(media, "urlencoded"):
			return url.QueryEscape
		case strings.Contains(media, "json"):
			return quoted
		}
	}
	return plain
}

func plain(s string) string { return s }

// quoted is s inside a JSON string.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return string(b[1 : len(b)-1])
}

// value finds what stands in the place now, in the newest answer that has it.
func (b *browser) value(f fresh) (string, bool) {
	if f.kind == "cookie" {
		v, ok := b.jar[f.name]
		if plain, err := url.PathUnescape(v); err == nil && !strings.Contains(f.recorded, "%") {
			v = plain
		}
		return v, ok
	}
	for i := len(b.seen) - 1; i >= 0; i-- {
		if v, ok := values(b.seen[i].Header.Get("Content-Type"), b.seen[i].Body)[f.place]; ok {
			return v, true
		}
	}
	return "", false
}

// values reads the places of an answer: fields and meta elements of HTML, members of
// JSON.
func values(media string, body []byte) map[place]string {
	found := make(map[place]string)
	if strings.Contains(media, "json") {
		var v any
		if json.Unmarshal(body, &v) == nil {
			members(found, v, 0)
		}
		return found
	}
	if !strings.Contains(media, "html") {
		return found
	}
	z := html.NewTokenizer(bytes.NewReader(body))
	for len(found) < maxValues {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			if tag != "input" && tag != "meta" {
				continue
			}
			a := crawl.Attributes(z, more)
			switch {
			case tag == "input" && a["name"] != "":
				found[place{"the field", a["name"]}] = a["value"]
			case tag == "meta" && a["name"] != "":
				found[place{"the meta element", a["name"]}] = a["content"]
			}
		}
	}
	return found
}

func members(found map[place]string, v any, depth int) {
	if depth > 16 || len(found) >= maxValues {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m := v[name]
			if s, ok := m.(string); ok {
				found[place{"the member", name}] = s
			}
			members(found, m, depth+1)
		}
	case []any:
		for _, m := range v {
			members(found, m, depth+1)
		}
	}
}

// gaveToken says that an answer holds a token for script to keep.
func gaveToken(x *check.Exchange) bool {
	all := values(x.Header.Get("Content-Type"), x.Body)
	for _, name := range []string{"token", "access_token", "accessToken", "jwt", "id_token", "idToken"} {
		if len(all[place{"the member", name}]) >= minToken {
			return true
		}
	}
	return false
}

// wayOut finds the form or link by which a page lets its user log out.
func wayOut(x *check.Exchange, origin *url.URL) (step, bool) {
	base, err := url.Parse(x.URL)
	if err != nil {
		return step{}, false
	}
	inside := func(ref string) (*url.URL, bool) {
		u, err := base.Parse(ref)
		return u, err == nil && u.Scheme == origin.Scheme && strings.EqualFold(u.Host, origin.Host) && crawl.LogsOut(u.String())
	}
	z := html.NewTokenizer(bytes.NewReader(x.Body))
	var form *step
	var fields url.Values
	var link *step
	for {
		switch z.Next() {
		case html.ErrorToken:
			if link != nil {
				return *link, true
			}
			return step{}, false
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "form" && form != nil {
				if form.method == "POST" {
					form.body = fields.Encode()
					form.headers = []string{"Content-Type: application/x-www-form-urlencoded", "Origin: " + origin.Scheme + "://" + origin.Host}
				}
				return *form, true
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			a := crawl.Attributes(z, more)
			switch tag {
			case "form":
				if u, ok := inside(a["action"]); ok {
					form, fields = &step{method: "GET", path: u.RequestURI()}, make(url.Values)
					if strings.EqualFold(a["method"], "post") {
						form.method = "POST"
					}
				}
			case "input":
				if form != nil && a["name"] != "" {
					fields.Set(a["name"], a["value"])
				}
			case "a":
				if u, ok := inside(a["href"]); ok && link == nil {
					link = &step{method: "GET", path: u.RequestURI()}
				}
			}
		}
	}
}
