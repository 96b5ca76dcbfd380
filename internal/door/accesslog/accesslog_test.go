package accesslog_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
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
	log := accesslog.New(&out, accesslog.Options{})
	r := request(t, "/login;jsessionid=s3cret/x?next=/x")
	r.Header.Set("X-Request-Id", "theirs")
	r.Header.Set("User-Agent", "curl/8 \u202e\x1b[31m")
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	log.Write(&accesslog.Line{
		Request: r, ID: "0123", Trace: [16]byte{0x4b, 15: 0x36}, Site: "shop.example", Client: netip.MustParseAddr("192.0.2.1"),
		Peer: netip.MustParseAddr("fe80::1%eth0"), Status: 502, In: 7, Out: 12, Duration: 1500 * time.Microsecond,
		End: time.Date(2026, 11, 29, 1, 2, 3, 4567891, time.UTC), Upstream: "127.0.0.1:3000", UpstreamTime: 20 * time.Millisecond,
		Events: []guard.Event{
			{Practice: "cookies", Rule: "secure-absent", Action: guard.Mended, Detail: "s3cret"},
			{Practice: "csrf", Rule: "cross-site-form", Action: guard.Denied},
		},
		Failure: "refused", Cause: errors.New("dial tcp\x1b[31m: refused"),
	})
	const want = `{"ts":"2026-11-29T01:02:03.004Z","level":"WARN","msg":"request","request_id":"0123",` +
		`"trace_id":"4b000000000000000000000000000036","site":"shop.example","client_ip":"192.0.2.1","peer_ip":"fe80::1",` +
		`"method":"GET","host":"shop.example","uri":"/login;jsessionid/x?next","proto":"HTTP/1.1","status":502,"bytes_in":7,"bytes_out":12,` +
		`"duration_ms":1.500,"upstream_addr":"127.0.0.1:3000","upstream_ms":20,"tls":{"version":"1.3","cipher":"TLS_AES_128_GCM_SHA256"},` +
		`"action":"denied","practice":"csrf","rule":"cross-site-form","events":["cookies/secure-absent/mended","csrf/cross-site-form/denied"],` +
		`"failure":"refused","cause":"dial tcp\u001b[31m: refused","client_request_id":"theirs","user_agent":"curl/8 \u202e\u001b[31m"}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("line = %s\nwant   %s", got, want)
	}
	out.Reset()
	log.Write(&accesslog.Line{Request: &http.Request{Method: "GET", URL: &url.URL{Path: "/"}, Host: "a", Proto: "HTTP/2.0"}, ID: "1"})
	const bare = `{"ts":"0001-01-01T00:00:00.000Z","level":"INFO","msg":"request","request_id":"1","method":"GET","host":"a","uri":"/",` +
		`"proto":"HTTP/2.0","status":0,"bytes_in":0,"bytes_out":0,"duration_ms":0}` + "\n"
	if got := out.String(); got != bare {
		t.Errorf("line = %s\nwant   %s", got, bare)
	}
	accesslog.New(nil, accesslog.Options{}).Write(&accesslog.Line{Request: r}) // off: nothing to write to
}

// TestSecrets puts one secret into every place of a request that may hold one.
func TestSecrets(t *testing.T) {
	const secret = "hunter2hunter2hunter2hunter2" // as long as a query name without a value is not logged
	places := map[string]func(r *http.Request){
		"a query value":          func(r *http.Request) { r.URL.RawQuery = "password=" + secret },
		"several":                func(r *http.Request) { r.URL.RawQuery = "a=1&token=" + secret + "&b=" + secret },
		"a query without a name": func(r *http.Request) { r.URL.RawQuery = secret },
		"a query of one value":   func(r *http.Request) { r.URL.RawQuery = "=" + secret },
		"a value with = in it":   func(r *http.Request) { r.URL.RawQuery = "a=b=" + secret },
		"a path parameter":       func(r *http.Request) { r.URL.Path = "/a;jsessionid=" + secret + ";v=" + secret + "/b" },
		"the user of the target": func(r *http.Request) { r.URL.User = url.UserPassword(secret, secret) },
		"the user of the host":   func(r *http.Request) { r.Host = "user:" + secret + "@shop.example" },
		"a fragment":             func(r *http.Request) { r.URL.Fragment = secret },
		"an opaque target":       func(r *http.Request) { r.URL = &url.URL{Scheme: "x", Opaque: secret} },
		"a form":                 func(r *http.Request) { r.Form, r.PostForm = url.Values{"p": {secret}}, url.Values{"p": {secret}} },
		"the body":               func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(secret)) },
		"a trailer":              func(r *http.Request) { r.Trailer = http.Header{"X-Secret": {secret}} },
	}
	for _, name := range []string{"Cookie", "Authorization", "Proxy-Authorization", "X-Api-Key", "X-Csrf-Token", "Referer", "X-Auth-Token",
		"Sec-Websocket-Protocol", "Traceparent", "Tracestate", "Baggage", "Origin", "X-Forwarded-For", "From", "Set-Cookie"} {
		places[name] = func(r *http.Request) { r.Header.Set(name, "Bearer "+secret) }
	}
	for place, put := range places {
		r := request(t, "/login")
		put(r)
		var out bytes.Buffer
		accesslog.New(&out, accesslog.Options{}).Write(&accesslog.Line{Request: r, ID: "1", Events: []guard.Event{{Practice: "csrf", Rule: "x", Field: secret, Detail: secret, Err: errors.New(secret)}}})
		if strings.Contains(out.String(), "hunter") {
			t.Errorf("%s: the line is %s", place, out.String())
		}
	}
}

// FuzzLine: whatever a client says, its line is one line, is JSON, and decodes to what was
// said; nothing in it needs a terminal's trust.
func FuzzLine(f *testing.F) {
	f.Add("/a", "token=1", "host", "curl\u2028\u2029", "id")
	f.Add("/\"\\\n", "a\x00b=\xff", "\xf0\x9f\x98\x80", "\U000e0001\ud7ff\u202e\x7f\u0085", "\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, path, query, host, agent, cause string) {
		r := &http.Request{Method: "GET", Proto: "HTTP/1.1", URL: &url.URL{Path: path, RawQuery: query}, Host: host, Header: http.Header{"User-Agent": {agent}}}
		var out bytes.Buffer
		accesslog.New(&out, accesslog.Options{Queries: true}).Write(&accesslog.Line{Request: r, ID: "1", Failure: "x", Cause: errors.New(cause)})
		line, found := strings.CutSuffix(out.String(), "\n")
		if !found || strings.ContainsFunc(line, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }) || !utf8.ValidString(line) {
			t.Fatalf("line = %q, want one line of what prints", out.String())
		}
		var got struct {
			Host, URI, Cause string
			Agent            string `json:"user_agent"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		uri := r.URL.EscapedPath()
		if query != "" {
			uri += "?" + query
		}
		for name, pair := range map[string][2]string{
			"host": {got.Host, host[strings.LastIndexByte(host, '@')+1:]}, "uri": {got.URI, uri}, "cause": {got.Cause, cause}, "user_agent": {got.Agent, agent},
		} {
			if want := valid(pair[1]); len(want) <= 200 && pair[0] != want {
				t.Errorf("%s = %q, want %q", name, pair[0], want)
			}
		}
	})
}

