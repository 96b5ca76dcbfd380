package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/hook"
)

func TestPeek(t *testing.T) {
	const max = 8
	tests := map[string]struct {
		writes  []string
		flush   bool
		replace bool
		seen    string
		whole   bool
		body    string
	}{
		"no body":                   {nil, false, false, "", true, ""},
		"short, passed":             {[]string{"abc"}, false, false, "abc", true, "abc"},
		"short, replaced":           {[]string{"abc"}, false, true, "abc", true, "own"},
		"in pieces":                 {[]string{"ab", "cd", "ef"}, true, false, "abcdef", true, "abcdef"},
		"exactly full":              {[]string{"12345678"}, false, false, "12345678", true, "12345678"},
		"longer, passed":            {[]string{"12345", "67890", "ab"}, true, false, "12345678", false, "1234567890ab"},
		"longer, replaced":          {[]string{"12345", "67890", "ab"}, true, true, "12345678", false, "own"},
		"full, then more, replaced": {[]string{"12345678", "9"}, false, true, "12345678", false, "own"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			var after bool
			h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Etag", `"1"`)
				w.WriteHeader(500)
				for _, s := range test.writes {
					if n, err := io.WriteString(w, s); n != len(s) || err != nil {
						t.Errorf("Write(%q) = %d, %v, want %d, nil", s, n, err, len(s))
					}
					if test.flush {
						w.(http.Flusher).Flush()
					}
				}
			}), func(x *hook.Exchange) {
				x.On(hook.Headers, func(*hook.Answer) { after = calls == 1 })
				x.On(hook.Conceal, func(a *hook.Answer) {
					ok := a.Peek(max, func(a *hook.Answer, body []byte, whole bool) {
						calls++
						if string(body) != test.seen || whole != test.whole {
							t.Errorf("peeked %q, %v, want %q, %v", body, whole, test.seen, test.whole)
						}
						if test.replace {
							a.Replace(503, []byte("own"))
						}
					})
					if !ok {
						t.Error("Peek = false, want true")
					}
				})
			})
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			if calls != 1 || !after {
				t.Errorf("peeked %d times, headers after it: %v; want once, and headers after", calls, after)
			}
			if got := rec.Body.String(); got != test.body {
				t.Errorf("body = %q, want %q", got, test.body)
			}
			wantStatus, wantEtag := 500, `"1"`
			if test.replace {
				wantStatus, wantEtag = 503, ""
			}
			if rec.Code != wantStatus || rec.Header().Get("Etag") != wantEtag {
				t.Errorf("status %d, ETag %q, want %d, %q", rec.Code, rec.Header().Get("Etag"), wantStatus, wantEtag)
			}
		})
	}
}

func TestPeekDeclines(t *testing.T) {
	tests := map[string]struct {
		method string
		status int
	}{
		"HEAD": {"HEAD", 500}, "204": {"GET", 204}, "304": {"GET", 304},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(test.status) }),
				func(x *hook.Exchange) {
					x.On(hook.Conceal, func(a *hook.Answer) {
						if a.Peek(8, func(*hook.Answer, []byte, bool) { t.Error("looked at a body that cannot be") }) {
							t.Error("Peek = true, want false")
						}
					})
				})
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest(test.method, "/", nil))
			if rec.Code != test.status {
				t.Errorf("status = %d, want %d", rec.Code, test.status)
			}
		})
	}
}

func TestReplaceOnRealServer(t *testing.T) {
	h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(500)
		io.WriteString(w, strings.Repeat("x", 1000))
	}), func(x *hook.Exchange) {
		x.On(hook.Conceal, func(a *hook.Answer) { a.Replace(a.Status, []byte("own page")) })
	})
	serve(t, h, func(t *testing.T, base string, c *http.Client) {
		resp, body := get(t, c, base)
		if body != "own page" || resp.ContentLength != 8 || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("answer = %q, length %d, %v; want own page of 8 bytes, unencoded", body, resp.ContentLength, resp.Header)
		}
		head, err := c.Head(base)
		if err != nil {
			t.Fatal(err)
		}
		head.Body.Close()
		if head.ContentLength != 8 {
			t.Errorf("HEAD length = %d, want that of the replaced page, 8", head.ContentLength)
		}
	})
}

// TestPeekInSeveralPhases: each sees as much as it asked for, and what follows it waits.
func TestPeekInSeveralPhases(t *testing.T) {
	type look struct {
		n     int
		phase hook.Phase
	}
	tests := map[string]struct {
		writes  []string
		looks   []look
		replace int // the look that replaces; -1: none
		seen    string
		body    string
	}{
		"short, then long":            {[]string{"123", "456", "789"}, []look{{2, hook.Judge}, {5, hook.Conceal}}, -1, "12/false 12345/false", "123456789"},
		"long, then short":            {[]string{"123", "456", "789"}, []look{{5, hook.Judge}, {2, hook.Conceal}}, -1, "12345/false 12/false", "123456789"},
		"short, then all":             {[]string{"123", "456"}, []look{{2, hook.Judge}, {50, hook.Headers}}, -1, "12/false 123456/true", "123456"},
		"all, then all":               {[]string{"123", "456"}, []look{{50, hook.Judge}, {60, hook.Headers}}, -1, "123456/true 123456/true", "123456"},
		"all, then short":             {[]string{"123", "456"}, []look{{50, hook.Judge}, {3, hook.Headers}}, -1, "123456/true 123/false", "123456"},
		"one large write":             {[]string{"123456789"}, []look{{2, hook.Judge}, {4, hook.Cookies}, {6, hook.Headers}}, -1, "12/false 1234/false 123456/false", "123456789"},
		"the second replaces":         {[]string{"123", "456", "789"}, []look{{2, hook.Judge}, {50, hook.Conceal}}, 1, "12/false 123456789/true", "own"},
		"the first replaces":          {[]string{"123", "456", "789"}, []look{{2, hook.Judge}, {5, hook.Conceal}}, 0, "12/false", "own"},
		"the second replaces, longer": {[]string{"123", "456", "789"}, []look{{2, hook.Judge}, {4, hook.Conceal}}, 1, "12/false 1234/false", "own"},
		"nothing":                     {nil, []look{{2, hook.Judge}, {5, hook.Conceal}}, -1, "/true /true", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var seen []string
			last := 0
			h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, s := range test.writes {
					if n, err := io.WriteString(w, s); n != len(s) || err != nil {
						t.Errorf("Write(%q) = %d, %v, want %d, nil", s, n, err, len(s))
					}
					w.(http.Flusher).Flush()
				}
			}), func(x *hook.Exchange) {
				for i, l := range test.looks {
					x.On(l.phase, func(a *hook.Answer) {
						if last != i && !a.Replaced() {
							t.Errorf("phase %d runs before look %d is done", l.phase, last)
						}
						a.Peek(l.n, func(a *hook.Answer, body []byte, whole bool) {
							last++
							seen = append(seen, fmt.Sprintf("%s/%v", body, whole))
							if i == test.replace {
								a.Replace(200, []byte("own"))
							}
						})
					})
				}
			})
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			if got := strings.Join(seen, " "); got != test.seen {
				t.Errorf("seen %q, want %q", got, test.seen)
			}
			if got := rec.Body.String(); got != test.body {
				t.Errorf("body = %q, want %q", got, test.body)
			}
		})
	}
}
