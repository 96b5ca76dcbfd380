package csp

import "strings"

// directives are the names that browsers know, with the form of their value.
var directives = map[string]kind{
	"default-src": sourceList, "child-src": sourceList, "connect-src": sourceList, "fenced-frame-src": sourceList,
	"font-src": sourceList, "frame-src": sourceList, "img-src": sourceList, "manifest-src": sourceList,
	"media-src": sourceList, "object-src": sourceList, "prefetch-src": sourceList, "script-src": sourceList,
	"script-src-attr": sourceList, "script-src-elem": sourceList, "style-src": sourceList,
	"style-src-attr": sourceList, "style-src-elem": sourceList, "worker-src": sourceList,
	"base-uri": sourceList, "form-action": sourceList, "navigate-to": sourceList, "frame-ancestors": sourceList,

	"sandbox": tokens, "report-to": tokens, "report-uri": tokens, "require-trusted-types-for": tokens,
	"trusted-types": tokens, "upgrade-insecure-requests": noValue, "webrtc": tokens,

	"block-all-mixed-content": deprecated, "plugin-types": deprecated, "referrer": deprecated,
	"reflected-xss": deprecated, "require-sri-for": deprecated,
}

// kind is the form of a directive's value.
type kind uint8

const (
	unknown kind = iota
	sourceList
	tokens
	noValue
	deprecated
)

// keywords are those that are keywords only within single quotes, in any directive, by
// Helmet's list.
var keywords = map[string]bool{
	"none": true, "self": true, "strict-dynamic": true, "report-sample": true, "inline-speculation-rules": true,
	"unsafe-inline": true, "unsafe-eval": true, "unsafe-hashes": true, "wasm-unsafe-eval": true,
}

// moreKeywords are further ones that browsers know and Helmet does not look for.
var moreKeywords = map[string]bool{
	"trusted-types-eval": true, "unsafe-allow-redirects": true, "unsafe-webtransport-hashes": true,
	"report-sha256": true, "report-sha384": true, "report-sha512": true,
}

// quotedPrefixes begin the sources that need single quotes with what follows.
var quotedPrefixes = [...]string{"nonce-", "sha256-", "sha384-", "sha512-"}

// sandboxTokens are the flags of the sandbox directive (HTML, iframe sandbox).
var sandboxTokens = map[string]bool{
	"allow-downloads": true, "allow-forms": true, "allow-modals": true, "allow-orientation-lock": true,
	"allow-pointer-lock": true, "allow-popups": true, "allow-popups-to-escape-sandbox": true,
	"allow-presentation": true, "allow-same-origin": true, "allow-scripts": true,
	"allow-storage-access-by-user-activation": true, "allow-top-navigation": true,
	"allow-top-navigation-by-user-activation": true, "allow-top-navigation-to-custom-protocols": true,
}

// Normalize returns the directive that Helmet makes of a name: each capital becomes a
// dash and the small letter, so "scriptSrc" is "script-src" and "scriptSRC" is
// "script-s-r-c". It reports false for a name that Helmet refuses, one that does not
// begin with a small letter, ends with a dash, or holds anything but ASCII letters,
// digits and dashes. The name need not be one that browsers know.
func Normalize(name string) (string, bool) {
	if name == "" || name[0] < 'a' || name[0] > 'z' || name[len(name)-1] == '-' {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(name) + 4)
	for _, c := range []byte(name) {
		switch {
		case 'A' <= c && c <= 'Z':
			b.WriteByte('-')
			b.WriteByte(c + 'a' - 'A')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
			b.WriteByte(c)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// asciiLower lowers ASCII alone: Unicode would turn the Kelvin sign into a k.
func asciiLower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
