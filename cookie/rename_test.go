package cookie_test

import (
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
)

const (
	shop    = "https://shop.example/"
	session = "connect.sid=" + signed + "; Path=/; HttpOnly"
)

// nameOf returns the name of a Set-Cookie line.
func nameOf(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return name
}

// outsideOf returns the name under which g sets the cookie.
func outsideOf(t *testing.T, g *cookie.Guard, line string) string {
	t.Helper()
	set, _ := exchange(g, shop, "", line)
	if len(set) != 1 || !strings.HasPrefix(set[0], "__Host-") {
		t.Fatalf("Set-Cookie = %q, want a renamed cookie", set)
	}
	return nameOf(set[0])
}

func TestRename(t *testing.T) {
	shape := regexp.MustCompile(`^__Host-[a-z2-7]{6}=`)
	for _, c := range []struct {
		name string
		url  string
		opts cookie.Options
		set  []string
		want []bool // which of set are renamed
	}{
		{name: "express-session", set: []string{session}, want: []bool{true}},
		{name: "framework name", set: []string{"JSESSIONID=x; Path=/"}, want: []bool{true}},
		{name: "named", opts: cookie.Options{Session: []string{"who"}}, set: []string{"who=x; Path=/"}, want: []bool{true}},
		{name: "cookie-session pair", set: []string{"session=e30=; path=/; httponly", "session.sig=x; path=/; httponly"}, want: []bool{true, true}},
		{name: "generic session", set: []string{"session=" + signed + "; Path=/"}, want: []bool{false}},
		{name: "generic session that is named", opts: cookie.Options{Session: []string{"session"}}, set: []string{"session=x; Path=/"}, want: []bool{false}},
		{name: "any other", set: []string{"theme=dark; Path=/"}, want: []bool{false}},
		{name: "Domain", set: []string{"connect.sid=x; Path=/; Domain=shop.example"}, want: []bool{false}},
		{name: "another Path", set: []string{"connect.sid=x; Path=/app"}, want: []bool{false}},
		{name: "no Path", set: []string{"connect.sid=x"}, want: []bool{false}},
		{name: "last Path counts", set: []string{"connect.sid=x; Path=/; Path=/app"}, want: []bool{false}},
		{name: "script", opts: cookie.Options{Script: []string{"connect.sid"}}, set: []string{session}, want: []bool{false}},
		{name: "token", set: []string{"_csrf=" + signed + "; Path=/"}, want: []bool{false}},
		{name: "has a prefix", set: []string{"__Host-sid=" + signed + "; Path=/", "__Secure-sid=" + signed + "; Path=/"}, want: []bool{false, false}},
		{name: "half of a pair has another Path", set: []string{"who=e30=; path=/", "who.sig=x; path=/app"}, want: []bool{false, false}},
		{name: "half of a pair is read by script", opts: cookie.Options{Script: []string{"who"}}, set: []string{"who=e30=; path=/", "who.sig=x; path=/"}, want: []bool{false, false}},
		{name: "plain http", url: "http://shop.example/", set: []string{session}, want: []bool{false}},
		{name: "first seen as a deletion", set: []string{"connect.sid=; Path=/; Max-Age=0"}, want: []bool{false}},
		{name: "off", opts: cookie.Options{Rename: cookie.Rename{Off: true}}, set: []string{session}, want: []bool{false}},
		{name: "no key", opts: cookie.Options{Session: []string{"x"}, Rename: cookie.Rename{Site: "none"}}, set: []string{session}, want: []bool{false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Sink = new(told).sink
			if c.opts.Rename.Site == "" {
				c.opts.Rename.Key, c.opts.Rename.Site = installKey, "shop.example"
			}
			if c.url == "" {
				c.url = shop
			}
			got, _ := exchange(mustNew(t, c.opts), c.url, "", c.set...)
			if len(got) != len(c.set) {
				t.Fatalf("Set-Cookie = %q, want %d lines", got, len(c.set))
			}
			for i, line := range got {
				if shape.MatchString(line) != c.want[i] {
					t.Errorf("Set-Cookie[%d] = %q, want renamed %t", i, line, c.want[i])
				}
				if c.want[i] && (!strings.Contains(line, "; Secure") || !regexp.MustCompile(`(?i); path=/(;|$)`).MatchString(line) || strings.Contains(line, "Domain")) {
					t.Errorf("Set-Cookie[%d] = %q breaks the rules of __Host-", i, line)
				}
			}
		})
	}
}

