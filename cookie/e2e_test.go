package cookie_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/cookie"
)

// withEarly makes a request that hands each 1xx answer to f.
func withEarly(t *testing.T, url string, f func(http.Header)) *http.Request {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { f(http.Header(h)); return nil },
	})
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expressLike keeps sessions as express-session does (a signed id, an unknown one is
// never adopted) or as cookie-session does (the session itself and a Keygrip signature).
// It knows its own cookie names only.
type expressLike struct {
	secret  []byte
	keygrip *cookie.Keygrip
	mu      sync.Mutex
	users   map[string]string // session id to user
}

func (app *expressLike) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lines := r.Header["Cookie"]
	user := "nobody"
	raw, _ := cookie.Lookup(lines, "connect.sid")
	if sid, _, ok := cookie.DecodeSigned(raw, app.secret); ok {
		app.mu.Lock()
		if name, ok := app.users[sid]; ok {
			user = name
		}
		app.mu.Unlock()
	}
	if value, ok := cookie.Lookup(lines, "session"); ok {
		if sig, _ := cookie.Lookup(lines, "session.sig"); app.keygrip.Verify("session="+value, sig) {
			user += "+" + value
		}
	}
	switch r.URL.Path {
	case "/login":
		user = r.FormValue("user")
		sid := "sid-of-" + user
		app.mu.Lock()
		app.users[sid] = user
		app.mu.Unlock()
		w.Header().Add("Set-Cookie", "connect.sid="+cookie.EncodeSigned(sid, app.secret)+"; Path=/; HttpOnly")
		w.Header().Add("Set-Cookie", "session="+user+"; path=/; httponly")
		w.Header().Add("Set-Cookie", "session.sig="+app.keygrip.Sign("session="+user)+"; path=/; httponly")
	case "/logout":
		w.Header().Add("Set-Cookie", "connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
		w.Header().Add("Set-Cookie", "session=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly")
		w.Header().Add("Set-Cookie", "session.sig=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly")
	}
	io.WriteString(w, user)
}

// browser is a client with a cookie jar that swaps the guards of its server.
type browser struct {
	t      *testing.T
	client *http.Client
	url    string
	now    *atomic.Pointer[http.Handler]
	// leaked collects every Set-Cookie that names the application's own cookies
	// otherwise than to delete them.
	leaked []string
}

func (b *browser) behind(h http.Handler) { b.now.Store(&h) }

func (b *browser) get(path string) string {
	b.t.Helper()
	res, err := b.client.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, line := range res.Header["Set-Cookie"] {
		if !strings.HasPrefix(line, "__Host-") && !strings.Contains(line, "Max-Age=0") {
			b.leaked = append(b.leaked, line)
		}
	}
	return string(body)
}

// names lists the cookies in the jar, the renamed ones as "renamed".
func (b *browser) names() map[string]int {
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[string]int{}
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "__Host-") {
			all["renamed"]++
		} else {
			all[c.Name]++
		}
	}
	return all
}

func newBrowser(t *testing.T, http2 bool) *browser {
	t.Helper()
	b := &browser{t: t, now: new(atomic.Pointer[http.Handler])}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.ProtoMajor == 2; got != http2 {
			t.Errorf("protocol is %s, want HTTP/2 %t", r.Proto, http2)
		}
		(*b.now.Load()).ServeHTTP(w, r)
	}))
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.client, b.url = s.Client(), s.URL
	b.client.Jar = jar
	return b
}

func newExpressLike(t *testing.T) *expressLike {
	t.Helper()
	k, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: [][]byte{[]byte("keyboard cat")}})
	if err != nil {
		t.Fatal(err)
	}
	return &expressLike{secret: []byte("keyboard cat"), keygrip: k, users: map[string]string{}}
}

// TestStory follows one person through the life of a door: logged in before it came,
// still in behind it, still in after a restart, restored, and in without it.
func TestStory(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			app := newExpressLike(t)
			b := newBrowser(t, protocol == "HTTP/2")
			const in = "ann+ann"
			want := func(when, path, user string, names map[string]int) {
				t.Helper()
				if got := b.get(path); got != user {
					t.Errorf("%s: GET %s = %q, want %q", when, path, got, user)
				}
				got := b.names()
				for name, n := range names {
					if got[name] != n {
						t.Errorf("%s: the jar holds %v, want %v", when, got, names)
					}
				}
			}
			own := map[string]int{"connect.sid": 1, "session": 1, "session.sig": 1, "renamed": 0}
			renamed := map[string]int{"connect.sid": 0, "session": 0, "session.sig": 0, "renamed": 3}
			none := map[string]int{"connect.sid": 0, "session": 0, "session.sig": 0, "renamed": 0}

			b.behind(app)
			want("naked", "/login?user=ann", "ann", own)
			want("naked", "/", in, own)

			o := renaming(new(told))
			door := mustNew(t, o)
			// Somebody else logs in first, so that the upstream is seen setting its cookies.
			door.Handler(app).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", shop+"login?user=bob", nil))
			b.behind(door.Handler(app))
			b.leaked = nil
			want("behind the door", "/", in, renamed)
			want("behind the door", "/", in, renamed)

			o.Seen = door.Seen()
			door = mustNew(t, o)
			b.behind(door.Handler(app))
			want("after a restart", "/", in, renamed)
			want("logout", "/logout", in, none)
			want("logged out", "/", "nobody", none)
			want("login", "/login?user=ann", "ann", renamed)
			want("logged in", "/", in, renamed)
			if len(b.leaked) > 0 {
				t.Errorf("behind the door, the application's own names left: %q", b.leaked)
			}

			o.Seen, o.Rename.Restore = door.Seen(), true
			restoring := mustNew(t, o)
			b.behind(restoring.Handler(app))
			want("restoring", "/", in, own)
			b.behind(app)
			want("the door is gone", "/", in, own)

			o.Seen, o.Rename.Restore = restoring.Seen(), false
			b.behind(mustNew(t, o).Handler(app))
			want("the door is back", "/", in, renamed)
		})
	}
}

// TestPlantedOldName shows what the migration's end stops: a sibling host plants its own
// session under the application's name.
func TestPlantedOldName(t *testing.T) {
	app := newExpressLike(t)
	o := renaming(new(told))
	o.Rename.Migrate = -1
	g := mustNew(t, o)
	outsideOf(t, g, session)
	app.users["evil"] = "mallory"
	r := httptest.NewRequest("GET", shop, nil)
	r.Header.Set("Cookie", "connect.sid="+cookie.EncodeSigned("evil", app.secret))
	w := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(w, r)
	if got := w.Body.String(); got != "nobody" {
		t.Errorf("a planted session logged %s in, want nobody", got)
	}
}
