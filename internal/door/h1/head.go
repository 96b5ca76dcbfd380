package h1

import (
	"bytes"
	"net/http"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// A fault is why a request is refused.
type fault struct {
	status int
	rule   string
}

var (
	errLine     = &fault{http.StatusBadRequest, "line-end"}
	errRequest  = &fault{http.StatusBadRequest, "request-line"}
	errMethod   = &fault{http.StatusBadRequest, "method"}
	errTarget   = &fault{http.StatusBadRequest, "target"}
	errHeader   = &fault{http.StatusBadRequest, "header"}
	errFraming  = &fault{http.StatusBadRequest, "framing"}
	errTrailer  = &fault{http.StatusBadRequest, "trailer"}
	errNoHost   = &fault{http.StatusBadRequest, "missing-host"}
	errHost     = &fault{http.StatusBadRequest, "malformed-host"}
	errMismatch = &fault{http.StatusBadRequest, "host-mismatch"}
	errSlow     = &fault{http.StatusRequestTimeout, "head-timeout"}
	errExpect   = &fault{http.StatusExpectationFailed, "expect"}
	errLarge    = &fault{http.StatusRequestHeaderFieldsTooLarge, "head-too-large"}
	errCoding   = &fault{http.StatusNotImplemented, "transfer-encoding"}
	errVersion  = &fault{http.StatusHTTPVersionNotSupported, "version"}
)

// span is a piece of a head.
type span struct{ from, to int }

type field struct{ name, value span }

// head is where the parts of a request head lie. It is reused.
type head struct {
	method, target span
	minor          int // of HTTP/1.x
	fields         []field
}

// scanner finds the end of a head as it arrives, and the first line end that is none.
type scanner struct {
	line int // where the line at hand begins
	seen int // what was searched
}

// end returns the length of the head in b, or 0 while it is not whole. It may be called
// again with more of the same bytes.
func (s *scanner) end(b []byte) (int, *fault) {
	for {
		i := bytes.IndexByte(b[s.seen:], '\n')
		if i < 0 {
			s.seen = len(b)
			return 0, nil
		}
		i += s.seen
		if i == 0 || b[i-1] != '\r' {
			return 0, errLine
		}
		empty := i-1 == s.line
		if empty && s.line == 0 {
			return 0, errRequest
		}
		s.line, s.seen = i+1, i+1
		if empty {
			return i + 1, nil
		}
	}
}

// parse reads a whole head, the empty line included, whose lines all end in CRLF. Field
// names become canonical in b. What it finds wrong in a later line leaves the request
// line in h.
func (h *head) parse(b []byte) *fault {
	h.fields = h.fields[:0]
	h.method, h.target = span{}, span{}
	end := bytes.IndexByte(b, '\r')
	if end < 0 || b[end+1] != '\n' {
		return errLine
	}
	if f := h.requestLine(b[:end]); f != nil {
		return f
	}
	for at := end + 2; b[at] != '\r' || b[at+1] != '\n'; {
		f, next, bad := parseField(b, at)
		if bad != nil {
			return bad
		}
		h.fields = append(h.fields, f)
		at = next
	}
	return nil
}

// requestLine is "METHOD SP target SP HTTP/1.x" (RFC 9112 section 3).
func (h *head) requestLine(line []byte) *fault {
	i := 0
	for i < len(line) && wire.Token[line[i]] {
		i++
	}
	if i == len(line) || line[i] != ' ' {
		return errRequest
	}
	if i == 0 {
		return errMethod
	}
	method := span{0, i}
	i++
	from := i
	for i < len(line) && line[i] > ' ' && line[i] != 0x7f && line[i] != '#' {
		i++
	}
	if i == from || i == len(line) || line[i] != ' ' {
		return errRequest
	}
	version := line[i+1:]
	if len(version) != len("HTTP/1.1") || string(version[:5]) != "HTTP/" || version[6] != '.' || !digit(version[5]) || !digit(version[7]) {
		return errRequest
	}
	if string(line[:method.to]) == "PRI" {
		return errMethod // HTTP/2's preface in the wrong place
	}
	if version[5] != '1' || version[7] > '1' {
		return errVersion
	}
	h.method, h.target, h.minor = method, span{from, i}, int(version[7]-'0')
	return nil
}

// parseField reads the field line at b[at:], which ends in CRLF, and returns where the
// next begins (RFC 9112 section 5; no obs-fold).
func parseField(b []byte, at int) (f field, next int, bad *fault) {
	i, upper := at, true
	for ; wire.Token[b[i]]; i++ {
		c := b[i]
		if upper && 'a' <= c && c <= 'z' {
			b[i] = c - ('a' - 'A')
		} else if !upper && 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
		upper = c == '-'
	}
	if i == at || b[i] != ':' {
		return f, 0, errHeader
	}
	f.name = span{at, i}
	i++
	for b[i] == ' ' || b[i] == '\t' {
		i++
	}
	from := i
	for wire.Value[b[i]] {
		i++
	}
	if b[i] != '\r' {
		return f, 0, errHeader
	}
	if b[i+1] != '\n' {
		return f, 0, errLine
	}
	to := i
	for to > from && (b[to-1] == ' ' || b[to-1] == '\t') {
		to--
	}
	f.value = span{from, to}
	return f, i + 2, nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// isPath are the bytes of a path that package url leaves as they are, isHost those of a
// Host field as net/http takes it.
var isPath, isHost [256]bool

func init() {
	mark := func(table *[256]bool, chars string) {
		for i := range len(chars) {
			table[chars[i]] = true
		}
	}
	const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	mark(&isPath, alnum+"-_.~$&+,/:;=@")
	mark(&isHost, alnum+"!$%&'()*+,-.:;=[]_~")
}
