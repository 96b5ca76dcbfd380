package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/panoplysec/panoply/login"
)

// An app of one's own says how each attempt went.
func ExampleShield_Attempt() {
	shield, err := login.New(login.Options{Secret: []byte("32 bytes from the environment..."), Sink: quiet})
	if err != nil {
		panic(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempt := shield.Attempt(r.Context(), r.PostFormValue("user"), r)
		if !attempt.Allowed {
			attempt.Deny(w, r)
			return
		}
		if r.PostFormValue("password") != "open sesame" {
			attempt.Failed()
			http.Error(w, "wrong user or password", http.StatusUnauthorized)
			return
		}
		attempt.Succeeded(w)
		fmt.Fprintln(w, "welcome")
	})

	for i := range 12 {
		r := httptest.NewRequest("POST", "https://shop.test/login", strings.NewReader("user=ali&password=guess"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if i > 8 {
			fmt.Println(i+1, w.Code, http.StatusText(w.Code))
		}
	}
	// Output:
	// 10 401 Unauthorized
	// 11 429 Too Many Requests
	// 12 429 Too Many Requests
}

// In front of an app that knows nothing of it, the shield reads name and outcome itself.
func ExampleShield_Handler() {
	shield, err := login.New(login.Options{
		Routes: []login.Route{{Pattern: "POST /login", User: "email", Password: "password"}},
		Sink:   quiet,
	})
	if err != nil {
		panic(err)
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("password") == "open sesame" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		http.Redirect(w, r, "/login?error", http.StatusFound)
	})
	protected := shield.Handler(app)

	try := func(password string) *http.Response {
		r := httptest.NewRequest("POST", "https://shop.test/login", strings.NewReader("email=ali@shop.test&password="+password))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, r)
		return w.Result()
	}
	in := try("open+sesame")
	fmt.Println(in.StatusCode, in.Header.Get("Location"), in.Cookies()[0].Name)
	for range 10 {
		try("guess")
	}
	fmt.Println(try("guess").Status)
	// Output:
	// 302 / __Host-device
	// 429 Too Many Requests
}

// After a recovery by mail the device is known, and gets in although strangers have used up
// the user's attempts.
func ExampleShield_Recognise() {
	shield, err := login.New(login.Options{Sink: quiet})
	if err != nil {
		panic(err)
	}
	login := func(cookies []*http.Cookie) bool {
		r := httptest.NewRequest("POST", "https://shop.test/login", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return shield.Attempt(r.Context(), "ali", r).Allowed
	}
	for range 10 {
		login(nil)
	}
	fmt.Println("before:", login(nil))

	w := httptest.NewRecorder()
	shield.Recognise(w, httptest.NewRequest("GET", "https://shop.test/recover?token=…", nil), "ali")
	fmt.Println("after:", login(w.Result().Cookies()))
	// Output:
	// before: false
	// after: true
}
