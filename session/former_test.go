package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/cookiesession"
	"github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
)

// shop is what the former sessions hold, as far as the new program knows it.
type shop struct {
	User string   `json:"user"`
	Cart []string `json:"cart,omitempty"`
}

// A move is a former program's sessions, and ours that take them over.
type move struct {
	express *expresssession.Manager
	former  http.Handler // logs ann in
	store   *expresssession.MemoryStore
	ours    *session.Manager[shop]
	m       *session.Memory
}

func newMove(t *testing.T, change func(o *session.Options)) *move {
	t.Helper()
	v := &move{store: expresssession.NewMemoryStore()}
	quiet := func(context.Context, guard.Event) {}
	var err error
	v.express, err = expresssession.New(expresssession.Options{Secret: [][]byte{[]byte("the app's secret")}, Store: v.store, Sink: quiet})
	if err != nil {
		t.Fatal(err)
	}
	v.former = v.express.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := expresssession.From(r.Context())
		if s.IsNew() {
			_ = s.Set("user", "ann")
			_ = s.Set("theme", "dark") // which the new program does not know
		}
	}))
	if v.m, err = session.NewMemory(session.MemoryOptions{}); err != nil {
		t.Fatal(err)
	}
	o := session.Options{Store: v.m, Keys: [][]byte{[]byte("a key for these tests, 32 bytes.")}, Former: v.express, Sink: quiet}
	if change != nil {
		change(&o)
	}
	if v.ours, err = session.New[shop](o); err != nil {
		t.Fatal(err)
	}
	return v
}

// browse sends one request and keeps cookies as a browser does.
func browse(h http.Handler, jar map[string]string) *http.Response {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	for name, value := range jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if jar[c.Name] = c.Value; c.Value == "" || c.MaxAge < 0 {
			delete(jar, c.Name)
		}
	}
	return w.Result()
}

func (v *move) handle(t *testing.T, f func(s *session.Session[shop])) http.Handler {
	return v.ours.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(session.From[shop](r.Context())) }))
}

func TestTakesOver(t *testing.T) {
	v := newMove(t, func(o *session.Options) {
		o.FormerUser = func(data []byte) string {
			if strings.Contains(string(data), `"ann"`) {
				return "ann"
			}
			return ""
		}
	})
	jar := map[string]string{}
	browse(v.former, jar)
	seen := ""
	read := v.handle(t, func(s *session.Session[shop]) {
		is, err := s.Get()
		isNew, _ := s.IsNew()
		if seen = is.User; err != nil || isNew {
			t.Errorf("Get() = %v, new %v", err, isNew)
		}
	})
	browse(read, jar)
	if seen != "ann" {
		t.Fatalf("the user who was logged in before is %q, want ann", seen)
	}
	if _, ours := jar[session.DefaultName]; !ours || jar["connect.sid"] != "" || len(jar) != 1 {
		t.Errorf("the client holds %v, want a cookie of ours alone", jar)
	}
	seen = ""
	browse(read, jar)
	if seen != "ann" {
		t.Errorf("with the cookie of ours the user is %q, want ann", seen)
	}
	// What the new program does not know is kept.
	browse(v.handle(t, func(s *session.Session[shop]) {
		if err := s.Update(func(d *shop) error { d.Cart = []string{"bread"}; return nil }); err != nil {
			t.Error(err)
		}
	}), jar)
	if all, err := v.ours.List(t.Context(), "ann"); err != nil || len(all) != 1 {
		t.Errorf("List() = %v, %v, want the session that was taken over", all, err)
	}
}

func TestFormerIsEnded(t *testing.T) {
	v := newMove(t, nil)
	jar := map[string]string{}
	browse(v.former, jar)
	copied := map[string]string{"connect.sid": jar["connect.sid"]}
	browse(v.handle(t, func(s *session.Session[shop]) { _, _ = s.Get() }), jar)
	browse(v.former, copied)
	if copied["connect.sid"] == jar["connect.sid"] && jar["connect.sid"] != "" {
		t.Error("the former session is still good")
	}
	// Our session has ended; the former one does not bring it back.
	browse(v.handle(t, func(s *session.Session[shop]) { _ = s.Destroy() }), jar)
	browse(v.handle(t, func(s *session.Session[shop]) {
		if is, _ := s.Get(); is.User != "" {
			t.Errorf("after the logout the user is %q", is.User)
		}
	}), jar)
}

func TestWritesBoth(t *testing.T) {
	v := newMove(t, func(o *session.Options) { o.FormerToo = true })
	jar := map[string]string{}
	browse(v.former, jar)
	browse(v.handle(t, func(s *session.Session[shop]) {
		if err := s.Update(func(d *shop) error { d.Cart = []string{"bread"}; return nil }); err != nil {
			t.Error(err)
		}
	}), jar)
	if len(jar) != 2 {
		t.Fatalf("the client holds %v, want both cookies", jar)
	}
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.AddCookie(&http.Cookie{Name: "connect.sid", Value: jar["connect.sid"]})
	data, ok, err := v.express.Adopt(r)
	if want := `{"cart":["bread"],"theme":"dark","user":"ann"}`; !ok || err != nil || string(data) != want {
		t.Errorf("the former session holds %s, %v, %v; want %s", data, ok, err, want)
	}
	browse(v.handle(t, func(s *session.Session[shop]) { _ = s.Destroy() }), jar)
	if _, ok, _ := v.express.Adopt(r); ok || len(jar) != 0 {
		t.Errorf("after the logout the former session is there: %v, and the client holds %v", ok, jar)
	}
}

func TestFormerOptions(t *testing.T) {
	m, _ := session.NewMemory(session.MemoryOptions{})
	c, err := cookiesession.New(cookiesession.Options{Keys: [][]byte{[]byte("a key of the app")}})
	if err != nil {
		t.Fatal(err)
	}
	o := session.Options{Store: m, Keys: [][]byte{[]byte("a key for these tests, 32 bytes.")}, Former: c}
	if _, err := session.New[shop](o); err != nil {
		t.Errorf("New() with a cookiesession = %v, want nil", err)
	}
	o.FormerToo = true
	if errs := guard.OptionErrors(func() error { _, err := session.New[shop](o); return err }()); len(errs) != 1 || errs[0].Field != "FormerToo" {
		t.Errorf("New() = %v, want FormerToo refused", errs)
	}
	o.Former, o.FormerToo, o.FormerUser = nil, false, func([]byte) string { return "" }
	if errs := guard.OptionErrors(func() error { _, err := session.New[shop](o); return err }()); len(errs) != 1 || errs[0].Field != "FormerUser" {
		t.Errorf("New() = %v, want FormerUser refused", errs)
	}
}
