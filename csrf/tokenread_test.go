package csrf_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
)

// formPost is a POST of the site itself with a body.
func formPost(who, contentType, text string) *http.Request {
	r := httptest.NewRequest("POST", "https://shop.example/buy", strings.NewReader(text))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Test-Session", who)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

const urlencoded = "application/x-www-form-urlencoded"

// parts is a multipart body of fields and, last, a file of so many bytes.
func parts(t testing.TB, file int, fields ...string) (contentType, text string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if file > 0 {
		part, err := w.CreateFormFile("photo", "a.png")
		if err != nil {
			t.Fatal(err)
		}
		part.Write(bytes.Repeat([]byte("x"), file))
	}
	w.Close()
	return w.FormDataContentType(), b.String()
}

func TestWhereATokenIsLookedFor(t *testing.T) {
	g := tokenGuard(t, nil)
	good, bad := tokenFor(t, g, "ann"), tokenFor(t, g, "bob")
	mtype, mbody := parts(t, 0, "item", "1", "_csrf", good)
	upload, uploaded := parts(t, 200<<10, "_csrf", good)
	_, twice := parts(t, 0, "_csrf", good, "_csrf", good)
	twiceType, _, _ := strings.Cut(twice[2:], "\r\n")
	twiceType = "multipart/form-data; boundary=" + twiceType
	many := strings.Repeat("a=1&", 2000)
	long := "x=" + strings.Repeat("y", 65<<10)
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Csrf-Token"] = values }
	}
	for _, tc := range []struct {
		name, contentType, text string
		change                  func(*http.Request)
		want                    string
	}{
		{"field", urlencoded, "item=1&_csrf=" + good, nil, ""},
		{"field, other type's spelling", "Application/X-WWW-Form-URLEncoded ; charset=utf-8", "_csrf=" + good, nil, ""},
		{"field, escaped", urlencoded, "%5fcsrf=%" + fmt.Sprintf("%x", good[0]) + good[1:], nil, ""},
		{"multipart", mtype, mbody, nil, ""},
		{"multipart before a large file", upload, uploaded, nil, ""},
		{"header before field", urlencoded, "_csrf=" + bad, header(good), ""},
		{"bad header before good field", urlencoded, "_csrf=" + good, header(bad), csrf.RuleTokenInvalid},
		{"empty header, good field", urlencoded, "_csrf=" + good, header(""), ""},
		{"header twice", urlencoded, "", header(good, good), csrf.RuleTokenInvalid},
		{"field twice", urlencoded, "_csrf=" + good + "&_csrf=" + good, nil, csrf.RuleTokenInvalid},
		{"parts twice", twiceType, twice, nil, csrf.RuleTokenInvalid},
		{"bad field", urlencoded, "_csrf=" + bad, nil, csrf.RuleTokenInvalid},
		{"empty field", urlencoded, "_csrf=", nil, csrf.RuleTokenMissing},
		{"no field", urlencoded, "item=1", nil, csrf.RuleTokenMissing},
		{"another name", urlencoded, "_CSRF=" + good + "&csrf=" + good, nil, csrf.RuleTokenMissing},
		{"no body", urlencoded, "", nil, csrf.RuleTokenMissing},
		{"no type", "", "_csrf=" + good, nil, csrf.RuleTokenMissing},
		{"text", "text/plain", "_csrf=" + good, nil, csrf.RuleTokenMissing},
		{"JSON", "application/json", `{"_csrf":"` + good + `"}`, nil, csrf.RuleTokenMissing},
		{"behind MaxBody", urlencoded, long + "&_csrf=" + good, nil, csrf.RuleTokenMissing},
		{"within MaxBody of a longer one", urlencoded, "_csrf=" + good + "&" + long, nil, ""},
		{"before too many fields", urlencoded, "_csrf=" + good + "&" + many, nil, ""},
		{"after too many fields", urlencoded, many + "_csrf=" + good, nil, csrf.RuleTokenMissing},
		{"not the multipart it says", "multipart/form-data; boundary=x", "_csrf=" + good, nil, csrf.RuleTokenMissing},
		{"multipart without boundary", "multipart/form-data", mbody, nil, csrf.RuleTokenMissing},
		{"multipart that breaks off", mtype, mbody[:len(mbody)-10], nil, csrf.RuleTokenMissing},
		{"multipart that breaks off behind it", upload, uploaded[:1000], nil, csrf.RuleTokenMissing},
		{"two types", urlencoded, "_csrf=" + good, func(r *http.Request) {
			r.Header["Content-Type"] = []string{urlencoded, "text/plain"}
		}, csrf.RuleTokenMissing},
		{"encoded", urlencoded, "_csrf=" + good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, csrf.RuleTokenMissing},
		{"the client goes away", urlencoded, "", func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("_csrf="+good), iotest.ErrReader(io.ErrUnexpectedEOF)))
			r.ContentLength = 1000
		}, csrf.RuleTokenMissing},
		{"query", urlencoded, "", func(r *http.Request) { r.URL.RawQuery = "_csrf=" + good }, csrf.RuleTokenMissing},
		{"cookie", urlencoded, "", func(r *http.Request) { r.Header.Set("Cookie", "_csrf="+good+"; X-Csrf-Token="+good) }, csrf.RuleTokenMissing},
		{"csurf's other headers", urlencoded, "", func(r *http.Request) { r.Header.Set("X-Xsrf-Token", good) }, csrf.RuleTokenMissing},
		{"the form was parsed before", urlencoded, "_csrf=" + good, func(r *http.Request) { r.ParseForm() }, ""},
		{"the form was parsed before, query", urlencoded, "", func(r *http.Request) {
			r.URL.RawQuery = "_csrf=" + good
			r.ParseForm()
		}, csrf.RuleTokenMissing},
		{"parts were parsed before", mtype, mbody, func(r *http.Request) { r.ParseMultipartForm(1 << 20) }, ""},
		{"parsed before, but not the parts", mtype, mbody, func(r *http.Request) { r.ParseForm() }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := formPost("ann", tc.contentType, tc.text)
			if tc.change != nil {
				tc.change(r)
			}
			if got := ruleOf(t, g, r); got != tc.want {
				t.Errorf("rule = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOtherNames(t *testing.T) {
	g := tokenGuard(t, func(o *csrf.Options) { o.TokenHeader, o.TokenField, o.MaxBody = "x-shop-proof", "proof", 80 })
	good := tokenFor(t, g, "ann")
	r := sent("ann", "")
	r.Header.Set("X-Shop-Proof", good)
	for name, tc := range map[string]struct {
		r    *http.Request
		want string
	}{
		"header":         {r, ""},
		"default header": {sent("ann", good), csrf.RuleTokenMissing},
		"field":          {formPost("ann", urlencoded, "proof="+good), ""},
		"default field":  {formPost("ann", urlencoded, "_csrf="+good), csrf.RuleTokenMissing},
		"cut by MaxBody": {formPost("ann", urlencoded, "0123456789=1&proof="+good), csrf.RuleTokenInvalid},
	} {
		if got := ruleOf(t, g, tc.r); got != tc.want {
			t.Errorf("%s: rule = %q, want %q", name, got, tc.want)
		}
	}
}

func TestTheAppReadsTheBodyAfterwards(t *testing.T) {
	g := tokenGuard(t, nil)
	good := tokenFor(t, g, "ann")
	var got string
	server := httptest.NewServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = string(text)
	})))
	defer server.Close()
	upload, uploaded := parts(t, 1<<20, "_csrf", good, "item", "1")
	for name, tc := range map[string]struct{ contentType, text string }{
		"short": {urlencoded, "item=1&_csrf=" + good},
		"long":  {urlencoded, "_csrf=" + good + "&x=" + strings.Repeat("y", 1<<20)},
		"parts": {upload, uploaded},
	} {
		for _, sized := range []bool{true, false} {
			var reader io.Reader = strings.NewReader(tc.text)
			if !sized {
				reader = io.LimitReader(reader, 2<<20)
			}
			r, err := http.NewRequest("POST", server.URL, reader)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tc.contentType)
			r.Header.Set("Test-Session", "ann")
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != 200 || got != tc.text {
				t.Errorf("%s, length known %v: %d, the app read %d bytes, want 200 and %d", name, sized, answer.StatusCode, len(got), len(tc.text))
			}
		}
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestABodyIsReadOnlyForItsToken(t *testing.T) {
	g := tokenGuard(t, nil)
	good := tokenFor(t, g, "ann")
	for name, change := range map[string]func(*http.Request){
		"token in the header": func(r *http.Request) { r.Header.Set("X-Csrf-Token", good) },
		"no form":             func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") },
		"foreign anyway":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"safe":                func(r *http.Request) { r.Method = "GET" },
	} {
		t.Run(name, func(t *testing.T) {
			r := formPost("ann", urlencoded, "")
			r.Body, r.ContentLength = io.NopCloser(unread{t}), 100
			change(r)
			g.Check(r)
		})
	}
}

