package formtoken_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/formtoken"
	"github.com/panoplysec/panoply/internal/hook"
)

var key = []byte("0123456789abcdef0123456789abcdef")

type bed struct {
	t      *testing.T
	step   *formtoken.Step
	events []guard.Event
	cookie string
	app    http.HandlerFunc
}

func newBed(t *testing.T, change func(*formtoken.Options)) *bed {
	b := &bed{t: t, app: func(w http.ResponseWriter, r *http.Request) {
		if enc := r.Header.Get("Accept-Encoding"); enc != "" && strings.HasPrefix(r.URL.Path, "/account") {
			t.Errorf("the application is asked for %s", enc)
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Cache-Control", "public, max-age=60")
		fmt.Fprintf(w, `<form method=post action=/account/save></form>%s`, r.PostForm.Get("name"))
	}}
	o := formtoken.Options{Paths: []string{"/account/", "/pay"}, Key: key, Site: "shop", Sink: func(_ context.Context, e guard.Event) { b.events = append(b.events, e) }}
	if change != nil {
		change(&o)
	}
	var err error
	if b.step, err = formtoken.New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) do(method, path string, form url.Values) *http.Response {
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "https://shop.example"+path, body)
	r.Header.Set("Accept-Encoding", "gzip")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	rec := httptest.NewRecorder()
	b.step.Handler(b.app).ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		b.cookie = c.Name + "=" + c.Value
	}
	return res
}

var fieldPattern = regexp.MustCompile(`<input type="hidden" name="(f[a-z2-7]{7})" value="([\w-]{64})">`)

// field returns the name and the value in a page; empty when there is none.
func (b *bed) field(res *http.Response) (name, value, page string) {
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if m := fieldPattern.FindStringSubmatch(string(text)); m != nil {
		return m[1], m[2], string(text)
	}
	return "", "", string(text)
}

func TestFormsGetTokensAndNeedThem(t *testing.T) {
	b := newBed(t, nil)
	res := b.do("GET", "/account/edit", nil)
	name, token, page := b.field(res)
	if name == "" || !strings.HasPrefix(page, "<form method=post action=/account/save><input") {
		t.Fatalf("page = %s, want a field right behind the form's tag", page)
	}
	if c := res.Header.Get("Set-Cookie"); !regexp.MustCompile(`^__Host-[a-z2-7]{6}=[\w-]{32}; Path=/; Secure; HttpOnly; SameSite=Lax$`).MatchString(c) {
		t.Errorf("Set-Cookie = %q, want one of the door's own", c)
	}
	if res.Header.Get("Etag") != "" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Content-Length") != fmt.Sprint(len(page)) {
		t.Errorf("header = %v, want no ETag, no-store, the length", res.Header)
	}
	again := b.do("GET", "/account/edit", nil)
	if _, second, _ := b.field(again); second == token || second == "" || again.Header.Get("Set-Cookie") != "" {
		t.Errorf("second page: token %q, Set-Cookie %q; want another token and no new cookie", second, again.Header.Get("Set-Cookie"))
	}
	good := url.Values{name: {token}, "name": {"ann"}}
	if res := b.do("POST", "/account/save", good); res.StatusCode != 200 {
		t.Errorf("form with its token = %d, want 200", res.StatusCode)
	} else if _, _, page := b.field(res); !strings.HasSuffix(page, "ann") {
		t.Errorf("the application answered %s, want it to have got the form", page)
	}
	if len(b.events) != 0 {
		t.Errorf("events = %v, want none", b.events)
	}

	for what, form := range map[string]url.Values{
		"none": {"name": {"ann"}}, "of nobody": {name: {strings.Repeat("A", 64)}}, "twice": {name: {token, token}}, "under another name": {"_csrf": {token}},
	} {
		if res := b.do("POST", "/account/save", form); res.StatusCode != 403 {
			t.Errorf("token %s = %d, want 403", what, res.StatusCode)
		}
	}
	if res := b.do("POST", "/account/save?"+good.Encode(), url.Values{}); res.StatusCode != 403 {
		t.Errorf("token in the query = %d, want 403", res.StatusCode)
	}
	if res := b.do("POST", "/pay", url.Values{name: {token}}); res.StatusCode != 200 {
		t.Errorf("token of another page = %d, want 200", res.StatusCode)
	}
	if res := b.do("POST", "/search", url.Values{"q": {"x"}}); res.StatusCode != 200 {
		t.Errorf("another path = %d, want 200", res.StatusCode)
	}
	b.cookie = ""
	if res := b.do("POST", "/account/save", good); res.StatusCode != 403 {
		t.Errorf("token without its cookie = %d, want 403", res.StatusCode)
	}
	other := newBed(t, func(o *formtoken.Options) { o.Key = []byte("another key, of another door ....") })
	b.do("GET", "/account/edit", nil)
	other.cookie = b.cookie
	if res := other.do("POST", "/account/save", good); res.StatusCode != 403 {
		t.Errorf("at a door with another key = %d, want 403", res.StatusCode)
	}
}

