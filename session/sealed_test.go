package session_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/session"
)

// jar is a browser that keeps all cookies of one host.
type jar struct {
	t       testing.TB
	m       *session.Manager[account]
	cookies map[string]string
}

func (j *jar) do(f func(s *session.Session[account])) *http.Response {
	j.t.Helper()
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	for name, value := range j.cookies {
		r.Header.Set("Cookie", strings.TrimPrefix(r.Header.Get("Cookie")+"; "+name+"="+value, "; "))
	}
	w := httptest.NewRecorder()
	j.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(session.From[account](r.Context())) })).ServeHTTP(w, r)
	for _, line := range w.Header()["Set-Cookie"] {
		if len(line) > session.MaxCookie {
			j.t.Errorf("a line of %d bytes", len(line))
		}
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		if strings.Contains(attributes, "Max-Age=0") {
			delete(j.cookies, name)
		} else {
			j.cookies[name] = value
		}
	}
	return w.Result()
}

func (j *jar) name() (name string) {
	j.do(func(s *session.Session[account]) {
		a, err := s.Get()
		if err != nil {
			j.t.Error(err)
		}
		name = a.Name
	})
	return name
}

func sealedJar(t testing.TB, o session.Options) *jar {
	if o.Sealed == nil {
		o.Sealed = &session.Sealed{}
	}
	return &jar{t: t, m: manager(t, o), cookies: map[string]string{"other": "1"}}
}

func TestSealedRoundTrip(t *testing.T) {
	j := sealedJar(t, session.Options{})
	if j.name(); len(j.cookies) != 1 {
		t.Fatalf("a visitor got cookies %v", j.cookies)
	}
	// Long enough that no sealed text holds it by chance.
	const name = "ann of few letters"
	j.do(func(s *session.Session[account]) {
		_ = s.Set(account{Name: name})
		_ = s.Authenticate("ann", "")
	})
	plain := base64.RawURLEncoding.EncodeToString([]byte(name))
	if v := j.cookies["__Host-id"]; v == "" || strings.Contains(v, name) || strings.Contains(v, plain) {
		t.Errorf("the cookie is %q, want sealed text", v)
	}
	j.do(func(s *session.Session[account]) {
		if user, err := s.User(); user != "ann" || err != nil {
			t.Errorf("User() = %q, %v", user, err)
		}
	})
	good := j.cookies["__Host-id"]
	for i := 0; i < len(good); i += 7 {
		b := []byte(good)
		if b[i] ^= 1; b[i] == ';' || b[i] == '.' {
			continue
		}
		j.cookies["__Host-id"] = string(b)
		if got := j.name(); got != "" {
			t.Fatalf("a cookie changed at %d reads %q", i, got)
		}
	}
	j.cookies["__Host-id"] = good
	j.do(func(s *session.Session[account]) { _ = s.Destroy() })
	if len(j.cookies) != 1 {
		t.Errorf("after Destroy the browser holds %v", j.cookies)
	}
}

