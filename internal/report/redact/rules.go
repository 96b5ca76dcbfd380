package redact

import (
	"encoding/base64"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// A rule masks what one expression finds.
type rule struct {
	// words are in every match, in lower case, one of them at least: a text without
	// them is not worth the expression. The comparison folds ASCII letters.
	words []string
	find  pattern.Pattern
	// as is the replacement; with is used when it is empty.
	as   string
	with func(match string) string
}

func (r *rule) mask(s string) string {
	if r.with != nil {
		return r.find.Get().ReplaceAllStringFunc(s, r.with)
	}
	return r.find.Get().ReplaceAllString(s, r.as)
}

func (r *rule) mayMatch(s string) bool {
	for _, w := range r.words {
		if containsFold(s, w) {
			return true
		}
	}
	return false
}

// secretHeader are headers whose whole value is a credential.
const secretHeader = `(?:proxy-)?authorization|x-api-key|api-key|x-auth-token|x-csrf-token|x-xsrf-token|x-access-token`

var headerWords = []string{"authorization", "api-key", "token"}

// rules run in this order: whole lines first, then what stands within a line.
var rules = []rule{
	// A private key, whether or not its end was cut off.
	{words: []string{"private key-----"}, as: "${1}\n" + Mask + "\n",
		find: pattern.New(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:[^-]|-[^-])*`)},
	// A header line, a header that Go quotes in an error, a header as an argument of a
	// curl command, and one that a page shows.
	{words: []string{"cookie"}, with: maskCookies, find: pattern.New(`(?im)^[ \t]*((?:set-)?cookie2?:)(.*)$`)},
	{words: []string{`cookie`}, with: maskCookies, find: pattern.New(`(?i)"((?:set-)?cookie2?:)(.*)`)},
	{words: []string{`'cookie`}, with: maskCookies, find: pattern.New(`(?i)'(cookie2?:)([^'\n]*)`)},
	{words: []string{"cookie"}, with: maskCookies, find: pattern.New(`(?i)[>\s(](?:set-)?cookie2?:[ \t]*[\w.-]+=[^\n<"']*`)},
	{words: headerWords, as: "$1 " + Mask, find: pattern.New(`(?i)("(?:` + secretHeader + `):).*`)},
	{words: headerWords, as: "$1 " + Mask, find: pattern.New(`(?im)^([ \t]*(?:` + secretHeader + `):).*$`)},
	{words: headerWords, as: "${1}" + Mask, find: pattern.New(`(?i)(authorization["']?[ \t]*[:=][ \t]*["']?)[^\n"'<]+`)},
	{words: headerWords, as: "$1 " + Mask, find: pattern.New(`(?i)('(?:` + secretHeader + `):)[^'\n]*`)},
	// Userinfo of an address.
	{words: []string{"@"}, as: "$1" + Mask + "@", find: pattern.New(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@"']+@`)},
	// A request target or address with a query: from the ? to a blank, quote or #.
	{words: []string{"?"}, with: maskQuery, find: pattern.New(`\?([^\s"'<>#]+)`)},
	// The value of such a field on a page.
	{words: []string{"<input", "<meta"}, with: maskInput, find: pattern.New(`(?i)<(?:input|meta)\b[^>]*>?`)},
	// Credentials by their scheme.
	{words: []string{"basic "}, with: maskBasic, find: pattern.New(`(?i)\bbasic[ \t]+[A-Za-z0-9+/_-]{4,}={0,2}`)},
	{words: []string{"bearer "}, as: "${1}" + Mask, find: pattern.New(`(?i)\b(bearer[ \t]+)[A-Za-z0-9._~+/-]*[0-9._~+/][A-Za-z0-9._~+/=-]{7,}`)},
	// A JSON Web Token, and Express's signed session id.
	{words: []string{"eyj"}, as: Mask, find: pattern.New(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*`)},
	{words: []string{"s:", "s%3a"}, as: Mask, find: pattern.New(`\bs(?::|%3A)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9%+/=_-]{20,}`)},
	// A servlet's session in the path.
	{words: []string{";jsessionid="}, as: "${1}" + Mask, find: pattern.New(`(?i)(;jsessionid=)[^?#;/\s"'<>…]+`)},
	// Keys by their maker's prefix: AWS, GitHub, GitLab, Slack, Stripe, npm, Google.
	{words: []string{"akia", "asia"}, as: Mask, find: pattern.New(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)},
	{words: []string{"gh", "glpat-", "xox", "_live_", "_test_", "npm_", "aiza"}, as: Mask,
		find: pattern.New(`\b(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}|` +
			`[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{30,}|AIza[A-Za-z0-9_-]{30,})`)},
}

// containsFold says whether s holds the word, which is in lower case, in any case of its
// ASCII letters.
func containsFold(s, word string) bool {
	low, high := word[0], strings.ToUpper(word[:1])[0]
	for i := 0; i+len(word) <= len(s); i++ {
		if (s[i] == low || s[i] == high) && strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// maskCookies masks every value of a Cookie line, and the first, which is the
// cookie's, of a Set-Cookie line.
func maskCookies(line string) string {
	head, value, _ := strings.Cut(line, ":")
	parts := strings.Split(value, ";")
	setting := strings.HasPrefix(strings.ToLower(strings.Trim(head, "\"'>( \t\n")), "set-")
	for i, part := range parts {
		if setting && i > 0 {
			break
		}
		name, _, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			name = ""
		}
		parts[i] = " " + name + "=" + Mask
	}
	return head + ":" + strings.Join(parts, ";")
}

var pair = pattern.New(`=[^&;]*`)

func maskQuery(q string) string {
	if !strings.Contains(q, "=") {
		return "?" + Mask
	}
	return "?" + pair.Get().ReplaceAllString(q[1:], "="+Mask)
}

var (
	fieldName  = pattern.New(`(?i)\b(?:name|id|type|property)\s*=\s*["']?([^\s"'>]+)`)
	fieldValue = pattern.New(`(?i)(\b(?:value|content)\s*=\s*)("[^"]*"?|'[^']*'?|[^\s>"']+)`)
)

// maskInput masks the value of a field whose name or type tells that it is a secret.
func maskInput(tag string) string {
	secret := false
	for _, m := range fieldName.Get().FindAllStringSubmatch(tag, -1) {
		for i := range m[1] {
			secret = secret || secretAt(m[1], i) > 0
		}
	}
	if !secret {
		return tag
	}
	return fieldValue.Get().ReplaceAllString(tag, `$1"`+Mask+`"`)
}

// maskBasic masks a user name and password in base64; "Basic authentication" is none.
func maskBasic(s string) string {
	at := strings.LastIndexAny(s, " \t") + 1
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if plain, err := encoding.DecodeString(s[at:]); err == nil && strings.Contains(string(plain), ":") {
			return s[:at] + Mask
		}
	}
	return s
}