// TestOtherSpellings: what an application may take for a path that is named needs a token.
func TestOtherSpellings(t *testing.T) {
	b := newBed(t, nil)
	for path, status := range map[string]int{
		"/Account/save": 403, "//account/save": 403, "/x/..%2faccount/save": 403, "/account%2fsave": 403, "/;x/account/save": 403,
		"/PAY": 403, "/pay/": 403, "/payments": 200, "/my-account/save": 200,
	} {
		if res := b.do("POST", path, url.Values{"name": {"ann"}}); res.StatusCode != status {
			t.Errorf("POST %s = %d, want %d", path, res.StatusCode, status)
		}
	}
	if name, _, _ := b.field(b.do("GET", "/Account/edit", nil)); name == "" {
		t.Error("GET /Account/edit: no field, although its form needs one")
	}
}

func TestExemptRoutes(t *testing.T) {
	b := newBed(t, func(o *formtoken.Options) {
		o.Routes = []csrf.Route{{Pattern: "POST /account/hook", Exempt: "webhook, signed"}, {Pattern: "POST /account/new", Observe: true}}
	})
	for path, status := range map[string]int{"/account/hook": 200, "/account/new": 200, "/account/save": 403, "/account/hook/": 403} {
		if res := b.do("POST", path, url.Values{"name": {"ann"}}); res.StatusCode != status {
			t.Errorf("POST %s = %d, want %d", path, res.StatusCode, status)
		}
	}
	if len(b.events) != 3 {
		t.Errorf("%d events, want one for each but the exempt", len(b.events))
	}
}

// TestPagesFromBefore: the browser may have kept a page from when it got no token.
func TestPagesFromBefore(t *testing.T) {
	b := newBed(t, nil)
	page := strings.Repeat("x", 10) + `<form method=post>`
	b.app = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Type", "text/html")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(page))
	}
	get := func(accept string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "https://shop.example/account/edit", nil)
		r.Header.Set("Accept", accept)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		b.step.Handler(b.app).ServeHTTP(rec, r)
		return rec
	}
	for _, header := range [][]string{{"If-None-Match", `"1"`}, {"Range", "bytes=10-"}, {"If-Range", `"1"`, "Range", "bytes=10-"}} {
		if rec := get("text/html,*/*;q=0.8", header...); rec.Code != 200 || !fieldPattern.MatchString(rec.Body.String()) {
			t.Errorf("%q: %d %s, want the whole page with a field", header, rec.Code, rec.Body)
		}
	}
	if rec := get("*/*", "If-None-Match", `"1"`); rec.Code != 304 {
		t.Errorf("what is no page: %d, want 304", rec.Code)
	}
	if rec := get("*/*", "Range", "bytes=10-"); rec.Code != 206 || rec.Body.String() != page[10:] || rec.Header().Get("Content-Range") == "" {
		t.Errorf("a part: %d %q %v, want it as it was", rec.Code, rec.Body, rec.Header())
	}
}

func TestWhatIsNoForm(t *testing.T) {
	b := newBed(t, nil)
	r := httptest.NewRequest("POST", "https://shop.example/account/api", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	b.step.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) })).ServeHTTP(rec, r)
	if rec.Code != 201 {
		t.Errorf("JSON = %d, want 201: no form sends it", rec.Code)
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		if res := b.do(method, "/account/edit", nil); res.StatusCode != 200 {
			t.Errorf("%s = %d, want 200", method, res.StatusCode)
		}
	}
}

