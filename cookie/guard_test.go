package cookie_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

// installKey is the key of the tests' guards.
var installKey = []byte("an install key of 32 bytes......")

// told collects events.
type told struct {
	mu  sync.Mutex
	all []guard.Event
}

func (t *told) sink(_ context.Context, e guard.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, e)
}

// rules lists what was told as "rule action", sorted, each once.
func (t *told) rules() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, e := range t.all {
		out = append(out, e.Rule+" "+e.Action.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func mustNew(t testing.TB, o cookie.Options) *cookie.Guard {
	t.Helper()
	g, err := cookie.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// renaming returns options that rename, telling into events.
func renaming(events *told) cookie.Options {
	return cookie.Options{Sink: events.sink, Rename: cookie.Rename{Key: installKey, Site: "shop.example"}}
}

// exchange sends one request through g and returns the Set-Cookie lines of the answer
// and the Cookie header that the application saw.
func exchange(g *cookie.Guard, url, cookies string, setCookie ...string) (set []string, saw string) {
	r := httptest.NewRequest("GET", url, nil)
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		saw = strings.Join(r.Header["Cookie"], " // ")
		for _, line := range setCookie {
			w.Header().Add("Set-Cookie", line)
		}
		w.Write([]byte("ok"))
	})).ServeHTTP(w, r)
	return w.Result().Header["Set-Cookie"], saw
}

const signed = "s%3ANhmga2-5XHxNXSOBPfCRp4mTNYBEErZe.nx0i9zeXnYJGQSsxKUL3GQonQ4N0szIj4PMob0l1ejw"

