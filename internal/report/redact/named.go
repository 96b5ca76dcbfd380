package redact

import "strings"

// secretWords begin the part of a name that tells that its value is a secret, as in
// sessionSecret, DB_PASSWORD or access_token; "key" only after one of keyWords, as in
// apiKey or private_key.
var (
	secretWords = []string{"password", "passwd", "passwort", "passphrase", "secret", "credential", "token", "csrf", "xsrf", "sessid", "sessionid", "session_id", "session-id", "sess_id"}
	keyWords    = []string{"api", "private", "access", "auth", "signing", "encryption"}
	// wholeWords are secret only when no letter stands before or after them.
	wholeWords = []string{"sid", "pwd", "cookie", "cookies"}
)

// maskNamed masks the values of names that tell a secret: members of JSON (also of JSON
// within a string), literals in source that are given to such a name, fields of a form
// and variables of an environment. An expression that is no literal stays.
func maskNamed(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		size := secretAt(s, i)
		if size == 0 {
			i++
			continue
		}
		from, to := valueAfter(s, i+size, strings.EqualFold(s[i:i+min(size, 6)], "cookie"))
		if from >= to {
			i += size
			continue
		}
		b.WriteString(s[done:from])
		b.WriteString(Mask)
		done, i = to, to
	}
	if done == 0 {
		return s
	}
	return b.String() + s[done:]
}

// secretAt returns the length of the secret word at i, or 0.
func secretAt(s string, i int) int {
	switch s[i] | 0x20 {
	case 'p', 's', 'c', 't', 'x', 'a', 'e':
	default:
		return 0
	}
	for _, w := range secretWords {
		if hasPrefixFold(s[i:], w) {
			return len(w)
		}
	}
	for _, w := range keyWords {
		if hasPrefixFold(s[i:], w) {
			rest := strings.TrimLeft(s[i+len(w):min(len(s), i+len(w)+1)], "_-")
			at := i + len(w) + 1 - len(rest)
			if at <= len(s) && hasPrefixFold(s[at:], "key") {
				return at + len("key") - i
			}
		}
	}
	for _, w := range wholeWords {
		if hasPrefixFold(s[i:], w) && (i == 0 || !isWord(s[i-1])) && (i+len(w) == len(s) || !isWord(s[i+len(w)])) {
			return len(w)
		}
	}
	return 0
}

// valueAfter returns where the value begins and ends that is given to a name, of which
// the rest begins at i. A cookie's is one only when the name is quoted: elsewhere it
// names options.
func valueAfter(s string, i int, cookie bool) (from, to int) {
	at := func(text string) bool { return strings.HasPrefix(s[i:], text) }
	for i < len(s) && (isWord(s[i]) || s[i] == '-') {
		i++
	}
	end := i
	if at(`\`) {
		i++
	}
	quoted := i < len(s) && (s[i] == '"' || s[i] == '\'')
	if quoted {
		i++
	}
	if cookie && !quoted {
		return 0, 0
	}
	switch {
	case at("]"):
		i++
	case at("%5D"), at("%5d"):
		i += len("%5D")
	}
	i = skipBlanks(s, i)
	tight := false
	switch {
	case at("=="):
		return 0, 0
	case at("=>"), at("||"), at("??"):
		i += 2
	case at("="):
		tight = s[end] != ' ' && s[end] != '\t'
		i++
	case at(":"):
		i++
	default:
		return 0, 0
	}
	start := i
	i = skipBlanks(s, i)
	switch {
	case at(`\"`), at(`\'`):
		return i + 2, literalEnd(s, i+2, s[i+1], true)
	case at(`"`), at(`'`), at("`"):
		return i + 1, literalEnd(s, i+1, s[i], false)
	case quoted && i < len(s) && (s[i] == '-' || s[i] >= '0' && s[i] <= '9'):
		n := strings.IndexFunc(s[i:], func(r rune) bool { return !strings.ContainsRune("0123456789.eE+-", r) })
		if n < 0 {
			n = len(s) - i
		}
		return i, i + n
	case tight && i == start:
		n := strings.IndexAny(s[i:], "& \t\n\"'<>;,…")
		if n < 0 {
			n = len(s) - i
		}
		return i, i + n
	}
	return 0, 0
}

// literalEnd is where a quoted value ends: before its closing quote, or, when it was cut
// off, at the end of its line. Within another string its quotes are escaped.
func literalEnd(s string, i int, quote byte, within bool) int {
	for ; i < len(s) && s[i] != '\n'; i++ {
		switch {
		case s[i] == quote:
			return i
		case s[i] != '\\' || i+1 >= len(s):
		case within && s[i+1] == quote:
			return i
		case s[i+1] != '\n':
			i++
		}
	}
	return min(i, len(s))
}

func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func hasPrefixFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}
