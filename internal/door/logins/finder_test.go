package logins_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/login"
)

// kept is what a Finder is given to keep and to say.
type kept struct {
	mu      sync.Mutex
	logins  []logins.Login
	changes int
	said    []string
}

func finder(t *testing.T, before ...logins.Login) (*logins.Finder, *kept) {
	t.Helper()
	k := &kept{}
	return logins.New(logins.Options{
		Logins: before,
		Keep: func(all []logins.Login) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.logins = all
		},
		Changed: func() { k.changes++ },
		Say:     func(format string, args ...any) { k.said = append(k.said, fmt.Sprintf(format, args...)) },
	}), k
}

func unknown(*http.Request) bool { return false }

// see sends a request past f to an app that answers with status, and returns the body that
// the app saw.
func see(f *logins.Finder, r *http.Request, status int) string {
	var got []byte
	h := f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
	}), unknown)
	h.ServeHTTP(httptest.NewRecorder(), r)
	return string(got)
}

func post(path, kind, body string) *http.Request {
	r := httptest.NewRequest("POST", "https://shop.test"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

const (
	form = "application/x-www-form-urlencoded"
	json = "application/json"
)

func TestFinds(t *testing.T) {
	multi := func() *http.Request {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.WriteField("email", "a@b.c")
		_ = w.WriteField("password", "x")
		_ = w.Close()
		return post("/login", w.FormDataContentType(), b.String())
	}
	with := func(r *http.Request, change func(*http.Request)) *http.Request {
		change(r)
		return r
	}
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		want   bool
	}{
		{"form, refused", post("/login", form, "username=a&password=b"), 401, true},
		{"form, redirected", post("/login", form, "username=a&password=b"), 302, true},
		{"form, the page again", post("/login", form, "username=a&password=b"), 200, true},
		{"JSON", post("/api/session", json, `{"email":"a","password":"b"}`), 200, true},
		{"JSON with a charset", post("/api/session", json+"; charset=utf-8", `{"email":"a","password":"b"}`), 401, true},
		{"multipart", multi(), 403, true},
		{"nested names", post("/users/sign_in", form, "user[email]=a&user[password]=b"), 422, true},

		{"not there", post("/login", form, "username=a&password=b"), 404, false},
		{"the app failed", post("/login", form, "username=a&password=b"), 500, false},
		{"somebody was created", post("/users", json, `{"email":"a","password":"b"}`), 201, false},
		{"sign-up by path", post("/register", form, "username=a&password=b"), 302, false},
		{"sign-up by fields", post("/users", form, "username=a&password=b&password_confirmation=b"), 302, false},
		{"change of a password", post("/account", form, "username=a&old_password=b&password=c"), 302, false},
		{"all of an API at one path", post("/graphql", json, `{"query":"mutation…","variables":{"email":"a","password":"b"}}`), 200, false},
		{"reset", post("/password/reset", form, "email=a&password=c"), 302, false},
		{"no password", post("/search", form, "username=a&q=password"), 200, false},
		{"no user", post("/unlock", form, "password=b"), 200, false},
		{"bearer token", with(post("/api", json, `{"email":"a","password":"b"}`), func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }), 401, false},
		{"no length", with(post("/login", form, "username=a&password=b"), func(r *http.Request) { r.ContentLength = -1 }), 401, false},
		{"long", post("/login", form, "username=a&password=b&x="+strings.Repeat("y", 70<<10)), 401, false},
		{"another type", post("/login", "text/plain", "username=a&password=b"), 401, false},
		{"a path that a shell would run", post("/x$(reboot)", form, "username=a&password=b"), 401, false},
		{"a path that a terminal would", post("/x%1b[2J", form, "username=a&password=b"), 401, false},
		{"waits for 100", with(post("/login", form, "username=a&password=b"), func(r *http.Request) { r.Header.Set("Expect", "100-continue") }), 401, false},
		{"a path that is no route", post("/lo*gin", form, "username=a&password=b"), 401, false},
		{"GET", with(post("/login", form, "username=a&password=b"), func(r *http.Request) { r.Method = "GET" }), 401, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, k := finder(t)
			body := new(strings.Builder)
			_, _ = io.Copy(body, c.r.Body)
			length := c.r.ContentLength
			c.r.Body, c.r.ContentLength = io.NopCloser(strings.NewReader(body.String())), length
			if got := see(f, c.r, c.status); got != body.String() {
				t.Errorf("the app saw %q, want %q", got, body)
			}
			if got := len(f.Logins()) == 1; got != c.want {
				t.Errorf("found %v, want %v: %+v", got, c.want, f.Logins())
			}
			if c.want && (k.changes != 1 || len(k.said) != 1 || len(k.logins) != 1) {
				t.Errorf("%d changes, said %q, kept %+v", k.changes, k.said, k.logins)
			}
		})
	}
}

func TestFindsOnce(t *testing.T) {
	f, k := finder(t)
	for _, path := range []string{"/login", "/Login", "/login/"} {
		see(f, post(path, form, "username=a&password=b"), 401)
	}
	if len(f.Logins()) != 1 || k.changes != 1 {
		t.Errorf("found %+v in %d changes, want one", f.Logins(), k.changes)
	}
	h := f.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }), func(*http.Request) bool { return true })
	h.ServeHTTP(httptest.NewRecorder(), post("/named", form, "username=a&password=b"))
	if len(f.Logins()) != 1 {
		t.Errorf("found one that is named: %+v", f.Logins())
	}
}