func TestHandlerWithTokens(t *testing.T) {
	var told []string
	g := tokenGuard(t, func(o *csrf.Options) {
		o.Routes = []csrf.Route{{Pattern: "POST /hook", Exempt: "webhook, signed"}}
		o.Sink = func(_ context.Context, e guard.Event) { told = append(told, e.Rule+" "+e.Action.String()) }
	})
	good, bad := tokenFor(t, g, "ann"), tokenFor(t, g, "bob")
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") }))
	for _, tc := range []struct {
		name, method, path, token string
		change                    func(http.Header)
		status                    int
		told                      string
	}{
		{"GET", "GET", "/buy", "", nil, 200, ""},
		{"HEAD", "HEAD", "/buy", "", nil, 200, ""},
		{"OPTIONS", "OPTIONS", "/buy", "", nil, 200, ""},
		{"POST with its token", "POST", "/buy", good, nil, 200, ""},
		{"POST without", "POST", "/buy", "", nil, 403, "token-missing denied"},
		{"DELETE without", "DELETE", "/buy", "", nil, 403, "token-missing denied"},
		{"TRACE without", "TRACE", "/buy", "", nil, 403, "token-missing denied"},
		{"another's", "POST", "/buy", bad, nil, 403, "token-invalid denied"},
		{"a token does not excuse another site", "POST", "/buy", good, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") }, 403, "cross-site denied"},
		{"exempt", "POST", "/hook", "", func(h http.Header) { h.Del("Sec-Fetch-Site") }, 200, ""},
		{"the store is away", "POST", "/buy", good, func(h http.Header) { h.Set("Test-Session", "down") }, 503, "binding-failed failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told = nil
			r := httptest.NewRequest(tc.method, "https://shop.example"+tc.path, nil)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Test-Session", "ann")
			if tc.token != "" {
				r.Header.Set("X-Csrf-Token", tc.token)
			}
			if tc.change != nil {
				tc.change(r.Header)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := strings.Join(told, ", "); w.Code != tc.status || got != tc.told {
				t.Errorf("answer = %d, told %q, want %d, %q", w.Code, got, tc.status, tc.told)
			}
		})
	}
}

// A page cannot set a header of a WebSocket's request, nor give it a body.
func TestAnUpgradeNeedsNoToken(t *testing.T) {
	g := tokenGuard(t, nil)
	for origin, want := range map[string]string{"https://shop.example": "", "https://evil.example": csrf.RuleWebSocket, "": ""} {
		r := asked("ann")
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Cookie", "id=ann")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := ruleOf(t, g, r); got != want {
			t.Errorf("rule of an upgrade from %q = %q, want %q", origin, got, want)
		}
	}
}