func TestNamesDifferByKeySiteAndName(t *testing.T) {
	name := func(key, site, line string) string {
		o := renaming(new(told))
		o.Rename.Key, o.Rename.Site = []byte(key), site
		return outsideOf(t, mustNew(t, o), line)
	}
	const key1, key2 = "0123456789abcdef", "0123456789abcdeg"
	all := []string{
		name(key1, "localhost:8443", session),
		name(key2, "localhost:8443", session),
		name(key1, "localhost:8444", session),
		name(key1, "localhost:8443", "PHPSESSID=x; Path=/"),
	}
	again := name(key1, "localhost:8443", session)
	if all[0] != again {
		t.Errorf("the same name, key and site gave %q, then %q", all[0], again)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 4 {
		t.Errorf("4 different names, keys and sites gave %d names: %q", n, all)
	}
}

func TestApplicationSeesItsOwnNames(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	set, _ := exchange(g, shop, "", "session=e30=; path=/; httponly", "session.sig=abc; path=/; httponly", "theme=dark; Path=/")
	value, sig := nameOf(set[0]), nameOf(set[1])
	if value == sig {
		t.Fatalf("value and signature are both called %q", value)
	}
	cookies := fmt.Sprintf(`theme=dark;%s="e30=" ; odd;%s=abc`, value, sig)
	_, saw := exchange(g, shop, cookies)
	if want := `theme=dark;session="e30=" ; odd;session.sig=abc`; saw != want {
		t.Errorf("Cookie %q reached the application as %q, want %q", cookies, saw, want)
	}
	// Without a scheme that keeps __Host-, names are none of the guard's business.
	if _, saw := exchange(g, "http://shop.example/", cookies); saw != cookies {
		t.Errorf("over http, Cookie %q reached the application as %q", cookies, saw)
	}
	// A logout deletes the cookie under the name the client knows.
	set, _ = exchange(g, shop, cookies, "session=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly")
	if want := value + "=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; Secure; SameSite=Lax"; !slices.Equal(set, []string{want}) {
		t.Errorf("Set-Cookie = %q, want %q", set, want)
	}
}

func TestInwardLeavesTheRequestAlone(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	name := outsideOf(t, g, session)
	r := httptest.NewRequest("GET", shop, nil)
	r.Header["Cookie"] = []string{"a=1", name + "=v; b=2"}
	inner := g.Inward(r)
	if got, want := inner.Header["Cookie"], []string{"a=1; connect.sid=v; b=2"}; !slices.Equal(got, want) {
		t.Errorf("Inward = %q, want %q", got, want)
	}
	if got := r.Header["Cookie"]; len(got) != 2 || got[1] != name+"=v; b=2" {
		t.Errorf("Inward changed its argument to %q", got)
	}
	r.Header["Cookie"] = []string{" a=1", "b=2;"}
	if got := g.Inward(r); got != r {
		t.Errorf("Inward of a request without renamed names = %q, want the request itself", got.Header["Cookie"])
	}
}

func TestOldNameIsDroppedBesideTheNew(t *testing.T) {
	var events told
	g := mustNew(t, renaming(&events))
	name := outsideOf(t, g, session)
	if _, saw := exchange(g, shop, "connect.sid=planted; "+name+"=mine; connect.sid=planted2"); saw != "connect.sid=mine" {
		t.Errorf("the application saw %q, want only its session under the new name", saw)
	}
	if got := events.rules(); !slices.Contains(got, "old-name mended") {
		t.Errorf("told %q, want old-name among them", got)
	}
}

func TestNameThatIsAlsoSetElsewhereGoesBack(t *testing.T) {
	var events told
	g := mustNew(t, renaming(&events))
	name := outsideOf(t, g, session)
	if set, _ := exchange(g, shop, "", "connect.sid=admin; Path=/admin; HttpOnly"); nameOf(set[0]) != "connect.sid" {
		t.Errorf("Set-Cookie = %q, want the name kept", set)
	}
	if set, _ := exchange(g, shop, "", session); len(set) != 1 || nameOf(set[0]) != "connect.sid" {
		t.Errorf("Set-Cookie = %q, want the name kept from now on", set)
	}
	set, saw := exchange(g, shop, name+"=mine")
	if saw != "connect.sid=mine" || len(set) != 2 || !strings.HasPrefix(set[0], "connect.sid=mine; ") {
		t.Errorf("saw %q, Set-Cookie = %q, want the client's cookie back under its old name", saw, set)
	}
	if seen := g.Seen(); len(seen) != 1 || !seen[0].Kept {
		t.Errorf("Seen = %+v, want one name, kept", seen)
	}
	// A deletion with another Path is no such sign: applications try them all.
	g = mustNew(t, renaming(&events))
	outsideOf(t, g, session)
	exchange(g, shop, "", "connect.sid=; Path=/admin; Max-Age=0")
	if seen := g.Seen(); len(seen) != 1 || seen[0].Kept {
		t.Errorf("Seen = %+v, want one name, not kept", seen)
	}
}

func TestSeen(t *testing.T) {
	var saved [][]cookie.Seen
	o := renaming(new(told))
	o.OnSeen = func(s []cookie.Seen) { saved = append(saved, s) }
	g := mustNew(t, o)
	before := time.Now()
	exchange(g, shop, "", "connect.sid=x; Path=/; Max-Age=3600", "PHPSESSID=x; path=/; samesite=none")
	exchange(g, shop, "", "connect.sid=y; Path=/; Max-Age=3590")
	if len(saved) != 2 {
		t.Errorf("OnSeen was called %d times, want 2: once for each new name", len(saved))
	}
	seen := g.Seen()
	if len(seen) != 2 || seen[0].Name != "PHPSESSID" || seen[0].SameSite != "None" || seen[0].Lifetime != 0 ||
		seen[1].Name != "connect.sid" || seen[1].SameSite != "Lax" || seen[1].Lifetime != time.Hour {
		t.Errorf("Seen = %+v, want both names sorted, with SameSite and lifetime", seen)
	}
	for _, s := range seen {
		if s.Since.Before(before) || s.Since.After(time.Now()) {
			t.Errorf("Seen: %s since %v, want now", s.Name, s.Since)
		}
	}
	// A cookie that once died with the browser is not made to outlive it.
	exchange(g, shop, "", "connect.sid=z; Path=/")
	exchange(g, shop, "", "connect.sid=z; Path=/; Max-Age=3600")
	if s := g.Seen(); s[1].Lifetime != 0 {
		t.Errorf("Lifetime = %v, want 0 once a browser-session cookie was seen", s[1].Lifetime)
	}
	if last := saved[len(saved)-1]; !reflect.DeepEqual(last, g.Seen()) {
		t.Errorf("OnSeen was last called with %+v, want %+v", last, g.Seen())
	}
	// A guard that renames nothing hands on what it was given.
	o.Seen, o.Rename.Off = g.Seen(), true
	if got := mustNew(t, o).Seen(); len(got) != 2 || !got[0].Since.IsZero() {
		t.Errorf("Seen of a guard with renaming off = %+v, want both names, their time to start anew", got)
	}
	// A clock that was wrong does not stretch the window.
	o.Rename.Off, o.Seen = false, []cookie.Seen{{Name: "a", Since: time.Now().Add(1000 * time.Hour)}}
	if got := mustNew(t, o).Seen(); got[0].Since.After(time.Now()) {
		t.Errorf("Seen since %v, in the future", got[0].Since)
	}
}

func TestNamesAreBounded(t *testing.T) {
	var events told
	g := mustNew(t, renaming(&events))
	for i := range cookie.MaxNames + 5 {
		exchange(g, shop, "", fmt.Sprintf("s%d=%s; Path=/", i, signed))
	}
	if n := len(g.Seen()); n != cookie.MaxNames {
		t.Errorf("Seen has %d names, want %d", n, cookie.MaxNames)
	}
	if got := events.rules(); !slices.Contains(got, "name-refused noted") {
		t.Errorf("told %q, want name-refused among them", got)
	}
	set, _ := exchange(g, shop, "", "s0="+signed+"; Path=/", "s68="+signed+"; Path=/")
	if !strings.HasPrefix(set[0], "__Host-") || nameOf(set[1]) != "s68" {
		t.Errorf("Set-Cookie = %q, want the known name renamed and the other left", set)
	}
	if set, _ := exchange(g, shop, "", strings.Repeat("n", 200)+"="+signed+"; Path=/"); strings.HasPrefix(set[0], "__Host-") {
		t.Errorf("a name of 200 bytes was renamed")
	}
}

func TestConcurrentUse(t *testing.T) {
	o := renaming(new(told))
	calls := 0
	o.OnSeen = func([]cookie.Seen) { calls++ } // one at a time, so the race detector is content
	g := mustNew(t, o)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("s%d", (i+j)%20)
				set, _ := exchange(g, shop, "", name+"="+signed+"; Path=/")
				if _, saw := exchange(g, shop, nameOf(set[0])+"=v"); saw != name+"=v" {
					t.Errorf("the application saw %q, want %q", saw, name+"=v")
					return
				}
				g.Seen()
			}
		})
	}
	wg.Wait()
	if calls != 20 {
		t.Errorf("OnSeen was called %d times, want 20", calls)
	}
}