func TestMend(t *testing.T) {
	for _, c := range []struct {
		name  string
		url   string // https://shop.example/ when empty
		opts  cookie.Options
		set   []string
		want  []string
		rules []string
	}{
		{name: "express-session", set: []string{"connect.sid=" + signed + "; Path=/; HttpOnly"},
			want:  []string{"connect.sid=" + signed + "; Path=/; HttpOnly; Secure; SameSite=Lax"},
			rules: []string{"samesite-absent mended", "secure-absent mended"}},
		{name: "nothing missing", set: []string{"connect.sid=x;path=/;  HTTPONLY; secure; samesite=strict; Foo=bar; Priority=High"},
			want: []string{"connect.sid=x;path=/;  HTTPONLY; secure; samesite=strict; Foo=bar; Priority=High"}},
		{name: "plain http gets no Secure", url: "http://shop.example/", set: []string{"connect.sid=x; Path=/; HttpOnly"},
			want: []string{"connect.sid=x; Path=/; HttpOnly; SameSite=Lax"}, rules: []string{"samesite-absent mended"}},
		{name: "SameSite=None stays and gets Secure", set: []string{"connect.sid=x; Path=/; HttpOnly; SameSite=None"},
			want: []string{"connect.sid=x; Path=/; HttpOnly; SameSite=None; Secure"}, rules: []string{"secure-absent mended"}},
		{name: "SameSite that no browser knows", set: []string{"connect.sid=x; Path=/; HttpOnly; Secure; SameSite=yes"},
			want: []string{"connect.sid=x; Path=/; HttpOnly; Secure; SameSite=Lax"}, rules: []string{"samesite-absent mended"}},
		{name: "HttpOnly: framework name", set: []string{"PHPSESSID=x; path=/; Secure; SameSite=Lax"},
			want: []string{"PHPSESSID=x; path=/; Secure; SameSite=Lax; HttpOnly"}, rules: []string{"httponly-absent mended"}},
		{name: "HttpOnly: Rails name", set: []string{"_shop_session=x; path=/; Secure; SameSite=Lax"},
			want: []string{"_shop_session=x; path=/; Secure; SameSite=Lax; HttpOnly"}, rules: []string{"httponly-absent mended"}},
		{name: "HttpOnly: s: shape", set: []string{"who=" + signed + "; Secure; SameSite=Lax"},
			want: []string{"who=" + signed + "; Secure; SameSite=Lax; HttpOnly"}, rules: []string{"httponly-absent mended"}},
		{name: "HttpOnly: s: without a whole signature", set: []string{"who=s%3Aabc.def; Secure; SameSite=Lax"},
			want: []string{"who=s%3Aabc.def; Secure; SameSite=Lax"}, rules: []string{"httponly-absent would-mend"}},
		{name: "HttpOnly: .sig pair", set: []string{"who=e30=; Secure; SameSite=Lax", "who.sig=abc; Secure; SameSite=Lax"},
			want:  []string{"who=e30=; Secure; SameSite=Lax; HttpOnly", "who.sig=abc; Secure; SameSite=Lax; HttpOnly"},
			rules: []string{"httponly-absent mended"}},
		{name: "HttpOnly: .sig without its value", set: []string{"who.sig=abc; Secure; SameSite=Lax"},
			want: []string{"who.sig=abc; Secure; SameSite=Lax"}, rules: []string{"httponly-absent would-mend"}},
		{name: "HttpOnly: named", opts: cookie.Options{Session: []string{"who"}}, set: []string{"who=1; Secure; SameSite=Lax"},
			want: []string{"who=1; Secure; SameSite=Lax; HttpOnly"}, rules: []string{"httponly-absent mended"}},
		{name: "HttpOnly: unknown is told only", set: []string{"theme=dark; Secure; SameSite=Lax"},
			want: []string{"theme=dark; Secure; SameSite=Lax"}, rules: []string{"httponly-absent would-mend"}},
		{name: "HttpOnly: a generic session is told only", set: []string{"session=x; Secure; SameSite=Lax"},
			want: []string{"session=x; Secure; SameSite=Lax"}, rules: []string{"httponly-absent would-mend"}},
		{name: "HttpOnly: never on tokens", set: []string{"XSRF-TOKEN=x; Secure; SameSite=Lax", "csrftoken=x; Secure; SameSite=Lax", "_csrf=" + signed + "; Secure; SameSite=Lax", "_CsRf=e; Secure; SameSite=Lax", "_CsRf.sig=e; Secure; SameSite=Lax"},
			want: []string{"XSRF-TOKEN=x; Secure; SameSite=Lax", "csrftoken=x; Secure; SameSite=Lax", "_csrf=" + signed + "; Secure; SameSite=Lax", "_CsRf=e; Secure; SameSite=Lax", "_CsRf.sig=e; Secure; SameSite=Lax"}},
		{name: "HttpOnly: never on what Script names", opts: cookie.Options{Script: []string{"connect.sid"}}, set: []string{"connect.sid=" + signed + "; Secure; SameSite=Lax"},
			want: []string{"connect.sid=" + signed + "; Secure; SameSite=Lax"}},
		{name: "HttpOnly: Session has the last word over a token's name", opts: cookie.Options{Session: []string{"csrf_session"}}, set: []string{"csrf_session=x; Secure; SameSite=Lax"},
			want: []string{"csrf_session=x; Secure; SameSite=Lax; HttpOnly"}, rules: []string{"httponly-absent mended"}},
		{name: "SameSite: never on what CrossSite names", opts: cookie.Options{CrossSite: []string{"saml_state"}},
			set:   []string{"saml_state=x; HttpOnly", "other=x; HttpOnly; Secure"},
			want:  []string{"saml_state=x; HttpOnly; Secure", "other=x; HttpOnly; Secure; SameSite=Lax"},
			rules: []string{"samesite-absent mended", "secure-absent mended"}},
		{name: "deletion is mended alike", set: []string{"connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
			want:  []string{"connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly"},
			rules: []string{"httponly-absent mended", "samesite-absent mended", "secure-absent mended"}},
		{name: "no value, no name", set: []string{"orphan"}, want: []string{"orphan; Secure; SameSite=Lax"},
			rules: []string{"httponly-absent would-mend", "samesite-absent mended", "secure-absent mended"}},
		{name: "unreadable stays", set: []string{"a=\x01; Path=/"}, want: []string{"a=\x01; Path=/"}, rules: []string{"unreadable noted"}},
		{name: "observe changes nothing", opts: cookie.Options{Mode: guard.Observe, Rename: cookie.Rename{Key: installKey, Site: "shop.example"}},
			set:   []string{"connect.sid=" + signed + "; Path=/"},
			want:  []string{"connect.sid=" + signed + "; Path=/"},
			rules: []string{"default-name would-mend", "httponly-absent would-mend", "samesite-absent would-mend", "secure-absent would-mend"}},
		{name: "off neither changes nor tells", opts: cookie.Options{Mode: guard.Off}, set: []string{"connect.sid=" + signed + "; Path=/"},
			want: []string{"connect.sid=" + signed + "; Path=/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var events told
			c.opts.Sink = events.sink
			if c.url == "" {
				c.url = "https://shop.example/"
			}
			given := slices.Clone(c.set)
			got, _ := exchange(mustNew(t, c.opts), c.url, "", c.set...)
			if !slices.Equal(got, c.want) {
				t.Errorf("Set-Cookie = %q, want %q", got, c.want)
			}
			if !slices.Equal(c.set, given) {
				t.Errorf("the application's own lines became %q", c.set)
			}
			if got := events.rules(); !slices.Equal(got, c.rules) {
				t.Errorf("told %q, want %q", got, c.rules)
			}
		})
	}
}

func TestWatch(t *testing.T) {
	const flags = "; Secure; SameSite=Lax; HttpOnly"
	for _, c := range []struct {
		name, url, cookies, set, rule string
	}{
		{"domain of the parent", "https://www.shop.example/", "", "a=b; Domain=shop.example" + flags, "domain"},
		{"domain with a dot", "https://www.shop.example/", "", "a=b; Domain=.Shop.Example" + flags, "domain"},
		{"domain of the host itself", "https://shop.example:8443/", "", "a=b; Domain=shop.example" + flags, ""},
		{"domain is a single label", "https://shop.example/", "", "a=b; Domain=example" + flags, "domain"},
		{"domain of somebody else", "https://shop.example/", "", "a=b; Domain=hop.example" + flags, "domain"},
		{"domain of an address", "https://127.0.0.1/", "", "a=b; Domain=0.0.1" + flags, "domain"},
		{"empty domain", "https://shop.example/", "", "a=b; Domain=" + flags, ""},
		{"path elsewhere", "https://shop.example/cart", "", "a=b; Path=/admin" + flags, "path"},
		{"path is a longer word", "https://shop.example/administrator", "", "a=b; Path=/admin" + flags, "path"},
		{"path above", "https://shop.example/admin/x", "", "a=b; Path=/admin" + flags, ""},
		{"path with slash", "https://shop.example/admin/x", "", "a=b; Path=/admin/" + flags, ""},
		{"expiry in 401 days", "https://shop.example/", "", "a=b; Max-Age=34646400" + flags, "expiry"},
		{"expiry in 400 days", "https://shop.example/", "", "a=b; Max-Age=34560000" + flags, ""},
		{"expiry for ever", "https://shop.example/", "", "a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT" + flags, "expiry"},
		{"4096 bytes", "https://shop.example/", "", "a=" + strings.Repeat("x", 4096-2-len(flags)) + flags, ""},
		{"4097 bytes", "https://shop.example/", "", "a=" + strings.Repeat("x", 4097-2-len(flags)) + flags, "size"},
		{"sum of 4093", "https://shop.example/", "big=" + strings.Repeat("x", 4089), "a=" + flags, ""},
		{"sum of 4094", "https://shop.example/", "big=" + strings.Repeat("x", 4089), "a=b" + flags, "sum"},
		{"sum after replacing", "https://shop.example/", "big=" + strings.Repeat("x", 4089), "big=b" + flags, ""},
		{"sum after a deletion", "https://shop.example/", "big=" + strings.Repeat("x", 4099), "big=; Max-Age=0" + flags, ""},
		{"__Host- with Domain", "https://shop.example/", "", "__Host-a=b; Path=/; Domain=shop.example" + flags, "prefix"},
		{"__Host- without Path", "https://shop.example/", "", "__host-a=b" + flags, "prefix"},
		{"__Host- as it must be", "https://shop.example/", "", "__Host-a=b; Path=/" + flags, ""},
		{"__Secure- over http", "http://shop.example/", "", "__Secure-a=b" + flags, "prefix"},
		{"__Secure- over https", "https://shop.example/", "", "__Secure-a=b" + flags, ""},
		{"SameSite=None over http", "http://shop.example/", "", "a=b; SameSite=None; HttpOnly", "samesite-none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var events told
			got, _ := exchange(mustNew(t, cookie.Options{Sink: events.sink}), c.url, c.cookies, c.set)
			if !slices.Equal(got, []string{c.set}) {
				t.Errorf("Set-Cookie = %q, want it unchanged", got)
			}
			var want []string
			if c.rule != "" {
				want = []string{c.rule + " noted"}
			}
			if got := events.rules(); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

func TestEventsNeverHoldValues(t *testing.T) {
	var events told
	const value = "geheim"
	exchange(mustNew(t, renaming(&events)), "https://www.shop.example/x", "connect.sid="+value+"; z="+strings.Repeat(value, 1000),
		"connect.sid="+value+"; Path=/", "a="+value+"; Domain=shop.example; Path=/y; Max-Age=99999999", value, "x\x02="+value,
		"n="+strings.Repeat(value, 1000), "bad name\x1b="+value)
	if len(events.all) < 10 {
		t.Fatalf("told %d events, want more: %v", len(events.all), events.all)
	}
	for _, e := range events.all {
		if strings.Contains(e.Detail, value) || e.Practice != "cookies" || e.Rule == "" || e.Request == "" {
			t.Errorf("event %+v holds a value, or lacks practice, rule or request", e)
		}
	}
}

func TestEarlyAnswersAndTrailers(t *testing.T) {
	var events told
	g := mustNew(t, renaming(&events))
	s := httptest.NewTLSServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "connect.sid="+signed+"; Path=/; HttpOnly")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "Set-Cookie")
		w.Write([]byte("ok"))
		w.Header().Set("Set-Cookie", "connect.sid=late")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "connect.sid=later")
	})))
	defer s.Close()
	var early http.Header
	r := withEarly(t, s.URL, func(h http.Header) { early = h })
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	final := res.Header["Set-Cookie"]
	if len(final) != 1 || !strings.HasPrefix(final[0], "__Host-") || !strings.HasSuffix(final[0], "="+signed+"; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("final Set-Cookie = %q, want the session under its new name", final)
	}
	if got := early["Set-Cookie"]; !slices.Equal(got, final) {
		t.Errorf("early Set-Cookie = %q, want nothing but what the final answer says, %q", got, final)
	}
	buf := make([]byte, 16)
	for err == nil {
		_, err = res.Body.Read(buf)
	}
	if got := res.Trailer["Set-Cookie"]; len(got) != 0 {
		t.Errorf("trailer Set-Cookie = %q, want none", got)
	}
	if got := events.rules(); !slices.Contains(got, "trailer mended") {
		t.Errorf("told %q, want the trailer among them", got)
	}
}
