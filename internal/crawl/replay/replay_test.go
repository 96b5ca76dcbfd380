package replay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl/replay"
)

// do asks the site as the audit's prober does, and remembers nothing.
func do(t *testing.T, base string) replay.Do {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, r check.Request) (*check.Exchange, error) {
		if r.Turn == 0 || (r.Headers != "" || r.Body != "") && !r.Secret {
			t.Errorf("%s %s: turn %d, secret %v; want each sent by itself, and shown nowhere", r.Method, r.Path, r.Turn, r.Secret)
		}
		req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, strings.NewReader(r.Body))
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitSeq(r.Headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				req.Header.Set(name, value)
			}
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return &check.Exchange{Request: r, URL: base + r.Path, Status: resp.StatusCode, Header: resp.Header, Body: body}, err
	}
}

// A tape records what a browser does, as a HAR file. With bare it leaves cookies out, as
// Chromium's export does unless asked.
type tape struct {
	t       *testing.T
	base    string
	jar     map[string]string
	entries []any
	bare    bool
	last    string
}

func record(t *testing.T, base string) *tape {
	return &tape{t: t, base: base, jar: map[string]string{}}
}

func (r *tape) send(method, path, media, body string, headers ...string) string {
	r.t.Helper()
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	var sent []map[string]string
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		sent = append(sent, map[string]string{"name": headers[i], "value": headers[i+1]})
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	for name, value := range r.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if c := req.Header.Get("Cookie"); c != "" && !r.bare {
		sent = append(sent, map[string]string{"name": "Cookie", "value": c})
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var got []map[string]string
	for _, c := range resp.Cookies() {
		r.jar[c.Name] = c.Value
	}
	for _, line := range resp.Header.Values("Set-Cookie") {
		if !r.bare {
			got = append(got, map[string]string{"name": "set-cookie", "value": line})
		}
	}
	e := map[string]any{
		"request": map[string]any{"method": method, "url": r.base + path, "headers": sent},
		"response": map[string]any{"status": resp.StatusCode, "headers": got,
			"content": map[string]any{"mimeType": resp.Header.Get("Content-Type"), "text": string(text)}},
	}
	if body != "" {
		e["request"].(map[string]any)["postData"] = map[string]any{"mimeType": media, "text": body}
	}
	r.entries = append(r.entries, e)
	if to := resp.Header.Get("Location"); resp.StatusCode/100 == 3 {
		return r.send("GET", to, "", "")
	}
	r.last = string(text)
	return r.last
}

func (r *tape) read() *replay.Recording {
	r.t.Helper()
	text, err := json.Marshal(map[string]any{"log": map[string]any{"entries": r.entries}})
	if err != nil {
		r.t.Fatal(err)
	}
	origin, err := url.Parse(r.base + "/")
	if err != nil {
		r.t.Fatal(err)
	}
	rec, err := replay.Read(bytes.NewReader(text), origin)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// shop is a site with a login of each kind.
type shop struct {
	mu     sync.Mutex
	tokens map[string]string // session → token
	in     map[string]bool
}

func (s *shop) session(w http.ResponseWriter, r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie("sid"); err == nil && s.tokens[c.Value] != "" {
		return c.Value
	}
	id := rand.Text()
	s.tokens[id] = rand.Text()
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: id, Path: "/", HttpOnly: true})
	return id
}

func (s *shop) enter(w http.ResponseWriter, old string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, old)
	id := rand.Text()
	s.tokens[id], s.in[id] = rand.Text(), true
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: id, Path: "/", HttpOnly: true})
}

