// Package wire is the grammar that both sides of the door read HTTP/1.1 by: package h1 from
// clients, package upstream from the application. It is one, so that the two cannot come
// to disagree.
//
// Names are compared in ASCII only. [strings.EqualFold] follows Unicode, where the
// Kelvin sign is a k: it takes "chun\u212aed" for chunked, and no other server does.
//
// Sources: RFC 9110 section 5 (fields), RFC 9112 sections 6 and 7 (framing).
package wire

import "strings"

// Token are the bytes of a token (RFC 9110 section 5.6.2), Value those of a field's value:
// all but the control bytes other than tab (section 5.5). Both are read only.
var Token, Value = tables()

func tables() (token, value [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		token[c] = true
	}
	for c := range value {
		value[c] = c >= ' ' && c != 0x7f || c == '\t'
	}
	return token, value
}

// IsToken tells whether s is a token. The empty string is none.
func IsToken(s string) bool {
	for i := range len(s) {
		if !Token[s[i]] {
			return false
		}
	}
	return s != ""
}

// IsValue tells whether s may be a field's value. The empty string may.
func IsValue(s string) bool {
	for i := range len(s) {
		if !Value[s[i]] {
			return false
		}
	}
	return true
}

// EqualFold compares in any case of the letters of ASCII, and of no others.
func EqualFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// Trim takes blanks and tabs off both ends.
func Trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// HasToken tells whether one of the comma-separated lists holds token, in any case.
func HasToken(lists []string, token string) bool {
	for _, list := range lists {
		if EqualFold(list, token) {
			return true
		}
		for one := range strings.SplitSeq(list, ",") {
			if EqualFold(Trim(one), token) {
				return true
			}
		}
	}
	return false
}

// Length reads a Content-Length: digits and nothing else, at most 18 of them, so that no
// reader's number overflows.
func Length(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(s[i]-'0')
	}
	return n, true
}

// ChunkSize reads the line before a chunk, without its CRLF: at most 15 hexadecimal digits
// and nothing else, then extensions, which are passed over.
func ChunkSize(line []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(line) && line[i] != ';'; i++ {
		c := line[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		if i == 15 {
			return 0, false
		}
		n = n<<4 | int64(c)
	}
	for _, c := range line[i:] {
		if !Value[c] {
			return 0, false
		}
	}
	return n, i > 0
}
