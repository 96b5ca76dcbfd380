package conceal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/conceal"
)

const trace = `Error: boom\n    at a (/srv/a.js:1:2)\n    at b (/srv/b.js:3:4)`

func TestOnlyTheStackMemberIsTaken(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"last member", `{"message":"x","stack":"` + trace + `"}`, `{"message":"x"}`},
		{"first member", `{"stack":"` + trace + `","message":"x"}`, `{"message":"x"}`},
		{"between, blanks kept", "{\n  \"b\": 1,\n  \"stack\": \"" + trace + "\",\n  \"a\": 2\n}\n", "{\n  \"b\": 1,\n  \"a\": 2\n}\n"},
		{"last, blanks kept", "{\n  \"b\": 1.0e1,\n  \"stack\": \"" + trace + "\"\n}", "{\n  \"b\": 1.0e1\n}"},
		{"alone", `{"stack":"` + trace + `"}`, `{}`},
		{"one frame is enough by that name", `{"stack":"at a (/srv/a.js:1:2)","x":"\u00e9\/"}`, `{"x":"\u00e9\/"}`},
		{"every spelling", `{"stackTrace":"` + trace + `","stack_trace":"` + trace + `","Stack-Trace":"` + trace + `","errorStackTrace":"` + trace + `","n":null}`, `{"n":null}`},
		{"lines in an array", `{"ok":false,"stacktrace":["Error: x","    at a (/srv/a.js:1:2)"]}`, `{"ok":false}`},
		{"Laravel", `{"message":"boom","exception":"RuntimeException","trace":[{"file":"/var/www/a.php","line":3,"function":"f"}]}`, `{"message":"boom","exception":"RuntimeException"}`},
		{"Jackson", `{"message":"boom","stackTrace":[{"methodName":"f","fileName":null,"lineNumber":-1,"className":"shop.A"}],"cause":{"stackTrace":[{"className":"shop.B","methodName":"g","lineNumber":4}],"message":"why"}}`, `{"message":"boom","cause":{"message":"why"}}`},
		{"Spring", `{"timestamp":"t","status":500,"error":"Internal Server Error","trace":"java.lang.RuntimeException: boom\r\n\tat shop.A.f(A.java:3)\r\n","path":"/x"}`, `{"timestamp":"t","status":500,"error":"Internal Server Error","path":"/x"}`},
		{"ASP.NET", `{"title":"x","status":500,"exception":{"details":"System.Exception: boom\r\n   at Shop.A.F() in C:\\src\\A.cs:line 3","headers":{"Accept":["*/*"]}},"traceId":"00-a"}`, `{"title":"x","status":500,"traceId":"00-a"}`},
		{"Rails", `{"status":500,"traces":{"Application Trace":[{"id":0,"trace":"app/a.rb:5:in 'f'"}]}}`, `{"status":500}`},
		{"Apollo", `{"errors":[{"message":"x","extensions":{"code":"E","exception":{"stacktrace":["Error: x","    at a (/srv/a.js:1:2)"]}}}]}`, `{"errors":[{"message":"x","extensions":{"code":"E"}}]}`},
		{"another name", `{"error":"` + trace + `","id":7}`, `{"error":"Internal Server Error","id":7}`},
		{"Python by another name", `{"detail":"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n"}`, `{"detail":"Internal Server Error"}`},
		{"lines by another name", `{"info":["at a (/srv/a.js:1:2)","at b (/srv/b.js:1:2)"],"x":1}`, `{"info":[],"x":1}`},
		{"a string alone", `"` + trace + `"`, `"Internal Server Error"`},
		{"an array of errors", `[{"stack":"` + trace + `"},{"a":1}]`, `[{},{"a":1}]`},
		{"equal names", `{"a":1,"stack":"` + trace + `","a":2,"stack":"none"}`, `{"a":1,"a":2,"stack":"none"}`},
	}
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	for _, test := range tests {
		for _, contentType := range []string{"application/json; charset=utf-8", "application/problem+json", "text/html", ""} {
			t.Run(test.name+" as "+contentType, func(t *testing.T) {
				app := reply{500, header("Content-Type", contentType, "Etag", `W/"31c-K8"`, "X-Request-Id", "7"), test.body}
				if contentType == "" {
					app.header.Del("Content-Type")
				}
				w := exchange(g, app, header("Sec-Fetch-Dest", "empty"))
				if got := w.Body.String(); got != test.want {
					t.Errorf("body = %s, want %s", got, test.want)
				}
				if w.Header().Get("Etag") != "" || w.Header().Get("X-Request-Id") != "7" || w.Code != 500 {
					t.Errorf("answer = %d %v, want 500 without ETag, with the rest", w.Code, w.Header())
				}
				if got := w.Header().Get("Content-Type"); contentType != "" && got != contentType {
					t.Errorf("Content-Type = %q, want %q", got, contentType)
				}
			})
		}
	}
}