func newShop(t *testing.T) string {
	s := &shop{tokens: map[string]string{}, in: map[string]bool{}}
	mux := http.NewServeMux()
	html := func(w http.ResponseWriter, format string, args ...any) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, format, args...)
	}
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		html(w, `<form method=post><input type=hidden name=_csrf value="%s"><input name=user><input type=password name=password></form>`, s.tokens[id])
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		if r.PostFormValue("_csrf") != s.tokens[id] {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		if r.PostFormValue("user") != "ann" || r.PostFormValue("password") != "hunter2 & more" {
			http.Error(w, "wrong", http.StatusUnauthorized)
			return
		}
		s.enter(w, id)
		http.Redirect(w, r, "/welcome", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /welcome", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/account", http.StatusFound) })
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		if !s.in[id] {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		html(w, `<p>Ann<form method=post action="/logout"><input type=hidden name=_csrf value="%s"><button>Log out</button></form>`, s.tokens[id])
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		if r.PostFormValue("_csrf") != s.tokens[id] {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		s.mu.Lock()
		delete(s.in, id)
		s.mu.Unlock()
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	// The same for script: the token goes from a cookie into a header.
	mux.HandleFunc("GET /app", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "XSRF-TOKEN", Value: s.tokens[s.session(w, r)], Path: "/"})
		html(w, "<div id=app></div>")
	})
	mux.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		var body struct{ Email, Password string }
		c, err := r.Cookie("XSRF-TOKEN")
		if err != nil || r.Header.Get("X-XSRF-TOKEN") != c.Value || c.Value != s.tokens[id] {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Password != "hunter2 & more" {
			http.Error(w, "wrong", http.StatusUnauthorized)
			return
		}
		s.enter(w, id)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ok":true}`)
	})
	mux.HandleFunc("POST /api/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.x"}`)
	})
	mux.HandleFunc("GET /app.css", func(w http.ResponseWriter, r *http.Request) { t.Error("an asset was played") })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func form(page string, more string) string {
	_, token, _ := strings.Cut(page, `name=_csrf value="`)
	token, _, _ = strings.Cut(token, `"`)
	return "_csrf=" + url.QueryEscape(token) + more
}

func TestLogins(t *testing.T) {
	base := newShop(t)
	const urlencoded = "application/x-www-form-urlencoded"
	credentials := "&user=ann&password=" + url.QueryEscape("hunter2 & more")
	for _, tt := range []struct {
		name   string
		record func(*tape)
		bare   bool
		out    error
	}{
		{"form with a hidden token", func(r *tape) {
			r.send("POST", "/login", urlencoded, form(r.send("GET", "/login", "", ""), credentials))
		}, false, nil},
		{"the same, recorded without cookies", func(r *tape) {
			r.send("POST", "/login", urlencoded, form(r.send("GET", "/login", "", ""), credentials))
		}, true, nil},
		{"script with a token in a cookie", func(r *tape) {
			r.send("GET", "/app", "", "")
			r.send("POST", "/api/login", "application/json", `{"email":"ann","password":"hunter2 & more"}`, "X-XSRF-TOKEN", r.jar["XSRF-TOKEN"])
		}, false, nil},
		{"with its logout", func(r *tape) {
			r.send("POST", "/login", urlencoded, form(r.send("GET", "/login", "", ""), credentials))
			r.send("POST", "/logout", urlencoded, form(r.last, ""))
		}, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tape := record(t, base)
			tape.bare = tt.bare
			tt.record(tape)
			rec := tape.read()
			if secrets := strings.Join(rec.Secrets(), " "); secrets != "hunter2 & more" {
				t.Errorf("Secrets() = %q, want the password", secrets)
			}
			send := do(t, base)
			login := rec.Login(send, func(context.Context) []string { return []string{"/account"} })
			ids := map[string]bool{}
			for turn := range 3 {
				held, way, err := login.In(t.Context(), turn, nil)
				if err != nil {
					t.Fatalf("In(%d): %v", turn, err)
				}
				if ids[held["sid"]] || held["sid"] == "" || held["sid"] == tape.jar["sid"] || len(way) == 0 {
					t.Errorf("In(%d) = %v after %d exchanges, want a session of its own", turn, held, len(way))
				}
				ids[held["sid"]] = true
				account := func() int {
					x, err := send(t.Context(), check.Request{Method: "GET", Path: "/account", Headers: held.Header(), Turn: 1, Secret: true})
					if err != nil {
						t.Fatal(err)
					}
					return x.Status
				}
				if got := account(); got != http.StatusOK {
					t.Errorf("/account = %d, want 200: logged in", got)
				}
				if _, _, err := login.Out(t.Context(), turn, held); !errors.Is(err, tt.out) {
					t.Errorf("Out() = %v, want %v", err, tt.out)
				}
				if got := account(); tt.out == nil && got == http.StatusOK {
					t.Errorf("/account = %d after the logout", got)
				}
			}
		})
	}
}

