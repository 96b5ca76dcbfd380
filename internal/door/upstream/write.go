package upstream

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// leaving is a field of the request on its way out.
type leaving struct {
	name   string
	values []string
}

// appendHead appends the head of the request to the application: request line, Host,
// framing, then the fields by name. What the client's neighbour alone was to see is left
// out, and so is what would speak for the door.
func (x *exchange) appendHead(b []byte) ([]byte, error) {
	r := x.in
	if !wire.IsToken(r.Method) {
		return b, answerError("a method that is no token")
	}
	b = append(append(b, r.Method...), ' ')
	b = appendTarget(b, r)
	if bytes.IndexByte(b[len(r.Method)+1:], ' ') >= 0 {
		return b, answerError("a request target with a space")
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	lines := 3 // the empty one included
	if r.Host != "" {
		b = append(b, r.Host...)
	} else {
		b = append(b, x.p.host...)
	}
	b = append(b, "\r\n"...)

	x.fields = x.fields[:0]
	x.drop = x.drop[:0]
	for _, connection := range r.Header["Connection"] {
		x.drop = named(x.drop, connection)
	}
	slices.Sort(x.drop)
	for _, f := range [...]string{x.framing(), x.protocol()} {
		if f != "" {
			b = append(b, f...)
			lines += strings.Count(f, "\n")
		}
	}
	if x.length > 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, x.length, 10)
		b = append(b, "\r\n"...)
		lines++
	}
	if x.trailer != nil {
		b = append(b, "Trailer: "...)
		for i, name := range x.trailer {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(b, name...)
		}
		b = append(b, "\r\n"...)
		lines++
	}

	if x.p.opts.Forward != nil {
		clear(x.own)
		x.p.opts.Forward(x.own, r)
		for name, values := range x.own {
			x.fields = append(x.fields, leaving{name, values})
		}
	}
	for name, values := range r.Header {
		if len(values) > 0 && !x.withheld(name) {
			x.fields = append(x.fields, leaving{name, values})
		}
	}
	slices.SortFunc(x.fields, func(a, b leaving) int { return strings.Compare(a.name, b.name) })
	for _, f := range x.fields {
		if !wire.IsToken(f.name) {
			return b, answerError("a field's name is no token")
		}
		for _, value := range f.values {
			b = append(append(b, f.name...), ": "...)
			b = append(append(b, value...), "\r\n"...)
			lines++
		}
	}
	b = append(b, "\r\n"...)
	// One look at the whole: a line more than was written is one that somebody slipped in.
	if bytes.Count(b, []byte{'\n'}) != lines || bytes.Count(b, []byte{'\r'}) != lines || bytes.IndexByte(b, 0) >= 0 {
		return b, answerError("a control byte in the request")
	}
	return b, nil
}

// appendTarget appends the path and the query as they came.
func appendTarget(b []byte, r *http.Request) []byte {
	switch u := r.URL; {
	case u.Opaque != "":
		return append(b, u.RequestURI()...)
	default:
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		b = append(b, path...)
		if u.ForceQuery || u.RawQuery != "" {
			b = append(append(b, '?'), u.RawQuery...)
		}
		return b
	}
}

// framing is how the body is framed, where its length does not say it.
func (x *exchange) framing() string {
	switch {
	case x.length < 0:
		return "Transfer-Encoding: chunked\r\n"
	case x.length == 0 && (x.in.Method == http.MethodPost || x.in.Method == http.MethodPut || x.in.Method == http.MethodPatch):
		return "Content-Length: 0\r\n"
	}
	return ""
}

// protocol is what this neighbour is to know: that trailers are welcome, that the client
// shakes hands.
func (x *exchange) protocol() string {
	switch {
	case x.upgrading:
		return "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	case wire.HasToken(x.in.Header["Te"], "trailers"):
		return "Te: trailers\r\n"
	}
	return ""
}

// withheld tells the fields of the request that do not go on.
func (x *exchange) withheld(name string) bool {
	switch name {
	case "Host", "Content-Length", "Http2-Settings",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port":
		return true
	}
	if hop(name) || listed(x.drop, name) {
		return true
	}
	_, own := x.own[name]
	return own
}

// upgrading tells a WebSocket handshake. Any other protocol switch (h2c above all, which
// would tunnel requests past the guards) is left out of the request.
func upgrading(r *http.Request) bool {
	to := r.Header["Upgrade"]
	return len(to) == 1 && r.ProtoMajor == 1 && wire.EqualFold(to[0], "websocket") && wire.HasToken(r.Header["Connection"], "upgrade")
}
