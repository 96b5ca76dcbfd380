package crawl

import (
	"encoding/json"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// The bounds on one answer.
const (
	maxRefs      = 20000
	maxLinkValue = 8 << 10
	maxJSON      = 256 << 10
	maxCSSURL    = maxPath
)

// A ref is one address that an answer names.
type ref struct {
	address string
	// said is what a link says to a person: its text, its title, its label.
	said []string
	// acts: the page itself says that following it changes something.
	acts bool
}

// found is what was read from one answer.
type found struct {
	refs []ref
	// more is how many addresses there were beyond the bound.
	more  int
	forms []check.Form
	// base is what a base element says.
	base string
}

func (f *found) add(r ref) {
	if r.address = strings.TrimSpace(r.address); r.address == "" || r.address[0] == '#' {
		return
	}
	if len(f.refs) == maxRefs {
		f.more++
		return
	}
	f.refs = append(f.refs, r)
}

// read reads the addresses and forms of an answer, in linear time whatever it holds.
func read(x *check.Exchange) *found {
	f := new(found)
	class := Classify(x)
	if class == check.Redirect {
		f.add(ref{address: x.Header.Get("Location")})
		return f
	}
	for _, v := range x.Header.Values("Link") {
		f.linkHeader(v[:min(len(v), maxLinkValue)])
	}
	media := mediaType(x)
	switch {
	case class == check.Document, class == check.Error && strings.Contains(media, "html"):
		f.document(x.Body)
	case media == "text/css":
		f.css(string(x.Body))
	case strings.HasSuffix(media, "manifest+json"):
		f.json(x.Body, true)
	case class == check.API && strings.HasSuffix(media, "json"):
		f.json(x.Body, false)
	}
	return f
}

// relations are those of links that lead to something of the site to look at.
var relations = pattern.New(`(?i)(?:^|[\s"'])(?:canonical|alternate|next|prev|stylesheet|icon|apple-touch-icon|mask-icon|manifest|` +
	`preload|modulepreload|prefetch|prerender|search|help|license|author|privacy-policy|terms-of-service)(?:$|[\s"'])`)

// linkHeader reads one value of the header Link: <address>; rel=…, <address>; rel="…"
func (f *found) linkHeader(v string) {
	for {
		_, rest, ok := strings.Cut(v, "<")
		if !ok {
			return
		}
		address, rest, ok := strings.Cut(rest, ">")
		if !ok {
			return
		}
		start, quoted, wanted := 0, false, false
		param := func(text string) {
			name, value, _ := strings.Cut(text, "=")
			wanted = wanted || strings.EqualFold(strings.TrimSpace(name), "rel") && relations.Get().MatchString(strings.TrimSpace(value))
		}
		end := 0
		for ; end < len(rest) && (quoted || rest[end] != ','); end++ {
			switch rest[end] {
			case '"':
				quoted = !quoted
			case ';':
				if !quoted {
					param(rest[start:end])
					start = end + 1
				}
			}
		}
		if param(rest[start:end]); wanted {
			f.add(ref{address: address})
		}
		v = rest[end:]
	}
}

// css takes url(…) and @import of a style sheet.
func (f *found) css(text string) {
	for {
		i := strings.IndexAny(text, "(@")
		if i < 0 {
			return
		}
		word, rest := text[:i], text[i+1:]
		switch {
		case text[i] == '(' && len(word) >= 3 && strings.EqualFold(word[len(word)-3:], "url"):
		case text[i] == '@' && len(rest) >= 6 && strings.EqualFold(rest[:6], "import"):
			rest = rest[6:]
		default:
			text = rest
			continue
		}
		rest = strings.TrimLeft(rest[:min(len(rest), maxCSSURL)], " \t\r\n\f")
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			if address, _, ok := strings.Cut(rest[1:], rest[:1]); ok {
				f.add(ref{address: address})
			}
		} else if address, _, ok := strings.Cut(rest, ")"); ok && text[i] == '(' {
			if address = strings.TrimRight(address, " \t\r\n\f"); !strings.ContainsAny(address, " \t\r\n\f\"'(") {
				f.add(ref{address: address})
			}
		}
		text = text[i+1:]
	}
}

// jsonAddress finds members whose names say that they are addresses: href, nextPage.
var jsonAddress = pattern.New(`(?i)"[a-z_-]{0,30}(?:href|url|uri|link|next|prev|previous|self|first|last|src|location)[a-z_-]{0,10}"\s*:\s*("(?:[^"\\]|\\.)*")`)

// json takes the addresses of an answer for programs: absolute ones and absolute paths,
// and in a manifest relative ones too.
func (f *found) json(body []byte, relative bool) {
	for _, m := range jsonAddress.Get().FindAllSubmatch(body[:min(len(body), maxJSON)], maxRefs) {
		var address string
		if json.Unmarshal(m[1], &address) != nil {
			continue
		}
		path := strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
		if path || relative || strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
			f.add(ref{address: address})
		}
	}
}
