package cookie_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/guard"
)

func TestMigrate(t *testing.T) {
	const away = "connect.sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
	type step struct {
		cookies, status string
		header          [2]string // of the answer
		set             []string
		saw             string
		want            []string // NEW stands for the new name
	}
	for _, c := range []struct {
		name  string
		first string // how the upstream set the cookie when it was learnt
		steps []step
	}{
		{"the value goes over", session, []step{
			{cookies: "a=1; connect.sid=old", saw: "a=1; connect.sid=old",
				want: []string{"NEW=old; Path=/; Secure; HttpOnly; SameSite=Lax", away}},
			{cookies: "a=1; NEW=old", saw: "a=1; connect.sid=old"},
		}},
		{"with the lifetime and SameSite that the upstream gives", "connect.sid=x; Path=/; Max-Age=3600; SameSite=None; Partitioned", []step{
			{cookies: "connect.sid=old", saw: "connect.sid=old",
				want: []string{"NEW=old; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=3600",
					"connect.sid=; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=0"}},
		}},
		{"the upstream's own word wins", session, []step{
			{cookies: "connect.sid=old", saw: "connect.sid=old", set: []string{"connect.sid=fresh; Path=/; HttpOnly"},
				want: []string{"NEW=fresh; Path=/; HttpOnly; Secure; SameSite=Lax", away}},
		}},
		{"a deletion deletes both", session, []step{
			{cookies: "connect.sid=old", saw: "connect.sid=old", set: []string{"connect.sid=; Path=/; HttpOnly; Max-Age=0"},
				want: []string{"NEW=; Path=/; HttpOnly; Max-Age=0; Secure; SameSite=Lax", away}},
		}},
		{"a refusal is no recognition", session, []step{
			{cookies: "connect.sid=old", status: "401", saw: "connect.sid=old"},
			{cookies: "connect.sid=old", status: "302", saw: "connect.sid=old",
				want: []string{"NEW=old; Path=/; Secure; HttpOnly; SameSite=Lax", away}},
		}},
		{"never into a shared cache", session, []step{
			{cookies: "connect.sid=old", header: [2]string{"Cache-Control", "public, max-age=0"}, saw: "connect.sid=old"},
			{cookies: "connect.sid=old", header: [2]string{"Cache-Control", "s-maxage=60"}, saw: "connect.sid=old"},
		}},
		{"an answer in flight does not undo a fresh one", session, []step{
			{cookies: "connect.sid=old", saw: "connect.sid=old", set: []string{"connect.sid=fresh; Path=/; HttpOnly"},
				want: []string{"NEW=fresh; Path=/; HttpOnly; Secure; SameSite=Lax", away}},
			{cookies: "connect.sid=old", saw: "connect.sid=old"},
		}},
		{"a value that cannot be written stays", session, []step{
			{cookies: "connect.sid=o\x7fld", saw: "connect.sid=o\x7fld"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := mustNew(t, renaming(new(told)))
			name := outsideOf(t, g, c.first)
			for i, s := range c.steps {
				r := httptest.NewRequest("GET", shop, nil)
				r.Header.Set("Cookie", strings.ReplaceAll(s.cookies, "NEW", name))
				w := httptest.NewRecorder()
				var saw string
				g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					saw = r.Header.Get("Cookie")
					for _, line := range s.set {
						w.Header().Add("Set-Cookie", line)
					}
					if s.header[0] != "" {
						w.Header().Set(s.header[0], s.header[1])
					}
					status := 200
					if s.status != "" {
						fmt.Sscan(s.status, &status)
					}
					w.WriteHeader(status)
				})).ServeHTTP(w, r)
				for j := range s.want {
					s.want[j] = strings.ReplaceAll(s.want[j], "NEW", name)
				}
				if got := w.Result().Header["Set-Cookie"]; !slices.Equal(got, s.want) {
					t.Errorf("step %d: Set-Cookie = %q, want %q", i, got, s.want)
				}
				if saw != s.saw {
					t.Errorf("step %d: the application saw %q, want %q", i, saw, s.saw)
				}
				if carried := len(s.want) > 0 && len(s.set) == 0; carried != (w.Header().Get("Cache-Control") == "private") {
					t.Errorf("step %d: Cache-Control = %q, want private %t", i, w.Header().Get("Cache-Control"), carried)
				}
			}
		})
	}
}