// valid puts U+FFFD in place of each byte that is no UTF-8, as encoding/json does.
func valid(text string) string { return string([]rune(text)) }

func TestLongTextsAreCut(t *testing.T) {
	r := request(t, "/"+strings.Repeat("\u00e4", 5000)+"?a")
	r.Host, r.Header["User-Agent"] = strings.Repeat("h", 5000), []string{strings.Repeat("\u00e4", 5000)}
	var out bytes.Buffer
	accesslog.New(&out, accesslog.Options{}).Write(&accesslog.Line{Request: r, ID: "1", Failure: "x", Cause: errors.New(strings.Repeat("c", 5000))})
	if out.Len() > 4096 || !utf8.Valid(out.Bytes()) || !json.Valid(out.Bytes()) || bytes.Count(out.Bytes(), []byte("…")) != 4 {
		t.Errorf("line of %d bytes: %s", out.Len(), out.Bytes())
	}
}

func usual() *accesslog.Line {
	u, _ := url.ParseRequestURI("/api/items?page=2")
	return &accesslog.Line{
		Request: &http.Request{Method: "GET", URL: u, Host: "localhost:8443", Proto: "HTTP/1.1", Header: http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}},
			TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}},
		ID: "0123456789abcdef0123456789abcdef", Trace: [16]byte{1}, Site: "localhost", Client: netip.MustParseAddr("127.0.0.1"), Peer: netip.MustParseAddr("127.0.0.1"),
		Status: 200, Out: 512, Duration: time.Millisecond, End: time.Now(), Upstream: "127.0.0.1:3000", UpstreamTime: time.Millisecond,
		Events: []guard.Event{{Practice: "fingerprint", Rule: "banner", Action: guard.Mended}, {Practice: "headers", Rule: "csp-absent", Action: guard.Mended}},
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	log, line := accesslog.New(new(nowhere), accesslog.Options{}), usual()
	if n := testing.AllocsPerRun(1000, func() { log.Write(line) }); n != 0 {
		t.Errorf("Write allocates %v times, want 0", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	log, line := accesslog.New(new(nowhere), accesslog.Options{}), usual()
	b.ReportAllocs()
	for b.Loop() {
		log.Write(line)
	}
}

// BenchmarkSlog writes the same members through log/slog, as the access log once did.
func BenchmarkSlog(b *testing.B) {
	log, line := slog.New(slog.NewJSONHandler(new(nowhere), nil)), usual()
	b.ReportAllocs()
	for b.Loop() {
		r := line.Request
		log.LogAttrs(context.Background(), slog.LevelInfo, "request",
			slog.String("request_id", line.ID), slog.String("trace_id", hex.EncodeToString(line.Trace[:])), slog.String("site", line.Site),
			slog.String("client_ip", line.Client.String()), slog.String("peer_ip", line.Peer.String()), slog.String("method", r.Method),
			slog.String("host", r.Host), slog.String("uri", accesslog.Target(r, false)), slog.String("proto", r.Proto), slog.Int("status", line.Status),
			slog.Int64("bytes_in", line.In), slog.Int64("bytes_out", line.Out), slog.Float64("duration_ms", float64(line.Duration.Microseconds())/1000),
			slog.String("upstream_addr", line.Upstream), slog.Float64("upstream_ms", float64(line.UpstreamTime.Microseconds())/1000),
			slog.Group("tls", slog.String("version", "1.3"), slog.String("cipher", tls.CipherSuiteName(r.TLS.CipherSuite))),
			slog.String("action", "mended"), slog.String("practice", line.Events[0].Practice), slog.String("rule", line.Events[0].Rule),
			slog.Any("events", []string{"fingerprint/banner/mended", "headers/csp-absent/mended"}), slog.String("user_agent", r.UserAgent()))
	}
}

type nowhere struct{}

func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