// An old browser sends a form with its cookie and says nothing of where it comes from.
func TestTokenSpeaksForAnUnknownSource(t *testing.T) {
	g := tokenGuard(t, func(o *csrf.Options) { o.RequireToken = false })
	good, bad := tokenFor(t, g, "ann"), tokenFor(t, g, "bob")
	for name, tc := range map[string]struct {
		token, origin, want string
	}{
		"good":                     {good, "", ""},
		"another's":                {bad, "", csrf.RuleTokenInvalid},
		"none":                     {"", "", csrf.RuleTokenMissing},
		"none, own origin":         {"", "https://shop.example", ""},
		"good, from another site":  {good, "https://evil.example", csrf.RuleForeignOrigin},
		"good, and origin is null": {good, "null", csrf.RuleNullOrigin},
	} {
		r := formPost("ann", urlencoded, url.Values{"_csrf": {tc.token}}.Encode())
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Cookie", "id=ann")
		if tc.origin != "" {
			r.Header.Set("Origin", tc.origin)
		}
		if got := ruleOf(t, g, r); got != tc.want {
			t.Errorf("%s: rule = %q, want %q", name, got, tc.want)
		}
	}
}

func TestEarlyHintsAreNotTheAnswer(t *testing.T) {
	g := tokenGuard(t, nil)
	server := httptest.NewServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := g.Token(r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "page")
	})))
	defer server.Close()
	hints := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints++
		if h.Get("Vary") != "" || h.Get("Cache-Control") != "" {
			t.Errorf("the 103 has Vary %q, Cache-Control %q, want none", h.Get("Vary"), h.Get("Cache-Control"))
		}
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Get("Cache-Control"); hints != 1 || got != "private" {
		t.Errorf("%d early hints, then Cache-Control %q, want 1, private", hints, got)
	}
}

type anyKey struct{}

func TestAnswersWithATokenStayWithTheirReader(t *testing.T) {
	g := tokenGuard(t, nil)
	for _, tc := range []struct {
		name, control, vary, wantControl, wantVary string
		token                                      bool
	}{
		{"no token", "", "", "", "", false},
		{"no token, public", "public", "", "public", "", false},
		{"token", "", "", "private", "Cookie", true},
		{"token, Vary there", "", "Accept-Encoding", "private", "Accept-Encoding, Cookie", true},
		{"token, Vary by cookie there", "", "accept-encoding, cookie", "private", "accept-encoding, cookie", true},
		{"token, app says private", "private, max-age=60", "", "private, max-age=60", "Cookie", true},
		{"token, app says no-store", "no-store", "", "no-store", "Cookie", true},
		{"token, app says public", "public, max-age=60", "*", "no-store", "*", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.token {
					// A context made on the way is no hindrance.
					if _, err := g.Field(r.WithContext(context.WithValue(r.Context(), anyKey{}, 1))); err != nil {
						t.Error(err)
					}
				}
				if tc.control != "" {
					w.Header().Set("Cache-Control", tc.control)
				}
				if tc.vary != "" {
					w.Header().Set("Vary", tc.vary)
				}
				io.WriteString(w, "page")
			}))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, asked("ann"))
			control, vary := strings.Join(w.Header()["Cache-Control"], ", "), strings.Join(w.Header()["Vary"], ", ")
			if control != tc.wantControl || vary != tc.wantVary {
				t.Errorf("Cache-Control %q, Vary %q, want %q, %q", control, vary, tc.wantControl, tc.wantVary)
			}
		})
	}
}