func TestLearntFromTheSameAnswer(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	set, saw := exchange(g, shop, "connect.sid=old", session)
	if saw != "connect.sid=old" || len(set) != 2 || !strings.HasPrefix(set[0], "__Host-") || !strings.HasPrefix(set[1], "connect.sid=; ") {
		t.Errorf("saw %q, Set-Cookie = %q, want the old name in, the new one out and the old one deleted", saw, set)
	}
}

func TestDisownedPairIsNotCarried(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	exchange(g, shop, "", "session=e30=; path=/; httponly", "session.sig=abc; path=/; httponly")
	// cookie-session answers a bad signature so.
	set, _ := exchange(g, shop, "session=forged; session.sig=bad", "session.sig=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly")
	for _, line := range set {
		if strings.Contains(line, "forged") || strings.Contains(line, "=bad") {
			t.Errorf("Set-Cookie = %q carries a cookie over that the upstream disowned", line)
		}
	}
	if len(set) != 3 {
		t.Errorf("Set-Cookie = %q, want the signature's deletion and both old names deleted", set)
	}
}

func TestMigrationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := renaming(new(told))
		o.Rename.Migrate = 48 * time.Hour
		g := mustNew(t, o)
		name := outsideOf(t, g, session)
		time.Sleep(47 * time.Hour)
		// A restart does not begin it anew.
		o.Seen = g.Seen()
		g = mustNew(t, o)
		if set, saw := exchange(g, shop, "connect.sid=one"); saw != "connect.sid=one" || len(set) != 2 {
			t.Errorf("after 47 h: saw %q, Set-Cookie = %q, want it in and over", saw, set)
		}
		time.Sleep(time.Hour)
		if set, saw := exchange(g, shop, "connect.sid=two; a=1"); saw != "a=1" || len(set) != 0 {
			t.Errorf("after 48 h: saw %q, Set-Cookie = %q, want it dropped", saw, set)
		}
		if _, saw := exchange(g, shop, "connect.sid=two"); saw != "" {
			t.Errorf("after 48 h: saw %q, want no Cookie header", saw)
		}
		if _, saw := exchange(g, shop, name+"=two"); saw != "connect.sid=two" {
			t.Errorf("after 48 h: the new name came in as %q", saw)
		}
	})
}

func TestRestore(t *testing.T) {
	var events told
	o := renaming(&events)
	g := mustNew(t, o)
	name := outsideOf(t, g, "connect.sid=x; Path=/; Max-Age=60; SameSite=Strict")
	for _, mode := range []guard.Mode{guard.Enforce, guard.Observe, guard.Off} {
		t.Run(mode.String(), func(t *testing.T) {
			o.Mode, o.Seen, o.Rename.Restore = mode, g.Seen(), true
			back := mustNew(t, o)
			set, saw := exchange(back, shop, "a=1; "+name+"=mine")
			want := []string{"connect.sid=mine; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60",
				name + "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"}
			if saw != "a=1; connect.sid=mine" || !slices.Equal(set, want) {
				t.Errorf("saw %q, Set-Cookie = %q, want %q", saw, set, want)
			}
			if set, saw := exchange(back, shop, "connect.sid=mine"); saw != "connect.sid=mine" || len(set) != 0 {
				t.Errorf("restored: saw %q, Set-Cookie = %q, want nothing changed", saw, set)
			}
			// Both: the restored one is the current one.
			set, saw = exchange(back, shop, "connect.sid=mine; "+name+"=stale")
			if saw != "connect.sid=mine" || !slices.Equal(set, want[1:]) {
				t.Errorf("both: saw %q, Set-Cookie = %q, want the new name deleted", saw, set)
			}
			// What the upstream sets leaves under its own name.
			set, _ = exchange(back, shop, name+"=mine2", "connect.sid=fresh; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60")
			if len(set) != 2 || nameOf(set[0]) != "connect.sid" || !strings.HasPrefix(set[1], name+"=; ") {
				t.Errorf("fresh: Set-Cookie = %q, want the upstream's own and the new name deleted", set)
			}
			for _, s := range back.Seen() {
				if !s.Since.IsZero() {
					t.Errorf("Seen = %+v: the next migration would not start anew", s)
				}
			}
		})
	}
}
