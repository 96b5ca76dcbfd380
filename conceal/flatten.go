package conceal

import (
	"bytes"
	"html"
	"slices"
	"strings"
)

// breakingTags begin a new line; every other tag does not, as in a browser. So what
// only looks like a tag, such as the <anonymous> of a trace, tears no line apart.
var breakingTags = []string{
	"!", "?", "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div", "dl", "dt",
	"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr",
	"html", "legend", "li", "link", "main", "meta", "nav", "ol", "option", "p", "pre", "script", "section", "style",
	"summary", "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead", "title", "tr", "ul",
}

// flatten turns markup into the lines that a reader of the page would see, and those
// of its comments and scripts, which tell as much. It is meant for finding a trace,
// not for showing.
func flatten(markup []byte) []byte {
	out := make([]byte, 0, len(markup))
	for len(markup) > 0 {
		open := bytes.IndexByte(markup, '<')
		if open < 0 {
			out = append(out, markup...)
			break
		}
		out = append(out, markup[:open]...)
		markup = markup[open:]
		name, length := tag(markup)
		switch {
		case length == 0:
			out = append(out, '<')
			markup = markup[1:]
			continue
		case slices.Contains(breakingTags, name):
			out = append(out, '\n')
		}
		markup = markup[length:]
	}
	return []byte(closings.Replace(html.UnescapeString(string(out))))
}

// closings end what tag leaves open, and make blanks plain.
var closings = strings.NewReplacer("-->", "\n", "]]>", "\n", "\u00a0", " ")

// tag returns the name of the tag that markup begins with, in lower case, and how
// many bytes it takes; 0 when it is none. Of a comment and of CDATA only the opening is
// one.
func tag(markup []byte) (name string, length int) {
	for _, opening := range [...]string{"<!--", "<![CDATA["} {
		if len(markup) >= len(opening) && string(markup[:len(opening)]) == opening {
			return "!", len(opening)
		}
	}
	end := bytes.IndexByte(markup[:min(len(markup), maxTag)], '>')
	if end < 2 {
		return "", 0
	}
	inside := bytes.TrimPrefix(markup[1:end], []byte{'/'})
	if len(inside) == 0 || !(isLetter(inside[0]) || inside[0] == '!' || inside[0] == '?') {
		return "", 0
	}
	n := 1
	for n < len(inside) && (isLetter(inside[n]) || '0' <= inside[n] && inside[n] <= '9') {
		n++
	}
	return strings.ToLower(string(inside[:n])), end + 1
}

// maxTag is the length beyond which a "<" is not taken for a tag.
const maxTag = 4 << 10

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// breakLines turns the escapes of JSON strings into what they stand for, and the
// quotation marks around them into line ends.
func breakLines(text []byte) []byte { return []byte(jsonEscapes.Replace(string(text))) }

var jsonEscapes = strings.NewReplacer(`\\`, `\`, `\r\n`, "\n", `\n`, "\n", `\t`, " ", `\"`, `"`, `\/`, `/`, `"`, "\n")
