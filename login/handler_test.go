package login_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/login"
)

// An app is a handler behind a shield, and how often it was reached.
type app struct {
	http.Handler
	reached atomic.Int64
}

func guarded(t testing.TB, o login.Options, next http.HandlerFunc) *app {
	t.Helper()
	if o.Routes == nil {
		o.Routes = []login.Route{{Pattern: "POST /login"}}
	}
	a := &app{}
	a.Handler = shield(t, o).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.reached.Add(1)
		next(w, r)
	}))
	return a
}

// ask sends a login from an address and returns the answer.
func (a *app) ask(addr, target, kind, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := post(target, kind, body)
	r.RemoteAddr = addr + ":1"
	for _, f := range edit {
		f(r)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func (a *app) form(addr, body string) *httptest.ResponseRecorder {
	return a.ask(addr, "https://shop.test/login", formType, body)
}

// guesses tells how many of n reach the app, each from an address of its own.
func (a *app) guesses(n int, ask func(i int, addr string) *httptest.ResponseRecorder) int64 {
	before := a.reached.Load()
	for i := range n {
		ask(i, fmt.Sprintf("198.18.%d.%d", i/250, i%250))
	}
	return a.reached.Load() - before
}

// passport answers as Express with passport does: the password is "right".
func passport(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("password") == "right" {
		http.Redirect(w, r, "/", http.StatusFound)
		return
	}
	http.Redirect(w, r, "/login?error", http.StatusFound)
}

func always(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header)-1; i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		if len(header)%2 == 1 && status != 204 {
			_, _ = io.WriteString(w, header[len(header)-1])
		}
	}
}

// TestHandlerParallel holds that exactly 10 of 1,000 guesses at once reach the app, by
// HTTP/1.1 and HTTP/2.
func TestHandlerParallel(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2: ", h2), func(t *testing.T) {
			a := guarded(t, login.Options{}, passport)
			srv := httptest.NewUnstartedServer(a)
			srv.EnableHTTP2 = h2
			srv.StartTLS()
			defer srv.Close()
			client := srv.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			work := make(chan int)
			var wg sync.WaitGroup
			var refused atomic.Int64
			for range 32 {
				wg.Go(func() {
					for range work {
						resp, err := client.Post(srv.URL+"/login", formType, strings.NewReader("username=ada&password=x"))
						if err != nil {
							t.Error(err)
							continue
						}
						if resp.StatusCode == http.StatusTooManyRequests {
							refused.Add(1)
						}
						if h2 != (resp.ProtoMajor == 2) {
							t.Errorf("spoken %s", resp.Proto)
						}
						resp.Body.Close()
					}
				})
			}
			for i := range 1000 {
				work <- i
			}
			close(work)
			wg.Wait()
			if a.reached.Load() != 10 || refused.Load() != 990 {
				t.Errorf("%d of 1000 guesses reached the app and %d were refused, want 10 and 990", a.reached.Load(), refused.Load())
			}
		})
	}
}

func TestHandlerSuccess(t *testing.T) {
	a := guarded(t, login.Options{}, passport)
	const addr = "203.0.113.7"
	for round := range 3 {
		for range 3 {
			a.form(addr, "username=ada&password=x")
		}
		w := a.form(addr, "username=ada&password=right")
		cookie := w.Result().Cookies()
		if w.Code != 302 || len(cookie) != 1 || cookie[0].Name != login.DefaultCookie {
			t.Fatalf("round %d: %d with %v, want 302 with the device's cookie", round, w.Code, cookie)
		}
	}
	plain := guarded(t, login.Options{}, passport)
	if w := plain.ask(addr, "http://shop.test/login", formType, "username=ada&password=right"); len(w.Result().Cookies()) != 0 {
		t.Error("a device cookie over plain HTTP")
	}
}