// TestAdopt: a guard takes over what the one before finds after it was made.
func TestAdopt(t *testing.T) {
	var told int
	o := cookie.Options{Rename: cookie.Rename{Key: []byte("0123456789abcdef"), Site: "shop"}}
	before, err := cookie.New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.OnSeen = func([]cookie.Seen) { told++ }
	next, err := cookie.New(o)
	if err != nil {
		t.Fatal(err)
	}
	outside := outsideOf(t, before, session)
	if next.Own(outside) != outside {
		t.Fatal("the next guard knows a name that nobody told it")
	}
	next.Adopt(before.Seen())
	next.Adopt(before.Seen())
	if got := next.Own(outside); got != "connect.sid" || told != 0 {
		t.Errorf("after Adopt, Own(%s) = %s and OnSeen was called %d times, want connect.sid and none", outside, got, told)
	}
	if !reflect.DeepEqual(next.Seen(), before.Seen()) {
		t.Errorf("Seen = %v, want %v", next.Seen(), before.Seen())
	}
	off, err := cookie.New(cookie.Options{Rename: cookie.Rename{Off: true}})
	if err != nil {
		t.Fatal(err)
	}
	off.Adopt(before.Seen())
	if got := off.Own(outside); got != outside {
		t.Errorf("a guard that renames nothing: Own = %s, want %s", got, outside)
	}
}
