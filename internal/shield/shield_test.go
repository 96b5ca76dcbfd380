package shield_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/shield"
)

func Example() {
	g, err := shield.New(shield.Options{
		Sink: func(_ context.Context, e guard.Event) { fmt.Println(e.Action, e.Rule, e.Detail) },
		Shields: []shield.Shield{{
			ID:     "CVE-2022-29078",
			Refuse: []shield.Condition{{In: "field", Name: "settings.view options"}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	w := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(w, httptest.NewRequest("GET", "/?settings%5Bview+options%5D[outputFunctionName]=x", nil))
	fmt.Println(w.Code)
	// Output:
	// denied CVE-2022-29078 field settings.view options is what it refuses
	// 403
}

// one is a guard of one shield with one condition.
func one(t testing.TB, c shield.Condition) *shield.Guard {
	t.Helper()
	return of(t, shield.Shield{Refuse: []shield.Condition{c}})
}

func of(t testing.TB, all ...shield.Shield) *shield.Guard {
	t.Helper()
	for i := range all {
		if all[i].ID == "" {
			all[i].ID = fmt.Sprint("hole-", i)
		}
	}
	g, err := shield.New(shield.Options{Shields: all})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// status is what a request gets: 0 where it passes.
func status(t testing.TB, g *shield.Guard, r *http.Request) int {
	t.Helper()
	for _, x := range g.Check(r) {
		if !x.Observed {
			return x.Status
		}
	}
	return 0
}

func get(target string, headers ...string) *http.Request {
	return with(httptest.NewRequest("GET", target, nil), headers)
}

func post(media, text string, headers ...string) *http.Request {
	r := httptest.NewRequest("POST", "/save", strings.NewReader(text))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return with(r, headers)
}

func with(r *http.Request, headers []string) *http.Request {
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const (
	form = "application/x-www-form-urlencoded"
	json = "application/json"
	mime = "multipart/form-data; boundary=B"
)

func parts(all ...string) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString("--B\r\n" + p + "\r\n")
	}
	return b.String() + "--B--\r\n"
}

func named(name, value string) string {
	return "Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value
}

func TestConditions(t *testing.T) {
	long := strings.Repeat("a", 600)
	file := func(name string) string {
		return "Content-Disposition: form-data; name=\"f\"; filename=\"" + name + "\"\r\n\r\nx"
	}
	for _, tt := range []struct {
		name string
		c    shield.Condition
		r    *http.Request
		want int
	}{
		{"path", shield.Condition{In: "path", Matches: `\.git(/|$)`}, get("/.git/config"), 403},
		{"path escaped", shield.Condition{In: "path", Matches: `^/admin`}, get("/%61dmin"), 403},
		{"path escaped twice", shield.Condition{In: "path", Matches: `^/admin`}, get("/%2561dmin"), 403},
		{"path with parameters", shield.Condition{In: "path", Matches: `^/admin$`}, get("/admin;x=1"), 403},
		{"path too odd to read", shield.Condition{In: "path", Matches: `^/admin$`}, get("/%2f" + strings.Repeat("%2561", 300)), 403},
		{"another path", shield.Condition{In: "path", Matches: `^/admin`}, get("/shop?x=/admin"), 0},
		{"path length", shield.Condition{In: "path", Longer: 500}, get("/" + long), 403},
		{"short path", shield.Condition{In: "path", Longer: 500}, get("/a/" + long[:400]), 0},
		{"segment length", shield.Condition{In: "segment", Longer: 500}, get("/a/" + long + "/b"), 403},
		{"short segments", shield.Condition{In: "segment", Longer: 500}, get("/" + long[:400] + "/" + long[:400]), 0},
		{"segments", shield.Condition{In: "segment", More: 3}, get("/a/b/c/d"), 403},
		{"unlike", shield.Condition{In: "query", Name: "id", Unlike: `^[0-9]+$`}, get("/?id=1&id=1%20or%201"), 403},
		{"like", shield.Condition{In: "query", Name: "id", Unlike: `^[0-9]+$`}, get("/?id=12"), 0},
		{"absent is not unlike", shield.Condition{In: "query", Name: "id", Unlike: `^[0-9]+$`}, get("/?di=x"), 0},
		{"value escaped twice", shield.Condition{In: "query", Name: "next", Matches: `\\`}, get("/?next=%255C"), 403},
		{"any value", shield.Condition{In: "field", Matches: `\$where`}, post(json, `{"a":["$where"]}`), 403},
		{"value length", shield.Condition{In: "form", Name: "date", Longer: 100}, post(form, "date="+long), 403},
		{"number of fields", shield.Condition{In: "query", More: 2}, get("/?a&b&c"), 403},
		{"few fields", shield.Condition{In: "query", More: 3}, get("/?a&b&c&"), 0},
		{"number of equal names", shield.Condition{In: "form", Name: "a", More: 1}, post(form, "a=1&b=2&a=3"), 403},
		{"number of items", shield.Condition{In: "json", Name: "a", More: 2}, post(json, `{"a":[1,2,3]}`), 403},
		{"depth", shield.Condition{In: "field", Deeper: 3}, get("/?a[b][c][d]=1"), 403},
		{"no depth", shield.Condition{In: "field", Deeper: 3}, get("/?a[b][c]=1&d=1"), 0},
		{"depth of JSON", shield.Condition{In: "field", Deeper: 3}, post(json, `[[[[]]]]`), 403},
		{"depth of JSON members", shield.Condition{In: "json", Deeper: 3}, post(json, `{"a":{"b":{"c":{"d":1}}}}`), 403},
		{"no depth of JSON", shield.Condition{In: "field", Deeper: 3}, post(json, `[[[1]],{"a":[2]}]`), 0},
		{"header there", shield.Condition{In: "header", Name: "x-middleware-subrequest"}, get("/", "X-Middleware-Subrequest", ""), 403},
		{"header absent", shield.Condition{In: "header", Name: "x-middleware-subrequest"}, get("/"), 0},
		{"header length", shield.Condition{In: "header", Name: "User-Agent", Longer: 500}, get("/", "User-Agent", "ok", "User-Agent", long), 403},
		{"header value", shield.Condition{In: "header", Name: "accept-version", Matches: "^__proto__$"}, get("/", "Accept-Version", "__proto__"), 403},
		{"header count", shield.Condition{In: "header", More: 3}, get("/", "A", "1", "B", "2", "A", "3", "A", "4"), 403},
		{"few headers", shield.Condition{In: "header", More: 4}, get("/", "A", "1", "B", "2", "A", "3", "A", "4"), 0},
		{"any header", shield.Condition{In: "header", Longer: 500}, get("/", "X", long), 403},
		{"host", shield.Condition{In: "header", Name: "host", Longer: 5}, get("/"), 403},
		{"cookie", shield.Condition{In: "cookie", Name: "profile", Matches: `_\$\$ND_FUNC`}, get("/", "Cookie", "a=1; profile=%5F$$ND_FUNC"), 403},
		{"cookie quoted", shield.Condition{In: "cookie", Name: "a", Unlike: "^x$"}, get("/", "Cookie", `a="x"`), 0},
		{"cookie in a second line", shield.Condition{In: "cookie", Name: "b*"}, get("/", "Cookie", "a=1", "Cookie", "bc=2"), 403},
		{"another cookie", shield.Condition{In: "cookie", Name: "b"}, get("/", "Cookie", "a=b; c=b"), 0},
		{"long cookies", shield.Condition{In: "cookie", Longer: 500}, get("/", "Cookie", "a="+long), 403},
		{"body length", shield.Condition{In: "body", Longer: 10}, post("x/y", "12345678901"), 413},
		{"body that fits", shield.Condition{In: "body", Longer: 10}, post("x/y", "1234567890"), 0},
		{"body text", shield.Condition{In: "body", Matches: "<!ENTITY"}, post("application/xml", `<!DOCTYPE a [<!ENTITY x "y">]>`), 403},
		{"file name", shield.Condition{In: "file", Matches: `\.\.[\\/]`}, post(mime, parts(file("..%2f..%2fx"))), 403},
		{"file name with an escape", shield.Condition{In: "file", Matches: `^a\.js$`}, post(mime, parts(file(`a\.js`))), 403},
		{"file name in its other form", shield.Condition{In: "file", Matches: `\.php$`}, post(mime, parts("Content-Disposition: form-data; name=f; filename=a.txt; filename*=utf-8''a%2Ephp\r\n\r\nx")), 403},
		{"files", shield.Condition{In: "file", More: 1}, post(mime, parts(file("a"), named("x", "1"), file("b"))), 403},
		{"one file", shield.Condition{In: "file", More: 1}, post(mime, parts(file("a"), named("x", "1"))), 0},
		{"number of parts", shield.Condition{In: "part", More: 2}, post(mime, parts(named("a", ""), named("b", ""), named("c", ""))), 403},
		{"head of a part", shield.Condition{In: "part", Matches: "(?i)image/svg"}, post(mime, parts("Content-Disposition: form-data; name=f; filename=a\r\nContent-Type: image/svg+xml\r\n\r\nx")), 403},
		{"a malformed part", shield.Condition{In: "part", Malformed: true}, post(mime, "--B\r\n "+named("a", "1")+"\r\n--B--"), 403},
		{"well-formed parts", shield.Condition{In: "part", Malformed: true}, post(mime, parts(named("a", "1"))), 0},
		{"parts of another place", shield.Condition{In: "json", Name: "a"}, post(mime, parts(named("a", "1"))), 0},
		{"malformed JSON", shield.Condition{In: "json", Malformed: true}, post(json, `{a:1}`), 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := status(t, one(t, tt.c), tt.r); got != tt.want {
				t.Errorf("status = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestNarrowed(t *testing.T) {
	names := []shield.Condition{{In: "field", Name: "__proto__"}}
	g := of(t,
		shield.Shield{ID: "told", Mode: guard.Observe, Refuse: names},
		shield.Shield{ID: "route", Routes: []string{"POST /save", "/api/"}, Refuse: names},
		shield.Shield{ID: "socket", Only: []shield.Condition{{In: "header", Name: "Upgrade", Matches: "(?i)websocket"}, {In: "path", Matches: "^/ws"}}, Refuse: []shield.Condition{{In: "header", More: 5}}},
		shield.Shield{ID: "away", Mode: guard.Off, Refuse: []shield.Condition{{In: "path", Matches: "^/"}}},
	)
	many := []string{"A", "1", "A", "1", "A", "1", "A", "1", "A", "1"}
	for _, tt := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"on the route", post(form, "__proto__=1"), "told? route"},
		{"on the route, spelled otherwise", with(httptest.NewRequest("GET", "/x/..%2fAPI/y?__proto__", nil), nil), "told? route"},
		{"elsewhere", get("/?__proto__"), "told?"},
		{"a handshake", get("/ws", append(many, "Upgrade", "WebSocket")...), "socket"},
		{"a handshake elsewhere", get("/other", append(many, "Upgrade", "websocket")...), ""},
		{"no handshake", get("/ws", many...), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, x := range g.Check(tt.r) {
				if got = append(got, x.ID); x.Observed {
					got[len(got)-1] += "?"
				}
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("Check = %q, want %q", text, tt.want)
			}
		})
	}
}

// TestLook: what was looked at is still there, and what cannot be seen whole is refused.
func TestLook(t *testing.T) {
	small := of(t, shield.Shield{Look: 1024, Refuse: []shield.Condition{{In: "field", Name: "__proto__"}}})
	fits, long := `{"a":"`+strings.Repeat("x", 1000)+`"}`, `{"a":"`+strings.Repeat("x", 2000)+`"}`
	r := post(json, fits)
	if got := status(t, small, r); got != 0 {
		t.Errorf("a body that fits: %d", got)
	}
	if all, err := io.ReadAll(r.Body); string(all) != fits || err != nil {
		t.Errorf("the app reads %d bytes, %v, want %d", len(all), err, len(fits))
	}
	for name, tt := range map[string]struct {
		r    *http.Request
		want int
	}{
		"JSON":                       {post(json, long), 413},
		"a form":                     {post(form, "a="+long), 413},
		"text that is JSON":          {post("text/plain", long), 413},
		"text":                       {post("text/plain", strings.Repeat("x", 2000)), 0},
		"text with the name":         {post("text/plain", "a&__proto__=1&"+strings.Repeat("x", 2000)), 403},
		"bytes that begin like JSON": {post("image/x", "[\x00\x01"+long), 0},
		"another type":               {post("video/mp4", "\x00"+long), 0},
		"a body that breaks":         {httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), broken{})), 400},
	} {
		if got := status(t, small, tt.r); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	chunked := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(long)))
	chunked.ContentLength = -1
	if got := status(t, one(t, shield.Condition{In: "body", Longer: 1500}), chunked); got != 413 {
		t.Errorf("a chunked body: %d, want 413", got)
	}
	talk, err := shield.New(shield.Options{
		Converses: func(*http.Request) bool { return true },
		Shields:   []shield.Shield{{ID: "a", Refuse: []shield.Condition{{In: "json", Name: "b"}}}},
	})
	if err != nil || status(t, talk, post(json, `{"b":1}`)) != 0 {
		t.Errorf("a conversation was waited for: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHandler(t *testing.T) {
	var told []guard.Event
	var denied guard.Denial
	o := shield.Options{
		Sink: func(_ context.Context, e guard.Event) { told = append(told, e) },
		Deny: func(w http.ResponseWriter, _ *http.Request, d guard.Denial) { denied = d; w.WriteHeader(d.Status) },
		Shields: []shield.Shield{
			{ID: "a", Mode: guard.Observe, Refuse: []shield.Condition{{In: "query", Name: "x"}}},
			{ID: "CVE-1", Refuse: []shield.Condition{{In: "query", Name: "x"}}},
			{ID: "b", Refuse: []shield.Condition{{In: "query", Name: "x"}}},
		},
	}
	reached := 0
	app := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ })
	for _, mode := range []guard.Mode{guard.Enforce, guard.Observe, guard.Off} {
		o.Mode, told, denied = mode, nil, guard.Denial{}
		g, err := shield.New(o)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		g.Handler(app).ServeHTTP(w, get("/?x=secret"))
		for _, e := range told {
			if strings.Contains(fmt.Sprint(e), "secret") {
				t.Errorf("%v shows what a client sent", e)
			}
		}
		switch {
		case mode == guard.Enforce && (w.Code != 403 || reached != 0 || len(told) != 2 || told[0].Action != guard.WouldDeny || told[1].Action != guard.Denied || denied.Rule != "CVE-1" || denied.Practice != "dependencies"):
			t.Errorf("enforce: %d, %v, %v", w.Code, told, denied)
		case mode == guard.Observe && (reached != 1 || len(told) != 3 || told[2].Action != guard.WouldDeny):
			t.Errorf("observe: %d, %v", reached, told)
		case mode == guard.Off && (reached != 2 || len(told) != 0):
			t.Errorf("off: %d, %v", reached, told)
		}
	}
}

func TestProblems(t *testing.T) {
	many := make([]shield.Shield, 65)
	for i := range many {
		many[i] = shield.Shield{ID: fmt.Sprint("x", i), Refuse: []shield.Condition{{In: "query", Name: "a"}}}
	}
	if _, err := shield.New(shield.Options{Shields: many}); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Errorf("65 shields: %v", err)
	}
	_, err := shield.New(shield.Options{Shields: []shield.Shield{
		{ID: "an id", Routes: []string{"save"}, Look: 5, Mode: 9},
		{ID: "a", Only: []shield.Condition{{In: "json", Name: "a"}}, Refuse: []shield.Condition{
			{In: "quary", Name: "a"}, {In: "query"}, {In: "path", Name: "a", Matches: "x"}, {In: "path", More: 1}, {In: "header", Deeper: 1},
			{In: "query", Matches: "("}, {In: "query", Matches: strings.Repeat("x", 1001)}, {In: "query", Longer: -1}, {In: "path", Malformed: true}, {In: "query", Name: "[]"},
		}},
		{ID: "a", Refuse: []shield.Condition{{In: "query", Name: "a"}}},
	}})
	var got []string
	for _, e := range guard.OptionErrors(err) {
		got = append(got, e.Field)
	}
	want := "Shields[0].ID Shields[0].Look Shields[0].Mode Shields[0].Routes[0] Shields[0].Refuse Shields[1].Only[0].In Shields[1].Refuse[0].In Shields[1].Refuse[1] " +
		"Shields[1].Refuse[2].Name Shields[1].Refuse[3].More Shields[1].Refuse[4].Deeper Shields[1].Refuse[5].Matches Shields[1].Refuse[6].Matches " +
		"Shields[1].Refuse[7].Longer Shields[1].Refuse[8].Malformed Shields[1].Refuse[9].Name Shields[2].ID"
	if text := strings.Join(got, " "); text != want {
		t.Errorf("problems of\n%s\nwant\n%s", text, want)
	}
}
