package jsast

import (
	"strconv"
	"strings"
	"unicode/utf8"

	reader "github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// A token is one word of a file; white space and comments are none.
type token struct {
	kind js.TokenType
	text string
	at   int
	// newline says that a line ended since the token before.
	newline bool
}

// The parser's work grows with how deep code lies: a file may lie meanDepth deep on the
// average, but for what a small file can have.
const (
	meanDepth = 24
	smallFile = 1_000_000
)

// scan splits the text. It says whether brackets nest too deep to be parsed; then the
// tokens end there.
func scan(text []byte) (tokens []token, deep bool) {
	l := js.NewLexer(reader.NewInputBytes(append([]byte(nil), text...)))
	at, depth, sum, newline := 0, 0, 0, true
	for {
		kind, data := l.Next()
		if kind == js.ErrorToken && len(data) == 0 {
			return tokens, sum > smallFile+meanDepth*len(tokens)
		}
		if (kind == js.DivToken || kind == js.DivEqToken) && !ends(tokens) {
			if k, d := l.RegExp(); k == js.RegExpToken {
				kind, data = k, d
			} else {
				return tokens, sum > smallFile+meanDepth*len(tokens)
			}
		}
		switch kind {
		case js.WhitespaceToken, js.CommentToken:
		case js.LineTerminatorToken, js.CommentLineTerminatorToken:
			newline = true
		default:
			tokens = append(tokens, token{kind, string(data), at, newline})
			newline = false
			sum += depth
		}
		at += len(data)
		switch kind {
		case js.OpenBraceToken, js.OpenBracketToken, js.OpenParenToken, js.TemplateStartToken:
			if depth++; depth > MaxNesting {
				return tokens, true
			}
		case js.CloseBraceToken, js.CloseBracketToken, js.CloseParenToken, js.TemplateEndToken:
			depth--
		}
	}
}

// ends says that the last token can end an expression, so that a slash after it divides
// and does not open a regular expression.
func ends(tokens []token) bool {
	n := len(tokens)
	if n == 0 {
		return false
	}
	// Behind a dot every word is a name.
	if n > 1 && (tokens[n-2].kind == js.DotToken || tokens[n-2].kind == js.OptChainToken) && js.IsIdentifierName(tokens[n-1].kind) {
		return true
	}
	switch t := tokens[len(tokens)-1]; t.kind {
	case js.StringToken, js.TemplateToken, js.TemplateEndToken, js.RegExpToken, js.PrivateIdentifierToken,
		js.CloseParenToken, js.CloseBracketToken, js.CloseBraceToken, js.ThisToken, js.SuperToken,
		js.NullToken, js.TrueToken, js.FalseToken, js.IncrToken, js.DecrToken:
		return true
	default:
		return js.IsNumeric(t.kind) || js.IsIdentifier(t.kind)
	}
}

// unquote reads a string literal. Escapes that are no text are left out.
func unquote(literal string) string {
	if len(literal) < 2 {
		return literal
	}
	return unescape(literal[1 : len(literal)-1])
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'b', 'f', 'v', '0', '\n', '\r':
		case 'x', 'u':
			digits := s[i+1 : min(len(s), i+3)]
			if c == 'u' {
				digits = s[i+1 : min(len(s), i+5)]
				if inner, _, ok := strings.Cut(s[i+1:], "}"); ok && strings.HasPrefix(inner, "{") {
					digits = inner[1:]
					i += 2
				}
			}
			i += len(digits)
			if n, err := strconv.ParseUint(digits, 16, 32); err == nil && utf8.ValidRune(rune(n)) {
				b.WriteRune(rune(n))
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
