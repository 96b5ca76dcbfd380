package sessions

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/panoplysec/panoply/cookie"
)

// A token is what is sealed into a cookie. Times are in milliseconds since 1970.
type token struct {
	id      [16]byte // of the session, as long as the door lets it live; random
	created int64    // when the session began
	renewed int64    // when the client was handed a new cookie for it
	seen    int64    // when it was last used, to a tenth of the idle time
	expires int64    // of the cookie, as the application said; 0: with the browser
	tail    string
	value   string // the application's own
}

const (
	tokenForm = 2
	tokenHead = 1 + 16 + 4*8
	// maxTail bounds attributes that are kept. Longer ones are no browser's.
	maxTail = 512
)

func (t *token) append(b []byte) []byte {
	b = append(append(b, tokenForm), t.id[:]...)
	for _, v := range [...]int64{t.created, t.renewed, t.seen, t.expires} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.tail)))
	return append(append(b, t.tail...), t.value...)
}

// parse reads what append wrote.
func (t *token) parse(b []byte) bool {
	if len(b) < tokenHead+2 || b[0] != tokenForm {
		return false
	}
	copy(t.id[:], b[1:])
	for i, v := range [...]*int64{&t.created, &t.renewed, &t.seen, &t.expires} {
		*v = int64(binary.BigEndian.Uint64(b[1+len(t.id)+8*i:]))
	}
	n := int(binary.BigEndian.Uint16(b[tokenHead:]))
	b = b[tokenHead+2:]
	if n > len(b) {
		return false
	}
	t.tail, t.value = string(b[:n]), string(b[n:])
	return true
}

// split takes a Set-Cookie line apart: the pair, the attributes without an expiry, and the
// expiry; 0 for none.
func split(line string, now time.Time) (name, value, tail string, expires int64, deletes, ok bool) {
	c, err := cookie.ParseSetCookie(line)
	if err != nil || c.Name() == "" {
		return "", "", "", 0, false, false
	}
	_, rest, _ := strings.Cut(line, ";")
	for piece := range strings.SplitSeq(rest, ";") {
		attribute, _, _ := strings.Cut(strings.TrimSpace(piece), "=")
		if attribute == "" || strings.EqualFold(attribute, "Expires") || strings.EqualFold(attribute, "Max-Age") {
			continue
		}
		tail += "; " + strings.TrimSpace(piece)
	}
	if life, persistent := c.Expiry(now); persistent {
		expires = now.Add(life).UnixMilli()
		deletes = life <= 0
	}
	return c.Name(), c.Value(), tail, expires, deletes, len(tail) <= maxTail
}

// line writes a Set-Cookie line.
func line(name, value, tail string, expires int64) string {
	b := make([]byte, 0, len(name)+len(value)+len(tail)+48)
	b = append(append(append(append(b, name...), '='), value...), tail...)
	if expires != 0 {
		b = append(b, "; Expires="...)
		b = time.UnixMilli(expires).UTC().AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return string(b)
}
