package cookie_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
)

// Two guards with one key: what one of them hands out the other knows, from its first
// request on.
func TestSharedNames(t *testing.T) {
	kept := map[string][]cookie.Seen{}
	door := func(name string, o cookie.Options) *cookie.Guard {
		o.Rename = cookie.Rename{Key: bytes.Repeat([]byte{7}, 32), Site: "shop.example:443", Shared: !o.Rename.Off}
		o.OnSeen = func(seen []cookie.Seen) { kept[name] = seen }
		g, err := cookie.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	named := cookie.Options{Session: []string{"who"}, Script: []string{"JSESSIONID"}}
	for _, tt := range []struct {
		set, own string
		known    bool
	}{
		{session, "connect.sid", true},
		{"who=x; Path=/; Max-Age=3600", "who", true},
		{"koa.sess=e30=; path=/; httponly", "koa.sess", true},
		{"madeup=" + signed + "; Path=/", "madeup", false},
	} {
		a, b := door("a", named), door("b", named)
		outside := outsideOf(t, a, tt.set)
		if got := a.SharedName(tt.own); got != tt.known {
			t.Errorf("SharedName(%s) = %t, want %t", tt.own, got, tt.known)
		}
		_, saw := exchange(b, shop, outside+"=v; theme=dark")
		want := tt.own + "=v; theme=dark"
		if !tt.known {
			want = outside + "=v; theme=dark"
		}
		if saw != want {
			t.Errorf("%s: behind the other door the application saw %q, want %q", tt.own, saw, want)
		}
		if !tt.known {
			continue
		}
		if len(kept["b"]) != 1 || kept["b"][0].Name != tt.own || !kept["b"][0].Guessed {
			t.Errorf("%s: the other door keeps %+v", tt.own, kept["b"])
		}
		// Once it sees the cookie itself it knows the attributes, and the name is the same.
		set, _ := exchange(b, shop, "", tt.set)
		if seen := b.Seen(); len(set) != 1 || nameOf(set[0]) != outside || seen[0].Guessed {
			t.Errorf("%s: set %q, seen %+v", tt.own, set, seen)
		}
		if tt.own == "who" && b.Seen()[0].Lifetime.Round(time.Minute) != time.Hour {
			t.Errorf("Lifetime = %v, want that of the cookie", b.Seen()[0].Lifetime)
		}
	}
	// Own and IsSession know it without a request having passed.
	a, b := door("a", named), door("b", named)
	if outside := outsideOf(t, a, session); b.Own(outside) != "connect.sid" || !b.IsSession(outside, "x") {
		t.Errorf("Own(%s) = %s, want connect.sid", outside, b.Own(outside))
	}
	// A key of one's own recognises nothing, and no name that scripts read is taken.
	alone := named
	alone.Rename.Off = true
	c := door("c", alone)
	for _, g := range []*cookie.Guard{c, b} {
		if _, saw := exchange(g, shop, "__Host-aaaaaa=v"); saw != "__Host-aaaaaa=v" {
			t.Errorf("the application saw %q, want a stranger's cookie as it is", saw)
		}
	}
	if c.SharedName("connect.sid") || b.SharedName("JSESSIONID") {
		t.Error("SharedName is true for what nobody recognises")
	}
	if seen := c.Seen(); slices.ContainsFunc(seen, func(s cookie.Seen) bool { return strings.HasPrefix(s.Name, "__Host-") }) {
		t.Errorf("Seen = %+v", seen)
	}
}

// Undoing works for what only another door has handed out.
func TestSharedNamesAreRestored(t *testing.T) {
	o := cookie.Options{Rename: cookie.Rename{Key: bytes.Repeat([]byte{7}, 32), Site: "shop.example:443", Shared: true}}
	a, err := cookie.New(o)
	if err != nil {
		t.Fatal(err)
	}
	outside := outsideOf(t, a, session)
	o.Rename.Restore = true
	b, err := cookie.New(o)
	if err != nil {
		t.Fatal(err)
	}
	set, saw := exchange(b, shop, outside+"=v")
	if saw != "connect.sid=v" || len(set) == 0 || !strings.HasPrefix(set[0], "connect.sid=v") && !strings.HasPrefix(set[len(set)-1], "connect.sid=v") {
		t.Errorf("the application saw %q, the client gets %q; want the name back", saw, set)
	}
}