func TestAnswersThatStay(t *testing.T) {
	form := `<form method=post>`
	tests := []struct {
		name string
		app  http.HandlerFunc
		path string
		want string // the body; "" for the form with a field
		told string
	}{
		{"another path", func(w http.ResponseWriter, _ *http.Request) { html(w); io.WriteString(w, form) }, "/x", form, ""},
		{"sibling of a page", func(w http.ResponseWriter, _ *http.Request) { html(w); io.WriteString(w, form) }, "/payments", form, ""},
		{"JSON", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, form)
		}, "/pay", form, ""},
		{"UTF-16", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=UTF-16LE")
			io.WriteString(w, form)
		}, "/pay", form, ""},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, form)
		}, "/pay", form, "compressed"},
		{"elsewhere", func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			io.WriteString(w, form+`<button formaction=//evil.example>`)
		}, "/pay", form + `<button formaction=//evil.example>`, "another origin"},
		{"without a form", func(w http.ResponseWriter, _ *http.Request) { html(w); io.WriteString(w, "<p>hello") }, "/pay", "<p>hello", ""},
		{"error page with a form", func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.WriteHeader(422)
			io.WriteString(w, form)
		}, "/pay", "", ""},
		{"in pieces", func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			for i := range len(form) {
				io.WriteString(w, form[i:i+1])
				w.(http.Flusher).Flush()
			}
		}, "/pay", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t, nil)
			b.app = test.app
			name, _, page := b.field(b.do("GET", test.path, nil))
			if test.want == "" && name == "" || test.want != "" && page != test.want {
				t.Errorf("page = %s, want %s", page, test.want)
			}
			if test.want != "" && b.cookie != "" {
				t.Errorf("cookie %q, want none without a token", b.cookie)
			}
			switch {
			case test.told == "" && len(b.events) == 0:
			case len(b.events) != 1 || b.events[0].Rule != formtoken.RulePage || test.told == "" || !strings.Contains(b.events[0].Detail, test.told):
				t.Errorf("events = %v, want one that says %q", b.events, test.told)
			}
		})
	}
	b := newBed(t, nil)
	b.app = func(w http.ResponseWriter, _ *http.Request) {
		html(w)
		io.WriteString(w, form+strings.Repeat("x", formtoken.MaxPage))
	}
	if name, _, page := b.field(b.do("GET", "/pay", nil)); name != "" || len(page) != len(form)+formtoken.MaxPage || len(b.events) != 1 {
		t.Errorf("a long page: field %q, %d bytes, events %v; want it whole, as it was, and told", name, len(page), b.events)
	}
}

func html(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html") }

func TestModes(t *testing.T) {
	b := newBed(t, func(o *formtoken.Options) { o.Mode = guard.Observe })
	if name, _, _ := b.field(b.do("GET", "/pay", nil)); name == "" {
		t.Error("observe: no field, want pages to be ready for enforce")
	}
	if res := b.do("POST", "/pay", url.Values{}); res.StatusCode != 200 || len(b.events) != 1 || b.events[0].Action != guard.WouldDeny {
		t.Errorf("observe: %d, %v, want it to pass and be told", res.StatusCode, b.events)
	}
	b = newBed(t, func(o *formtoken.Options) { o.Mode = guard.Off })
	if name, _, _ := b.field(b.do("GET", "/search", nil)); name != "" {
		t.Error("off: a field")
	}
	_, err := formtoken.New(formtoken.Options{Paths: []string{"x", "/a?b", "/ok", "/a//b"}, Key: []byte("short")})
	if got := len(guard.OptionErrors(err)); got != 4 {
		t.Errorf("New = %v: %d problems, want 4", err, got)
	}
}

// TestBesideOtherLooks: guards further in have looked at the body before.
func TestBesideOtherLooks(t *testing.T) {
	b := newBed(t, nil)
	inner := b.app
	looked := ""
	b.app = func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Conceal, func(a *hook.Answer) {
			a.Peek(5, func(_ *hook.Answer, body []byte, _ bool) { looked = string(body) })
		})
		inner(w, r)
	}
	if name, _, page := b.field(b.do("GET", "/account/edit", nil)); name == "" || looked != "<form" {
		t.Errorf("page = %s, looked at %q; want both to have seen it", page, looked)
	}
}
