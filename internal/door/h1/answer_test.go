package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// handlers are answers of every kind. Both servers must give the same.
var handlers = map[string]http.HandlerFunc{
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"small":   func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>hello") },
	"string":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201); io.WriteString(w, "created") },
	"sniffed": func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("\x89PNG\x0d\x0a\x1a\x0a")) },
	"no type": func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil; fmt.Fprint(w, "x") },
	"encoded": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "x")
		fmt.Fprint(w, "x")
	},
	"declared": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "hello")
	},
	"bad length": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "x5")
		fmt.Fprint(w, "hello")
	},
	"204": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(204)
		fmt.Fprint(w, "no")
	},
	"304": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"1"`)
		w.Header().Set("Content-Type", "a/b")
		w.WriteHeader(304)
	},
	"unknown": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(599); fmt.Fprint(w, "odd") },
	"late header": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
		w.WriteHeader(500)
		fmt.Fprint(w, "x")
	},
	"two lines": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		w.Header()["bad name"] = []string{"1"}
		w.Header().Set("X", " a\r\nY: 1 ")
	},
	"flushed": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "b")
	},
	"flush first": func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); fmt.Fprint(w, "ab") },
	"large": func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("0123456789", 10000)))
	},
	"many writes": func(w http.ResponseWriter, r *http.Request) {
		for i := range 3000 {
			fmt.Fprint(w, i, " ")
		}
	},
	"large, declared": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for range 10 {
			_, _ = w.Write([]byte(strings.Repeat("0123456789", 1000)))
		}
	},
	"too much": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hello")
		if _, err := io.WriteString(w, "!"); err != http.ErrContentLength {
			panic("Write beyond the length: " + fmt.Sprint(err))
		}
	},
	"copied": func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 70000)) },
	"early hints": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(103)
		w.Header().Set("X", "1")
		fmt.Fprint(w, "x")
	},
	"trailers": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-None")
		fmt.Fprint(w, "abc")
		w.Header().Set("X-Sum", "1")
		w.Header().Set(http.TrailerPrefix+"X-More", "2")
	},
	"closes": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "x")
	},
	"own date": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		fmt.Fprint(w, "x")
	},
	"not found":  http.NotFound,
	"redirected": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) },
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// raw asks once and returns all that comes, with the header sorted.
func raw(t *testing.T, addr, request string) (lines []string, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, request)
	in := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return append(lines, "error "+err.Error()), body
		}
		b, err := io.ReadAll(res.Body)
		if res.Header.Get("Date") != "" && res.Header.Get("Date") != "Thu, 01 Jan 1970 00:00:00 GMT" {
			res.Header.Set("Date", "now")
		}
		lines = append(lines, fmt.Sprintln(res.Proto, res.StatusCode, res.ContentLength, res.TransferEncoding, res.Close, err))
		var fields []string
		for name, v := range res.Header {
			fields = append(fields, fmt.Sprintf("%s: %q\n", name, v))
		}
		for name, v := range res.Trailer {
			fields = append(fields, fmt.Sprintf("trailer %s: %q\n", name, v))
		}
		slices.Sort(fields)
		lines = append(lines, fields...)
		body += string(b)
		if res.StatusCode >= 200 {
			return lines, body
		}
	}
}

// TestAgainstNetHTTP holds that handlers are answered for as net/http does, but where
// net/http sends what clients cannot read (a length that is none, a 1xx to HTTP/1.0), or
// says close to HTTP/1.0, which knows.
func TestAgainstNetHTTP(t *testing.T) {
	requests := map[string]string{
		"GET":        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD":       "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"1.0":        "GET / HTTP/1.0\r\n\r\n",
		"1.0 kept":   "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"last":       "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"post, last": "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	}
	for name, handler := range handlers {
		std := httptest.NewUnstartedServer(handler)
		std.Config.ErrorLog = log.New(io.Discard, "", 0)
		std.Start()
		defer std.Close()
		addr, _ := start(t, handler)
		for how, request := range requests {
			if name == "bad length" || (name == "early hints" || name == "closes") && strings.HasPrefix(how, "1.0") {
				continue
			}
			want, wantBody := raw(t, std.Listener.Addr().String(), request)
			got, body := raw(t, addr, request)
			if !slices.Equal(got, want) || body != wantBody {
				t.Errorf("%s, %s:\n%q %.100q\nnet/http:\n%q %.100q", name, how, got, body, want, wantBody)
			}
		}
	}
}

func TestLengthThatIsNone(t *testing.T) {
	addr, _ := start(t, handlers["bad length"])
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, body := c.answer("GET"); body != "hello" || res.ContentLength != 5 {
		t.Errorf("answer = %q, length %d", body, res.ContentLength)
	}
}

func TestAnswerLeavesInOneOrder(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-B", "Content-Type", "X-A", "Set-Cookie"} {
			w.Header().Set(name, "v")
		}
		if r.URL.Path == "/2" {
			w.Header().Del("X-B")
			w.Header().Set("X-C", "v")
		}
		fmt.Fprint(w, "x")
	}))
	c := dial(t, addr)
	for i := range 4 {
		c.send(fmt.Sprintf(get, i))
		var names []string
		for {
			line, err := c.in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == "\r\n" {
				break
			}
			name, _, _ := strings.Cut(line, ":")
			names = append(names, strings.TrimSpace(name))
		}
		_, _ = c.in.ReadByte()
		want := "HTTP/1.1 200 OK Date Content-Type Set-Cookie X-A X-B Content-Length"
		if i == 2 {
			want = "HTTP/1.1 200 OK Date Content-Type Set-Cookie X-A X-C Content-Length"
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("order = %s, want %s", got, want)
		}
	}
}

func TestPanics(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/half":
			w.Header().Set("X-Half", "1")
			fmt.Fprint(w, strings.Repeat("x", 20000))
		case "/unsent":
			fmt.Fprint(w, "secret")
		case "/refuse":
			panic("again")
		}
		panic("boom")
	}), func(s *h1.Server) {
		s.Refuse = func(w http.ResponseWriter, r *http.Request, status int, rule string) {
			if r.URL.Path == "/refuse" {
				panic("refuse too")
			}
			page(w, r, status, rule)
		}
	})
	for path, want := range map[string]int{"/": 500, "/unsent": 500, "/abort": 0, "/refuse": 0} {
		c := dial(t, addr)
		c.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		b, err := io.ReadAll(c.in)
		if want == 0 && len(b) != 0 || want != 0 && !strings.HasPrefix(string(b), "HTTP/1.1 500 ") || err != nil || strings.Contains(string(b), "secret") {
			t.Errorf("%s: got %q, %v, want status %d", path, b, err, want)
		}
	}
	c := dial(t, addr)
	c.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err == nil {
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
}

func TestHijack(t *testing.T) {
	addr, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Context().Done()
		if r.URL.Path == "/watched" {
			time.Sleep(150 * time.Millisecond) // who looks for the client is sent away
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := w.Write([]byte("x")); err != http.ErrHijacked {
			t.Errorf("Write = %v, want ErrHijacked", err)
		}
		early := rw.Reader.Buffered()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\nX-Early: %d\r\n\r\n", early)
		_ = rw.Flush()
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, rw)
		}()
	}))
	var taken []*client
	for _, path := range []string{"/", "/watched"} {
		c := dial(t, addr)
		taken = append(taken, c)
		c.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly")
		res, err := http.ReadResponse(c.in, nil)
		if err != nil || res.StatusCode != 101 || res.Header.Get("X-Early") != "5" {
			t.Fatalf("answer = %v, %v, want 101 and what was sent early in the buffer", res, err)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v, want it not to wait for who was taken over", err)
	}
	for _, c := range taken {
		c.send(" late")
		got := make([]byte, 10)
		if _, err := io.ReadFull(c.in, got); err != nil || string(got) != "early late" {
			t.Errorf("echo = %q, %v", got, err)
		}
	}
}

func TestFileIsSent(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	want := strings.Repeat("0123456789abcdef", 20000)
	if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }))
	c := dial(t, addr)
	for range 2 {
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if res, body := c.answer("GET"); body != want || res.ContentLength != int64(len(want)) {
			t.Errorf("got %d bytes, length %d", len(body), res.ContentLength)
		}
	}
	c.send("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=16-31\r\n\r\n")
	if _, body := c.answer("GET"); body != want[16:32] {
		t.Errorf("range = %q", body)
	}
}
