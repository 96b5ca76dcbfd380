package observatory

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// parseToken reads a structured field (RFC 9651) that is an item with a token. Its
// parameters are read too, since a broken one makes the whole field invalid.
func parseToken(field string) (string, bool) {
	p := fieldParser{rest: strings.TrimLeft(field, " ")}
	token, ok := p.token()
	if !ok {
		return "", false
	}
	for p.take(';') {
		p.rest = strings.TrimLeft(p.rest, " ")
		if !p.key() || p.take('=') && !p.bareItem() {
			return "", false
		}
	}
	return token, strings.Trim(p.rest, " ") == ""
}

// fieldParser consumes a field from the front.
type fieldParser struct{ rest string }

func (p *fieldParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// run takes the characters of a class.
func (p *fieldParser) run(class func(byte) bool) string {
	i := 0
	for i < len(p.rest) && class(p.rest[i]) {
		i++
	}
	taken := p.rest[:i]
	p.rest = p.rest[i:]
	return taken
}

func (p *fieldParser) token() (string, bool) {
	if p.rest == "" || !isAlpha(p.rest[0]) && p.rest[0] != '*' {
		return "", false
	}
	return p.run(func(c byte) bool {
		return isAlpha(c) || isDigit(c) || strings.IndexByte(":/!#$%&'*+-.^_`|~", c) >= 0
	}), true
}

func (p *fieldParser) key() bool {
	if p.rest == "" || (p.rest[0] < 'a' || p.rest[0] > 'z') && p.rest[0] != '*' {
		return false
	}
	p.run(func(c byte) bool {
		return 'a' <= c && c <= 'z' || isDigit(c) || strings.IndexByte("_-.*", c) >= 0
	})
	return true
}

func (p *fieldParser) bareItem() bool {
	if p.rest == "" {
		return false
	}
	switch c := p.rest[0]; {
	case c == '-' || isDigit(c):
		return p.number()
	case c == '"':
		return p.quoted()
	case c == ':':
		return p.bytes()
	case c == '?':
		p.take('?')
		return p.take('0') || p.take('1')
	case c == '@':
		return p.date()
	case c == '%':
		return p.display()
	}
	_, ok := p.token()
	return ok
}

// number is an integer of up to 15 digits or a decimal of up to 12 and 3.
func (p *fieldParser) number() bool {
	p.take('-')
	whole := p.run(isDigit)
	if whole == "" || len(whole) > 15 {
		return false
	}
	if !p.take('.') {
		return true
	}
	fraction := p.run(isDigit)
	return len(whole) <= 12 && fraction != "" && len(fraction) <= 3
}

func (p *fieldParser) quoted() bool {
	p.take('"')
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '"':
			return true
		case c == '\\':
			if !p.take('\\') && !p.take('"') {
				return false
			}
		case c < ' ' || c > '~':
			return false
		}
	}
	return false
}

func (p *fieldParser) bytes() bool {
	content, rest, ok := strings.Cut(p.rest[1:], ":")
	if !ok {
		return false
	}
	p.rest = rest
	// As forgiving as atob: padding may be missing, and loose bits are ignored.
	bare := strings.TrimRight(content, "=")
	padding := len(content) - len(bare)
	if padding > 2 || padding > 0 && len(content)%4 != 0 {
		return false
	}
	_, err := base64.RawStdEncoding.DecodeString(bare)
	return err == nil && len(bare)%4 != 1
}

// date is, in this reading, only good at the very end of a field.
func (p *fieldParser) date() bool {
	p.take('@')
	p.take('-')
	digits := p.run(isDigit)
	return digits != "" && len(digits) <= 15 && p.rest == ""
}

func (p *fieldParser) display() bool {
	text, ok := strings.CutPrefix(p.rest, `%"`)
	if !ok {
		return false
	}
	var decoded []byte
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r <= 0x1f || 0x7f <= r && r <= 0xff:
			return false
		case r == '"':
			p.rest = text[1:]
			return utf8.Valid(decoded)
		case r == '%':
			c, ok := percentByte(text)
			if !ok || text[1:3] != strings.ToLower(text[1:3]) {
				return false
			}
			decoded = append(decoded, c)
			size = 3
		default:
			// The original cuts a character beyond Latin-1 down to its low byte.
			decoded = append(decoded, byte(r))
		}
		text = text[size:]
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