func TestSealedChunks(t *testing.T) {
	for _, size := range []int{10, 2000, 2900, 3100, 5000, 9000, 20000} {
		j := sealedJar(t, session.Options{Persistent: true, Sealed: &session.Sealed{MaxBytes: 8 * session.MaxCookie}})
		long := strings.Repeat("x", size)
		j.do(func(s *session.Session[account]) {
			if err := s.Set(account{Name: long}); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
		if got := j.name(); got != long {
			t.Errorf("%d bytes in %d cookies came back as %d", size, len(j.cookies)-1, len(got))
		}
		before := len(j.cookies)
		if size == 9000 {
			delete(j.cookies, "__Host-id.1")
			if got := j.name(); got != "" {
				t.Error("a session without its second cookie was read")
			}
			continue
		}
		j.do(func(s *session.Session[account]) { _ = s.Set(account{Name: "short"}) })
		if got := j.name(); got != "short" || len(j.cookies) != 2 {
			t.Errorf("after %d cookies a short session reads %q from %d", before-1, got, len(j.cookies)-1)
		}
	}
}

func TestSealedBound(t *testing.T) {
	j := sealedJar(t, session.Options{})
	sizes := map[bool]int{}
	for size := 2500; size < 3300; size++ {
		var err error
		res := j.do(func(s *session.Session[account]) { err = s.Set(account{Name: strings.Repeat("x", size)}) })
		if err != nil && !errors.Is(err, session.ErrTooLarge) {
			t.Fatal(err)
		}
		if got := len(res.Header["Set-Cookie"]); err == nil && got != 1 || err != nil && got != 0 {
			t.Fatalf("%d bytes: %v and %d cookies", size, err, got)
		}
		sizes[err == nil]++
	}
	if sizes[true] == 0 || sizes[false] == 0 {
		t.Errorf("taken and refused %v, want both", sizes)
	}
}

func TestSealedTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := sealedJar(t, session.Options{Timeouts: session.Timeouts{Idle: 10 * time.Minute, Absolute: time.Hour}})
		j.do(func(s *session.Session[account]) { _ = s.Set(account{Name: "ann"}) })
		old := j.cookies["__Host-id"]
		for range 6 {
			time.Sleep(9*time.Minute + 50*time.Second)
			if j.name() != "ann" {
				t.Fatal("a session in use ended")
			}
		}
		time.Sleep(2 * time.Minute)
		if j.name() != "" {
			t.Error("a session outlived Absolute")
		}
		j.cookies["__Host-id"] = old
		if j.name() != "" {
			t.Error("an old copy is good after Idle")
		}
	})
}

func TestSealedEnded(t *testing.T) {
	store := memory(t)
	j := sealedJar(t, session.Options{Sealed: &session.Sealed{Ended: store}})
	j.do(func(s *session.Session[account]) { _ = s.Set(account{Name: "ann"}) })
	copied := j.cookies["__Host-id"]
	j.do(func(s *session.Session[account]) { _ = s.Authenticate("ann", "") })
	current := j.cookies["__Host-id"]
	j.cookies["__Host-id"] = copied
	if j.name() != "" {
		t.Error("the session of before the login is good")
	}
	j.cookies["__Host-id"] = current
	if j.name() != "ann" {
		t.Error("the session of the login is not good")
	}
	j.do(func(s *session.Session[account]) { _ = s.Destroy() })
	j.cookies["__Host-id"] = current
	if j.name() != "" {
		t.Error("a copied session outlived Destroy")
	}
	store.fail = errors.New("down")
	if res := j.do(func(s *session.Session[account]) { _, _ = s.Get() }); res.StatusCode != 503 {
		t.Errorf("with the list out the answer is %d, want 503", res.StatusCode)
	}
}

func TestSealedRotation(t *testing.T) {
	j := sealedJar(t, session.Options{Keys: [][]byte{keyA}})
	j.do(func(s *session.Session[account]) { _ = s.Set(account{Name: "ann"}) })
	j.m = manager(t, session.Options{Sealed: &session.Sealed{}, Keys: [][]byte{keyB, keyA}})
	if j.name() != "ann" {
		t.Fatal("the key behind another does not open")
	}
	j.m = manager(t, session.Options{Sealed: &session.Sealed{}, Keys: [][]byte{keyB}})
	if j.name() != "ann" {
		t.Error("the session was not sealed anew")
	}
}

func TestSealedTooLate(t *testing.T) {
	m := manager(t, session.Options{Sealed: &session.Sealed{}})
	stream(t, m, "", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		if err := session.From[account](r.Context()).Set(account{Name: "x"}); !errors.Is(err, session.ErrHeaderSent) {
			t.Errorf("Set after Flush = %v, want ErrHeaderSent", err)
		}
	})
}

func FuzzSealedCookie(f *testing.F) {
	m := manager(f, session.Options{Sealed: &session.Sealed{MaxBytes: 8 * session.MaxCookie}})
	f.Add("__Host-id=2.abc; __Host-id.1=x")
	f.Add("__Host-id=99999999999999999999.; __Host-id.7=")
	f.Fuzz(func(t *testing.T, cookies string) {
		r := httptest.NewRequest("GET", "https://x/", nil)
		r.Header["Cookie"] = []string{cookies}
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got, err := session.From[account](r.Context()).Get(); err != nil || got.Name != "" {
				t.Errorf("%q reads %+v, %v", cookies, got, err)
			}
		})).ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%q is answered %d", cookies, w.Code)
		}
	})
}
