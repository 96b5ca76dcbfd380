package sessions

import (
	"strings"
	"testing"
	"time"
)

// Whatever comes as a token is refused or reads the same again.
func FuzzToken(f *testing.F) {
	f.Add((&token{created: 1, renewed: 2, seen: 3, expires: 4, tail: "; Path=/", value: "s%3Aid.mac"}).append(nil))
	f.Add([]byte{tokenForm})
	f.Fuzz(func(t *testing.T, b []byte) {
		var one, two token
		if !one.parse(b) {
			return
		}
		if !two.parse(one.append(nil)) || one != two {
			t.Errorf("%+v came back as %+v", one, two)
		}
	})
}

// A line that is taken apart and written again says the same to a browser.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a=b; Path=/; HttpOnly; Max-Age=60", "a=b;Expires=Thu, 01 Jan 2026 00:00:00 GMT; x", "=;;=", "a", "a=b; max-age=-1"} {
		f.Add(seed)
	}
	now := time.UnixMilli(1_700_000_000_000)
	f.Fuzz(func(t *testing.T, text string) {
		name, value, tail, expires, deletes, ok := split(text, now)
		if !ok {
			return
		}
		again := line(name, value, tail, expires)
		name2, value2, tail2, expires2, deletes2, ok := split(again, now)
		if expires%1000 != 0 { // Expires has whole seconds
			expires2, expires = 0, 0
		}
		far := expires > 253402300799000 || expires < 0 // beyond what HTTP's date can say
		if !ok || name != name2 || value != value2 || tail != tail2 || !far && (expires != expires2 || deletes != deletes2) {
			t.Errorf("%q is written as %q: %q %q %q %v", text, again, name2, value2, tail2, expires2)
		}
		if strings.ContainsAny(again, "\r\n") {
			t.Errorf("%q is written as %q", text, again)
		}
	})
}
