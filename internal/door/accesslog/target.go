package accesslog

import (
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/internal/door/jsontext"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

const (
	maxTarget = 2048
	maxWord   = 64
	maxBare   = 24 // of a query name without a value
)

// Target returns the path as the client wrote it, and the names in its query without
// their values: "/reset?token&lang". Parameters within the path, such as
// ";jsessionid=…", lose their values too. With values all of it stays. The text is fit
// for a terminal.
func Target(r *http.Request, values bool) string {
	t := target{left: maxTarget}
	t.of(r, values)
	return ledger.Clean(string(t.b), maxTarget+len("…"))
}

// target is a request's target on its way into b, escaped for JSON or as it is.
type target struct {
	b       []byte
	left    int // bytes that it may still take
	escaped bool
}

func (t *target) add(text string) {
	if t.left < 0 {
		return
	}
	text, short := jsontext.Cut(text, t.left)
	if t.left -= len(text); short {
		t.left = -1
	}
	if t.escaped {
		t.b = jsontext.Escape(t.b, text)
	} else {
		t.b = append(t.b, text...)
	}
	if short {
		t.b = append(t.b, "…"...)
	}
}

func (t *target) of(r *http.Request, values bool) {
	path, query := r.URL.EscapedPath(), r.URL.RawQuery
	if values {
		t.add(path)
		if query != "" {
			t.add("?")
			t.add(query)
		}
		return
	}
	t.path(path)
	for sep := "?"; query != "" && t.left >= 0; sep = "&" {
		pair := query
		if i := strings.IndexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		name, _, valued := strings.Cut(pair, "=")
		t.add(sep)
		if !valued && len(name) > maxBare {
			name = "-" // no name but one long value, such as a signed query
		}
		t.add(name)
	}
}

// path adds a path without the values of its parameters: old application servers put the
// session's id there.
func (t *target) path(path string) {
	for {
		semicolon := strings.IndexByte(path, ';')
		if semicolon < 0 {
			t.add(path)
			return
		}
		t.add(path[:semicolon])
		end := len(path)
		if i := strings.IndexAny(path[semicolon+1:], ";/"); i >= 0 {
			end = semicolon + 1 + i
		}
		name, _, _ := strings.Cut(path[semicolon:end], "=")
		t.add(name)
		path = path[end:]
	}
}

// Word returns a client's single word, such as a method or an id of its own, when it is
// made of letters, digits and "._:-+/=" and at most 64 bytes; else a question mark.
func Word(text string) string {
	if text == "" || len(text) > maxWord {
		return "?"
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._:-+/=", c) >= 0:
		default:
			return "?"
		}
	}
	return text
}

// hostOf returns the host that was asked for, without a user and a password before it.
func hostOf(r *http.Request) string {
	return r.Host[strings.LastIndexByte(r.Host, '@')+1:]
}