// TestHandlerOutcomes counts how many of 30 requests reach an app that always answers in
// one way: 10 where that is a failure, 30 where it is given back.
func TestHandlerOutcomes(t *testing.T) {
	const json = "application/json"
	body := "username=ada&password=x"
	for _, tc := range []struct {
		name  string
		route login.Route
		next  http.HandlerFunc
		body  string
		edit  func(*http.Request)
		want  int64
		known bool // a device becomes known
	}{
		{name: "redirect to the login", next: always(302, "Location", "/login"), want: 10},
		{name: "redirect to the front page", next: always(302, "Location", "/"), want: 30, known: true},
		{name: "the form again, with a new session", next: always(200, "Content-Type", "text/html", "Set-Cookie", "connect.sid=x", "<form>"), want: 10},
		{name: "JSON no", next: always(200, "Content-Type", json, `{"success":false}`), want: 10},
		{name: "JSON yes", next: always(200, "Content-Type", json, `{"success":true}`), want: 30, known: true},
		{name: "JSON that is compressed", next: always(200, "Content-Type", json, "Content-Encoding", "gzip", `x`), want: 10},
		{name: "204", next: always(204), want: 30, known: true},
		{name: "401", next: always(401), want: 10},
		{name: "422", next: always(422), want: 10},
		{name: "nothing written", next: func(http.ResponseWriter, *http.Request) {}, want: 10},
		{name: "500 is given back 5 times", next: always(500), want: 15},
		{name: "500 for a client that has gone", next: always(500), edit: gone, want: 10},
		{name: "name alone, found", next: always(200, "Content-Type", json, `{"next":"password"}`), body: "username=ada", want: 30},
		{name: "name alone, not found", next: always(404), body: "username=ada", want: 10},
		{name: "an ambiguous name, in", next: always(302, "Location", "/"), body: "username=ada&email=b&password=x", want: 30},
		{name: "an ambiguous name, out", next: always(302, "Location", "/login"), body: "username=ada&email=b&password=x", want: 10},
		{name: "an unreadable name, in", next: always(302, "Location", "/"), body: "password=x", want: 30},
		{name: "rule: status", route: login.Route{Success: login.Success{Status: []int{200}}}, next: always(200, "Content-Type", "text/html", "hi"), want: 30, known: true},
		{name: "rule: other status", route: login.Route{Success: login.Success{Status: []int{200}}}, next: always(302, "Location", "/"), want: 10},
		{name: "rule: 500", route: login.Route{Success: login.Success{Status: []int{500}}}, next: always(500), want: 15},
		{name: "rule: location", route: login.Route{Success: login.Success{Location: "/home"}}, next: always(302, "Location", "https://shop.test/home?x"), want: 30, known: true},
		{name: "rule: other location", route: login.Route{Success: login.Success{Location: "/home"}}, next: always(302, "Location", "/home/2"), want: 10},
		{name: "rule: location without a redirect", route: login.Route{Success: login.Success{Location: "/home"}}, next: always(200, "Location", "/home"), want: 10},
		{name: "rule: location that begins so", route: login.Route{Success: login.Success{Location: "/home*"}}, next: always(302, "Location", "/home/2"), want: 30, known: true},
		{name: "rule: location that is nonsense", route: login.Route{Success: login.Success{Location: "*"}}, next: always(302, "Location", "http://%zz"), want: 10},
		{name: "rule: cookie", route: login.Route{Success: login.Success{Cookie: "auth"}}, next: always(200, "Set-Cookie", "auth=x; Path=/"), want: 30, known: true},
		{name: "rule: cookie that is deleted", route: login.Route{Success: login.Success{Cookie: "auth"}}, next: always(200, "Set-Cookie", `auth=""; Path=/`), want: 10},
		{name: "rule: cookie of another name", route: login.Route{Success: login.Success{Cookie: "auth"}}, next: always(200, "Set-Cookie", "auth2=x"), want: 10},
		{name: "rule: body", route: login.Route{Success: login.Success{Body: "Welcome"}}, next: always(200, "Content-Type", "text/html", "<p>Welcome"), want: 30, known: true},
		{name: "rule: other body", route: login.Route{Success: login.Success{Body: "Welcome"}}, next: always(200, "Content-Type", "text/html", "<p>No"), want: 10},
		{name: "rule: body that comes too late", route: login.Route{Success: login.Success{Body: "Welcome"}}, next: always(200, "Content-Type", "text/html", strings.Repeat("x", 20<<10)+"Welcome"), want: 10},
		{name: "rule: body that there is none of", route: login.Route{Success: login.Success{Body: "Welcome"}}, next: always(204), want: 10},
		{name: "rule: all have to hold", route: login.Route{Success: login.Success{Status: []int{200}, Cookie: "auth", Body: "Welcome"}}, next: always(200, "Set-Cookie", "auth=x", "No"), want: 10},
		{name: "HEAD cannot prove", route: login.Route{Pattern: "* /login"}, next: always(200, "Content-Type", json, `{"success":false}`), edit: func(r *http.Request) { r.Method = "HEAD" }, want: 10},
		{name: "Basic that an app ignores", next: always(302, "Location", "/login"), edit: basic, want: 10},
		{name: "Basic alone, that an app ignores", body: "-", next: always(200), edit: basic, want: 10},
		{name: "Basic", route: login.Route{Basic: true}, next: always(401), edit: basic, want: 10},
		{name: "Basic, right", route: login.Route{Basic: true}, next: always(200), edit: basic, want: 30, known: true},
		{name: "Basic, a page that is not there", route: login.Route{Basic: true}, next: always(404), edit: basic, want: 30},
		{name: "Basic, broken", route: login.Route{Basic: true}, next: always(502), edit: basic, want: 15},
		{name: "Basic, none sent", route: login.Route{Basic: true}, next: always(401), want: 30},
		{name: "no body", body: "-", next: always(400), want: 30},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.route.Pattern == "" {
				tc.route.Pattern = "POST /login"
			}
			a := guarded(t, login.Options{Routes: []login.Route{tc.route}}, tc.next)
			known := false
			n := a.guesses(30, func(_ int, addr string) *httptest.ResponseRecorder {
				text := body
				if tc.body != "" {
					text = strings.Trim(tc.body, "-")
				}
				var edits []func(*http.Request)
				if tc.edit != nil {
					edits = append(edits, tc.edit)
				}
				if text == "" {
					edits = append(edits, func(r *http.Request) { r.Body = http.NoBody })
				}
				w := a.ask(addr, "https://shop.test/login", formType, text, edits...)
				known = known || strings.Contains(fmt.Sprint(w.Result().Cookies()), login.DefaultCookie)
				return w
			})
			if n != tc.want || known != tc.known {
				t.Errorf("%d of 30 reached the app, known device: %v; want %d, %v", n, known, tc.want, tc.known)
			}
		})
	}
}

