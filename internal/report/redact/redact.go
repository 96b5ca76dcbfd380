// Package redact is the one place where secrets are taken out of what an audit shows:
// the values of cookies, credentials, and the values in query strings. What is left
// are names and shapes.
//
//	redact.Text("Set-Cookie: sid=s%3Aabc; Path=/\n") // "Set-Cookie: sid=…; Path=/\n"
//
// It works on text, line by line, so it finds what is written as a header, as an
// address or as one of the well-known shapes of a token. It does not know what else an
// app holds secret: a password printed on an error page stays, except that no text is
// longer than [Limit]. It also takes out control characters, so that nothing a target
// said moves the cursor or changes the colours of a terminal.
package redact

import (
	"strings"
	"unicode"

	"github.com/panoplysec/panoply/internal/pattern"
)

// Limit is the longest text in bytes that Text returns, the mark of the cut included.
const Limit = 8 << 10

// mask stands for a value that was taken out.
const mask = "…"

const cut = "… (cut)"

const secretName = `(?:proxy-)?authorization|x-api-key|api-key|x-auth-token|x-csrf-token|x-xsrf-token|x-access-token`

var (
	// A request target or address with a query: from the ? to a blank, quote or #.
	query = pattern.New(`\?([^\s"'<>#]+)`)
	pair  = pattern.New(`=[^&;]*`)
	// Userinfo of an address.
	userinfo = pattern.New(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@"']+@`)
	// A JSON Web Token, and Express's signed session id.
	token  = pattern.New(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*`)
	signed = pattern.New(`\bs(?::|%3A)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9%+/=_-]{20,}`)
	// A header line, and a header as an argument of a curl command.
	cookieLine = pattern.New(`(?im)^[ \t]*((?:set-)?cookie2?:)(.*)$`)
	// A header that Go quotes in an error.
	cookieSaid = pattern.New(`(?i)"((?:set-)?cookie2?:)(.*)`)
	// A credential within a line, as a page shows a request that it made.
	authorized = pattern.New(`(?i)(authorization["']?[ \t]*[:=][ \t]*["']?)[^\n"'<]+`)
	secretSaid = pattern.New(`(?i)("(?:` + secretName + `):).*`)
	cookieArg  = pattern.New(`(?i)'(cookie2?:)([^'\n]*)`)
	secretLine = pattern.New(`(?im)^([ \t]*(?:` + secretName + `):).*$`)
	secretArg  = pattern.New(`(?i)('(?:` + secretName + `):)[^'\n]*`)
)

// Text returns s with secrets masked, without control characters other than line feed
// and tab, as valid UTF-8 and at most [Limit] bytes long.
func Text(s string) string {
	// What lies beyond any output is not worth matching.
	if len(s) > 2*Limit {
		s = s[:2*Limit]
	}
	s = Printable(s)
	s = cookieLine.Get().ReplaceAllStringFunc(s, maskCookies)
	s = cookieSaid.Get().ReplaceAllStringFunc(s, maskCookies)
	s = secretSaid.Get().ReplaceAllString(s, "$1 "+mask)
	s = cookieArg.Get().ReplaceAllStringFunc(s, maskCookies)
	s = secretLine.Get().ReplaceAllString(s, "$1 "+mask)
	s = authorized.Get().ReplaceAllString(s, "${1}"+mask)
	s = secretArg.Get().ReplaceAllString(s, "$1 "+mask)
	s = userinfo.Get().ReplaceAllString(s, "$1"+mask+"@")
	s = query.Get().ReplaceAllStringFunc(s, func(q string) string { return maskQuery(q[1:]) })
	s = token.Get().ReplaceAllString(s, mask)
	s = signed.Get().ReplaceAllString(s, mask)
	return shorten(s)
}

// Printable returns s as valid UTF-8 without control characters, format characters
// that reorder text, and line separators; line feed and tab stay.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
}

// Line is Text on one line: line feeds and tabs become blanks.
func Line(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(Text(s)))
}

// maskCookies masks every value of a Cookie line, and the first, which is the
// cookie's, of a Set-Cookie line.
func maskCookies(line string) string {
	head, value, _ := strings.Cut(line, ":")
	parts := strings.Split(value, ";")
	setting := strings.HasPrefix(strings.ToLower(strings.Trim(head, "\" \t")), "set-")
	for i, part := range parts {
		if setting && i > 0 {
			break
		}
		name, _, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			name = ""
		}
		parts[i] = " " + name + "=" + mask
	}
	return head + ":" + strings.Join(parts, ";")
}

func maskQuery(q string) string {
	if !strings.Contains(q, "=") {
		return "?" + mask
	}
	return "?" + pair.Get().ReplaceAllString(q, "="+mask)
}

func shorten(s string) string {
	if len(s) <= Limit {
		return s
	}
	return strings.ToValidUTF8(s[:Limit-len(cut)], "") + cut
}