// TestPasswordsAreKnown: whatever a framework calls the field, its value is a secret.
func TestPasswordsAreKnown(t *testing.T) {
	origin, _ := url.Parse("http://h/")
	for name, post := range map[string]string{
		"plain":    `"mimeType":"application/x-www-form-urlencoded","text":"password=hunter2-x"`,
		"nested":   `"mimeType":"application/x-www-form-urlencoded","text":"user%5Bpassword%5D=hunter2-x"`,
		"params":   `"mimeType":"application/x-www-form-urlencoded","params":[{"name":"login[pwd]","value":"hunter2-x"}]`,
		"JSON":     `"mimeType":"application/json","text":"{\"user\":{\"passphrase\":\"hunter2-x\"}}"`,
		"multpart": `"mimeType":"multipart/form-data; boundary=b","text":"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2-x\r\n--b--"`,
	} {
		har := `{"log":{"entries":[{"request":{"method":"GET","url":"http://h/logout"}},{"request":{"method":"POST","url":"http://h/login","postData":{` + post + `}}}]}}`
		rec, err := replay.Read(strings.NewReader(har), origin)
		if err != nil || strings.Join(rec.Secrets(), " ") != "hunter2-x" {
			t.Errorf("%s: Read() = %+v, %v, want the password known", name, rec, err)
		}
	}
}

// TestLongRecordings: many answers with many values, and long requests, are read in
// bounded time.
func TestLongRecordings(t *testing.T) {
	var fields strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&fields, "<input name=f%d value=value-%08d>", i, i)
	}
	page, _ := json.Marshal(fields.String())
	get := `{"request":{"method":"GET","url":"http://h/p"},"response":{"status":200,"content":{"mimeType":"text/html","text":` + string(page) + `}}}`
	post := `{"request":{"method":"POST","url":"http://h/login","postData":{"mimeType":"text/plain","text":"` + strings.Repeat("x", 1<<20) + `"}}}`
	har := `{"log":{"entries":[` + strings.Repeat(get+",", 20) + strings.Repeat(post+",", 18) + post + `]}}`
	origin, _ := url.Parse("http://h/")
	start := time.Now()
	if _, err := replay.Read(strings.NewReader(har), origin); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("Read took %v, want seconds", took)
	}
}

func TestWhatCannotBePlayed(t *testing.T) {
	base := newShop(t)
	origin, _ := url.Parse(base + "/")
	for name, tt := range map[string]struct{ har, want string }{
		"no JSON":      {"<html>", "no HAR file"},
		"empty":        {`{"log":{"entries":[]}}`, "no request to"},
		"another site": {`{"log":{"entries":[{"request":{"method":"POST","url":"https://other.example/login"}}]}}`, "no request to"},
		"only GET":     {`{"log":{"entries":[{"request":{"method":"GET","url":"` + base + `/"}}]}}`, "looks like a login"},
	} {
		if _, err := replay.Read(strings.NewReader(tt.har), origin); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Read() = %v, want %q", name, err, tt.want)
		}
	}
	token := record(t, base)
	token.send("POST", "/api/token", "application/json", `{"password":"x"}`)
	if _, _, err := token.read().Login(do(t, base), nil).In(t.Context(), 0, nil); err == nil || !strings.Contains(err.Error(), "--header") {
		t.Errorf("In() = %v, want the flag for tokens", err)
	}
	if _, _, err := token.read().Login(do(t, base), nil).Out(t.Context(), 0, nil); !errors.Is(err, check.ErrNoLogout) {
		t.Errorf("Out() = %v, want ErrNoLogout", err)
	}
	wrong := record(t, base)
	wrong.send("POST", "/login", "application/x-www-form-urlencoded", form(wrong.send("GET", "/login", "", ""), "&user=ann&password=wrong"))
	if _, _, err := wrong.read().Login(do(t, base), nil).In(t.Context(), 0, nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("In() = %v, want the refusal", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"log":{"entries":[{"request":{"method":"POST","url":"http://h/login","postData":{"mimeType":"application/x-www-form-urlencoded","text":"password=x&t=abcdefgh"}},"response":{"status":200,"content":{"mimeType":"text/html","text":"<input name=t value=abcdefgh>"}}}]}}`))
	origin := &url.URL{Scheme: "http", Host: "h", Path: "/"}
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := replay.Read(bytes.NewReader(text), origin)
		if (rec == nil) == (err == nil) {
			t.Fatalf("Read() = %v, %v, want one of the two", rec, err)
		}
		if rec == nil {
			return
		}
		refuse := func(context.Context, check.Request) (*check.Exchange, error) { return nil, errors.New("no") }
		if _, _, err := rec.Login(refuse, nil).In(t.Context(), 0, nil); err == nil {
			t.Error("In() succeeded without an answer")
		}
	})
}
