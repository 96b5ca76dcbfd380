package accesslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/accesslog"
)

func request(t *testing.T, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: "GET", URL: u, Host: "shop.example", Proto: "HTTP/1.1", Header: http.Header{}}
}

func TestTarget(t *testing.T) {
	tests := []struct {
		target string
		values bool
		want   string
	}{
		{"/", false, "/"},
		{"/a%2fb/c", false, "/a%2fb/c"},
		{"/reset?token=s3cret&lang=en", false, "/reset?token&lang"},
		{"/reset?token=s3cret&lang=en", true, "/reset?token=s3cret&lang=en"},
		{"/x?flag", false, "/x?flag"},
		{"/x?0123456789abcdef0123456789abcdef", false, "/x?-"},
		{"/x?a=1&a=2&=3", false, "/x?a&a&"},
	}
	for _, tt := range tests {
		if got := accesslog.Target(request(t, tt.target), tt.values); got != tt.want {
			t.Errorf("Target(%q, %v) = %q, want %q", tt.target, tt.values, got, tt.want)
		}
	}
	if got := accesslog.Target(request(t, "/"+strings.Repeat("a", 100_000)), false); len(got) > 2100 {
		t.Errorf("Target of a long path has %d bytes", len(got))
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"GET": "GET", "req-1_A.b:c/d+e=": "req-1_A.b:c/d+e=", "": "?", "a b": "?", "a\x1b[31m": "?", "ä": "?", strings.Repeat("a", 65): "?",
	} {
		if got := accesslog.Word(text); got != want {
			t.Errorf("Word(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzTarget: whatever a client asks for, no query value, no control character and no
// broken UTF-8 reaches the log.
func FuzzTarget(f *testing.F) {
	f.Add("/a", "token", "s3cret-value-that-is-long")
	f.Add("/%1b[31m", "a\x00b", "\n{\"forged\":1}")
	f.Fuzz(func(t *testing.T, path, name, value string) {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: name + "=" + value}}
		got := accesslog.Target(r, false)
		if strings.IndexFunc(got, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x202e }) >= 0 || !utf8.ValidString(got) {
			t.Errorf("Target = %q, want plain text", got)
		}
		if len(value) > 8 && !strings.ContainsAny(value, "&=?") && !strings.Contains(path+name, value) && strings.Contains(got, value) {
			t.Errorf("Target = %q holds the value %q", got, value)
		}
	})
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	log := accesslog.New(slog.New(slog.NewJSONHandler(&out, nil)), accesslog.Options{})
	r := request(t, "/login?next=/x")
	r.Header.Set("X-Request-Id", "theirs")
	r.Header.Set("Cookie", "connect.sid=s3cret")
	r.Header.Set("Authorization", "Bearer s3cret")
	log.Write(context.Background(), accesslog.Line{
		Request: r, ID: "0123", Client: "192.0.2.1", Status: 502, Bytes: 12, Duration: 1500 * time.Microsecond,
		Events: []guard.Event{
			{Practice: "cookies", Rule: "secure-absent", Action: guard.Mended, Detail: "s3cret"},
			{Practice: "csrf", Rule: "cross-site-form", Action: guard.Denied},
		},
		Failure: "refused", Cause: errors.New("dial tcp\x1b[31m: refused"),
	})
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"level": "WARN", "msg": "request", "id": "0123", "client": "192.0.2.1", "method": "GET", "host": "shop.example", "path": "/login?next",
		"proto": "HTTP/1.1", "status": 502.0, "bytes": 12.0, "ms": 1.5, "client_request_id": "theirs",
		"practice": "csrf", "rule": "cross-site-form", "action": "denied", "failure": "refused", "cause": "dial tcp?[31m: refused",
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("line = %s, want no secret of it", out.String())
	}
	accesslog.New(nil, accesslog.Options{}).Write(context.Background(), accesslog.Line{Request: r}) // off: nothing to write to
}

func BenchmarkWrite(b *testing.B) {
	log := accesslog.New(slog.New(slog.NewJSONHandler(new(nowhere), nil)), accesslog.Options{})
	u, _ := url.ParseRequestURI("/api/items?page=2")
	line := accesslog.Line{Request: &http.Request{Method: "GET", URL: u, Host: "localhost:8443", Proto: "HTTP/2.0"},
		ID: "0123456789abcdef0123456789abcdef", Client: "127.0.0.1", Status: 200, Bytes: 512, Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		log.Write(context.Background(), line)
	}
}

type nowhere struct{}

func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