func TestJSONWithoutATracePassesByteForByte(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	for _, body := range []string{
		`{"trace":"4bf92f3577b34da6","stack":"blue/green","exception":"OrderException","debug":false}`,
		`{"stack":[{"card":"ace","line":"top"}],"frames":[{"width":3,"height":4}]}`,
		`{"message":"Cannot GET /nope","statusCode":404}`,
		`{"trace":null,"stack":{},"backtrace":[]}`,
		` [ 1 , "at noon (12:30)" ] `,
		`{"path":"/a/b.js:1:2","message":"at least 3 (three)"}`,
	} {
		app := reply{500, header("Content-Type", "application/json"), body}
		if got := exchange(g, app, nil).Body.String(); got != body {
			t.Errorf("body %s became %s", body, got)
		}
	}
}

// FuzzJSONStack holds: what was valid stays valid, no member is lost but those that
// the names give away, and mending twice is mending once.
func FuzzJSONStack(f *testing.F) {
	for _, seed := range []string{
		`{"message":"x","stack":"` + trace + `"}`, `{"trace":[{"file":"/a.php","line":1}],"b":[1,2,{"stack":"` + trace + `"}]}`,
		`["at a (/a.js:1:2)","at b (/b.js:1:2)",{"a":""}]`, `{"a":"` + trace + `","a":{"stack":"at a (/a.js:1:2)"}}`,
		`{ }`, `[[],{}]`, `"\ud800"`, `{"stack":{"stack":{"stack":"at a (/a.js:1:2)"}},"x":1e9}`, `{"a" : "b" , "c":[ ] }`, `{`, `1 2`,
	} {
		f.Add(seed)
	}
	g := mustNew(f, conceal.Options{Sink: new(events).sink})
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			t.Skip("longer than a seed can grow usefully")
		}
		mended := mend(g, text)
		if !json.Valid([]byte(text)) {
			if mended != text && !strings.Contains(mended, `"title":"Internal Server Error"`) {
				t.Fatalf("invalid %q became %q, want it as it was or a page", text, mended)
			}
			return
		}
		if !json.Valid([]byte(mended)) {
			t.Fatalf("valid %q became invalid %q", text, mended)
		}
		if again := mend(g, mended); again != mended {
			t.Fatalf("%q became %q and then %q", text, mended, again)
		}
		var before, after any
		if json.Unmarshal([]byte(text), &before) != nil {
			return
		}
		if err := json.Unmarshal([]byte(mended), &after); err != nil {
			t.Fatal(err)
		}
		if hasTwins(text) {
			return // equal names: which one counts may change with what is taken
		}
		contains(t, before, after, text)
	})
}

func mend(g *conceal.Guard, text string) string {
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.WriteHeader(500)
		w.Write([]byte(text))
	})).ServeHTTP(w, r)
	return w.Body.String()
}

// mayGo is what the name of a lost member has to hold, blanks and the like apart.
var mayGo = regexp.MustCompile(`(?i)s[-_ ]*t[-_ ]*a[-_ ]*c[-_ ]*k|t[-_ ]*r[-_ ]*a[-_ ]*c[-_ ]*e|e[-_ ]*x[-_ ]*c[-_ ]*e[-_ ]*p[-_ ]*t[-_ ]*i[-_ ]*o[-_ ]*n|d[-_ ]*e[-_ ]*b[-_ ]*u[-_ ]*g|f[-_ ]*r[-_ ]*a[-_ ]*m[-_ ]*e[-_ ]*s`)

// contains holds that after is before, less members that are named like a stack and
// strings that look like one.
func contains(t *testing.T, before, after any, text string) {
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok {
			t.Fatalf("an object of %q became %v", text, after)
		}
		for name, value := range b {
			if got, kept := a[name]; kept {
				contains(t, value, got, text)
			} else if !mayGo.MatchString(name) {
				t.Fatalf("member %q of %q is lost", name, text)
			}
		}
		if len(a) > len(b) {
			t.Fatalf("an object of %q has grown to %v", text, after)
		}
	case []any:
		a, ok := after.([]any)
		if ok && len(a) == 0 {
			return // lines of a trace
		}
		if !ok || len(a) != len(b) {
			t.Fatalf("an array of %q became %v", text, after)
		}
		for i := range b {
			contains(t, b[i], a[i], text)
		}
	case string:
		if after != b && after != "Internal Server Error" {
			t.Fatalf("string %q of %q became %v", b, text, after)
		}
	default:
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%v of %q became %v", before, text, after)
		}
	}
}

// hasTwins tells whether some object has two members of one name.
func hasTwins(text string) bool {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var walk func() bool
	walk = func() bool {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		open, ok := token.(json.Delim)
		if !ok {
			return false
		}
		twins, names := false, map[string]bool{}
		for dec.More() {
			if open == '{' {
				key, _ := dec.Token()
				name, _ := key.(string)
				twins = twins || names[name]
				names[name] = true
			}
			if walk() {
				twins = true
			}
		}
		dec.Token()
		return twins
	}
	return walk()
}