// TestFlood posts passwords to thousands of paths: the logins at which people get in stay.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, k := finder(t)
		see(f, post("/login", form, "username=a&password=b"), 401)
		f.Judged("POST /login", login.Successful)
		if err := f.Confirm("POST /admin"); err != nil {
			t.Fatal(err)
		}
		for i := range 3000 {
			see(f, post(fmt.Sprint("/x", i), form, "username=a&password=b"), 401)
			time.Sleep(time.Second)
		}
		all := f.Logins()
		if len(all) != 16 || all[0].Route != "POST /login" || all[1].Route != "POST /admin" {
			t.Errorf("%d logins, the first %+v; want 16, of them the two in use", len(all), all[:2])
		}
		if k.changes > 16+51 {
			t.Errorf("%d changes in 50 minutes, want one a minute", k.changes)
		}
	})
}

func TestAuto(t *testing.T) {
	f, _ := finder(t, logins.Login{Route: "POST /login", State: logins.Found})
	judge := func(n int, o login.Outcome) {
		for range n {
			f.Judged("POST /login", o)
		}
	}
	judge(30, login.Failure)
	judge(30, login.Undecided)
	judge(30, login.Successful)
	if f.Logins()[0].Enforced() {
		t.Error("enforced without Auto")
	}
	f.SetAuto(true)
	judge(1, login.Failure)
	if !f.Logins()[0].Enforced() {
		t.Error("not enforced once Auto is on")
	}
	f, k := finder(t, logins.Login{Route: "POST /login", State: logins.Found})
	f.SetAuto(true)
	judge = func(n int, o login.Outcome) {
		for range n {
			f.Judged("POST /login", o)
		}
	}
	judge(100, login.Failure)
	judge(19, login.Successful)
	if f.Logins()[0].Enforced() {
		t.Error("enforced after 19 successes")
	}
	judge(1, login.Successful)
	if l := f.Logins()[0]; l.State != logins.Auto || k.logins[0].State != logins.Auto || k.changes != 1 {
		t.Errorf("after 20 successes = %+v, kept %+v, %d changes", l, k.logins, k.changes)
	}
	if r := f.Routes(); len(r) != 1 || r[0].Observe {
		t.Errorf("Routes = %+v, want it enforced", r)
	}
	f.Judged("POST /other", login.Failure) // not ours

	f, _ = finder(t, logins.Login{Route: "POST /search", State: logins.Found})
	f.SetAuto(true)
	for range 30 {
		f.Judged("POST /search", login.Failure)
		f.Judged("POST /search", login.Successful)
	}
	if f.Logins()[0].Enforced() {
		t.Error("a page that does not call itself a login is enforced by itself")
	}
}

func TestConfirmAndForget(t *testing.T) {
	f, k := finder(t)
	see(f, post("/login", form, "username=a&password=b"), 401)
	if r := f.Routes(); len(r) != 1 || !r[0].Observe {
		t.Errorf("Routes = %+v, want it observed", r)
	}
	for _, bad := range []string{"", "login", "POST login", "POST /a b", "POST /\x00", "POST /\x1b[2J", "POST /\u202e", "POST /" + strings.Repeat("x", 4000)} {
		if err := f.Confirm(bad); err == nil {
			t.Errorf("Confirm(%q), want an error", bad)
		}
	}
	if err := f.Confirm("POST /LOGIN/"); err != nil || len(f.Logins()) != 1 || f.Logins()[0].State != logins.Confirmed {
		t.Errorf("Confirm = %v, %+v", err, f.Logins())
	}
	if err := f.Forget("POST /login"); err != nil || len(f.Logins()) != 0 || len(k.logins) != 0 {
		t.Errorf("Forget = %v, %+v", err, f.Logins())
	}
	if err := f.Forget("POST /login"); err == nil {
		t.Error("Forget of none, want an error")
	}
	for i := range 16 {
		if err := f.Confirm(fmt.Sprint("POST /", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Confirm("POST /one-more"); err == nil {
		t.Error("Confirm of the 17th, want an error")
	}
}

// TestEnforcedFirst confirms a pattern that is wider than what was found: it holds.
func TestEnforcedFirst(t *testing.T) {
	f, _ := finder(t)
	see(f, post("/api/login", form, "username=a&password=b"), 401)
	if err := f.Confirm("POST /api/**"); err != nil {
		t.Fatal(err)
	}
	if r := f.Routes(); len(r) != 2 || r[0].Pattern != "POST /api/**" || r[0].Observe || !r[1].Observe {
		t.Errorf("Routes = %+v, want what is confirmed first", r)
	}
}

// TestKeptBefore starts with what a file holds, whatever that is.
func TestKeptBefore(t *testing.T) {
	f, _ := finder(t, logins.Login{Route: "nonsense", State: logins.Confirmed}, logins.Login{Route: "POST /login", State: logins.Confirmed}, logins.Login{})
	if all := f.Logins(); len(all) != 1 || all[0].Route != "POST /login" {
		t.Errorf("Logins = %+v, want POST /login alone", all)
	}
	if f, _ = finder(t); f.Logins() == nil {
		t.Error("Logins of none is nil, which is null in JSON")
	}
}
