package observatory

import (
	"strings"

	"golang.org/x/net/html"
)

// decodeAttribute replaces the character references of an attribute's value. The
// tokenizer of x/net knows the rules for attributes, which differ from those for text,
// and only shows them in a tag; line breaks and quotes it must not see, and neither can
// be part of a reference.
func decodeAttribute(value string) string {
	if !strings.Contains(value, "&") {
		return value
	}
	var b strings.Builder
	for {
		cut := strings.IndexAny(value, "\"\r\n\x00")
		part := value
		if cut >= 0 {
			part = value[:cut]
		}
		b.WriteString(decodePart(part))
		if cut < 0 {
			return b.String()
		}
		b.WriteByte(value[cut])
		value = value[cut+1:]
	}
}

func decodePart(part string) string {
	if !strings.Contains(part, "&") {
		return part
	}
	z := html.NewTokenizer(strings.NewReader(`<a x="` + part + `">`))
	z.Next()
	z.TagName()
	_, decoded, _ := z.TagAttr()
	return string(decoded)
}