func basic(r *http.Request) { r.SetBasicAuth("ada", "x") }

// TestHandlerBody holds that the app reads what came, byte for byte, and a large body as a
// stream.
func TestHandlerBody(t *testing.T) {
	var read int64
	var sum [32]byte
	a := guarded(t, login.Options{}, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		if err != nil {
			t.Error(err)
		}
		read, sum = n, [32]byte(h.Sum(nil))
		w.WriteHeader(401)
	})
	for _, size := range []int{1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		body := bytes.Repeat([]byte("username=ada&x="), size/15+1)[:size]
		a.ask(fmt.Sprint("203.0.113.", size%200), "/login", formType, string(body))
		if read != int64(size) || sum != sha256.Sum256(body) {
			t.Errorf("of %d bytes the app read %d, or others", size, read)
		}
	}

	// A stream: after what is looked at, the app is there before the next byte.
	pr, pw := io.Pipe()
	began := make(chan struct{})
	stream := guarded(t, login.Options{}, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		n, _ := io.Copy(io.Discard, r.Body)
		read = n
		w.WriteHeader(401)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequest("POST", "/login", pr)
		r.ContentLength = -1
		r.Header.Set("Content-Type", "application/octet-stream")
		stream.ServeHTTP(httptest.NewRecorder(), r)
	}()
	chunk := make([]byte, 64<<10)
	_, _ = pw.Write(chunk)
	_, _ = pw.Write(chunk[:1])
	<-began
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1024 {
		_, _ = pw.Write(chunk)
	}
	runtime.ReadMemStats(&after)
	pw.Close()
	<-done
	if want := int64(1025*64<<10 + 1); read != want {
		t.Errorf("the app read %d bytes of the stream, want %d", read, want)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("64 MB of body made %d bytes of garbage, want it to stream", grown)
	}
}

// TestHandlerWriter holds that flushing, 1xx, taking the connection over and panics work,
// and leave the attempt counted.
func TestHandlerWriter(t *testing.T) {
	for _, tc := range []struct {
		name string
		next http.HandlerFunc
		want string
	}{
		{"flush", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "a")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "b")
		}, "401 ab"},
		{"flush of JSON", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"error":`)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, `"x"}`)
		}, `200 {"error":"x"}`},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(401)
		}, "401 "},
		{"hijack", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			c.Close()
		}, "302 "},
		{"panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := guarded(t, login.Options{}, tc.next)
			srv := httptest.NewServer(a)
			defer srv.Close()
			client := srv.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			for range 12 {
				resp, err := client.Post(srv.URL+"/login", formType, strings.NewReader("username=ada&password=x"))
				if err != nil {
					if tc.want != "EOF" || !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					continue
				}
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if got := fmt.Sprint(resp.StatusCode, " ", string(text)); got != tc.want && resp.StatusCode != 429 {
					t.Fatalf("answer %q, want %q", got, tc.want)
				}
			}
			if n := a.reached.Load(); n != 10 {
				t.Errorf("%d of 12 reached the app, want 10", n)
			}
		})
	}
}

// TestHandlerDeny holds that a refusal is the same for all, and tells what an attempt
// cannot see.
func TestHandlerDeny(t *testing.T) {
	a := guarded(t, login.Options{}, passport)
	answer := func(user, addr string) string {
		var w *httptest.ResponseRecorder
		for range 11 {
			w = a.form(addr, "username="+user+"&password=x")
		}
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	known, unknown := answer("ada", "203.0.113.1"), answer("nobody", "203.0.113.2")
	if known != unknown || !strings.HasPrefix(known, "429") {
		t.Errorf("refused: %s\nfor a user that is not there: %s", known, unknown)
	}
	for _, field := range []string{"RateLimit", "X-Ratelimit", "user", "ada"} {
		if strings.Contains(known, field) {
			t.Errorf("a refusal speaks of %q: %s", field, known)
		}
	}
}

func TestHandlerPasses(t *testing.T) {
	next := always(200)
	for name, o := range map[string]login.Options{
		"off":       {Mode: guard.Off, Routes: []login.Route{{Pattern: "POST /login"}}},
		"no routes": {Routes: []login.Route{}},
		"elsewhere": {Routes: []login.Route{{Pattern: "POST /elsewhere"}}},
	} {
		a := guarded(t, o, next)
		if n := a.guesses(30, func(_ int, addr string) *httptest.ResponseRecorder {
			return a.form(addr, "username=ada&password=x")
		}); n != 30 {
			t.Errorf("%s: %d of 30 reached the app", name, n)
		}
	}
}
