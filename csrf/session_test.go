package csrf_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/session"
)

// A token that somebody else planted before a login must not be good after it, nor one of
// the user after the logout.
func TestTokensAndLogins(t *testing.T) {
	store, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := session.New[visitor](session.Options{Store: store, Keys: [][]byte{tokenKeyB}})
	if err != nil {
		t.Fatal(err)
	}
	g := tokenGuard(t, func(o *csrf.Options) { o.Binding = m.Binding })
	cookie := ""
	// do runs f in a request of the browser, and then asks for a token.
	do := func(f func(s *session.Session[visitor]) error) (token string) {
		t.Helper()
		w, r := httptest.NewRecorder(), asked("")
		r.Header.Set("Cookie", cookie)
		m.Handler(g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := session.From[visitor](r.Context())
			err := f(s)
			if err == nil {
				token, err = g.Token(r)
			}
			if err != nil {
				t.Error(err)
			}
		}))).ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookie = c.Name + "=" + c.Value
		}
		return token
	}
	status := func(token string) int {
		w, r := httptest.NewRecorder(), sent("", token)
		r.Header.Set("Cookie", cookie)
		m.Handler(g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(w, r)
		return w.Code
	}
	look := func(s *session.Session[visitor]) error { _, err := s.Get(); return err }

	without := do(look)
	visitors := do(func(s *session.Session[visitor]) error { return s.Set(visitor{1}) })
	if a, b := status(without), status(visitors); a != 403 || b != 200 {
		t.Errorf("in a session: token made without %d, of it %d, want 403, 200", a, b)
	}
	users := do(func(s *session.Session[visitor]) error { return s.Authenticate("ann", "") })
	again := do(look)
	if a, b, c := status(visitors), status(users), status(again); a != 403 || b != 200 || c != 200 {
		t.Errorf("after the login: token of before %d, of the login's answer %d, of a later one %d, want 403, 200, 200", a, b, c)
	}
	do(func(s *session.Session[visitor]) error { return s.Destroy() })
	if a := status(users); a != 403 {
		t.Errorf("after the logout: the user's token %d, want 403", a)
	}
}
