package hook_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/hook"
)

// guarded wraps h as a guard would, registering on.
func guarded(h http.Handler, on func(x *hook.Exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		on(x)
		h.ServeHTTP(w, r)
	})
}

func stamp(x *hook.Exchange) {
	x.On(hook.Headers, func(a *hook.Answer) {
		if a.Kind == hook.Final {
			a.Header["X-Guard"] = []string{"on"}
		}
	})
	x.On(hook.Conceal, func(a *hook.Answer) { delete(a.Header, "X-Banner") })
}

// serve runs h on a real server, over HTTP/1.1 and HTTP/2.
func serve(t *testing.T, h http.Handler, test func(t *testing.T, base string, c *http.Client)) {
	t.Helper()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(h)
			srv.EnableHTTP2 = proto == "HTTP/2.0"
			srv.Config.ErrorLog = nil
			srv.StartTLS()
			defer srv.Close()
			test(t, srv.URL, srv.Client())
		})
	}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	return resp, string(body)
}

func TestAnswersOfEveryShapeAreGuarded(t *testing.T) {
	const text = "hello"
	shapes := map[string]struct {
		handler http.HandlerFunc
		status  int
		body    string
	}{
		"writes nothing":     {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"header only":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404, ""},
		"body only":          {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }, 200, text},
		"header and body":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); io.WriteString(w, text) }, 201, text},
		"no content":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		"superfluous header": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }, 201, ""},
		"flush first":        {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.WriteString(w, text) }, 200, text},
		"controller flush": {func(w http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(w).Flush()
			io.WriteString(w, text)
		}, 200, text},
		"read from": {func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, strings.NewReader(text)) }, 200, text},
		"read from reader only": {func(w http.ResponseWriter, _ *http.Request) {
			w.(io.ReaderFrom).ReadFrom(struct{ io.Reader }{strings.NewReader(text)})
		}, 200, text},
		"byte by byte": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range len(text) {
				w.Write([]byte{text[i]})
			}
		}, 200, text},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			app := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Banner", "Express")
				shape.handler(w, r)
			}
			serve(t, guarded(http.HandlerFunc(app), stamp), func(t *testing.T, base string, c *http.Client) {
				resp, body := get(t, c, base)
				if resp.StatusCode != shape.status || body != shape.body {
					t.Errorf("answer = %d %q, want %d %q", resp.StatusCode, body, shape.status, shape.body)
				}
				if got := resp.Header.Get("X-Guard"); got != "on" {
					t.Errorf("X-Guard = %q, want on", got)
				}
				if got := resp.Header.Get("X-Banner"); got != "" {
					t.Errorf("X-Banner = %q, want it gone", got)
				}
			})
		})
	}
}

func TestPhasesRunInOrderOnce(t *testing.T) {
	var ran []string
	note := func(name string) hook.Func { return func(*hook.Answer) { ran = append(ran, name) } }
	h := guarded(guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		io.WriteString(w, "x")
	}), func(x *hook.Exchange) {
		x.On(hook.Judge, note("judge"))
		x.On(hook.Cookies, note("cookies"))
	}), func(x *hook.Exchange) {
		x.On(hook.Record, note("record"))
		x.On(hook.Headers, note("headers"))
		x.On(hook.Conceal, note("conceal"))
		x.On(hook.Commit, note("commit"))
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	want := []string{"judge", "commit", "cookies", "conceal", "headers", "record"}
	if !slices.Equal(ran, want) {
		t.Errorf("phases ran %v, want %v", ran, want)
	}
}

func TestMoreFunctionsThanFitInline(t *testing.T) {
	count := 0
	h := guarded(http.NotFoundHandler(), func(x *hook.Exchange) {
		for range 40 {
			x.On(hook.Headers, func(*hook.Answer) { count++ })
			x.Set(&count, count)
		}
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if count != 40 {
		t.Errorf("%d functions ran, want 40", count)
	}
}

func TestForeignWrapperKeepsItsPlace(t *testing.T) {
	inner := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }), stamp)
	var seen int
	middle := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(&counter{ResponseWriter: w, n: &seen}, r)
	})
	rec := httptest.NewRecorder()
	guarded(middle, func(*hook.Exchange) {}).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if seen != 1 || rec.Header().Get("X-Guard") != "on" {
		t.Errorf("wrapper saw %d bytes and X-Guard = %q, want 1 and on", seen, rec.Header().Get("X-Guard"))
	}
}

type counter struct {
	http.ResponseWriter
	n *int
}

func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
func (c *counter) Write(p []byte) (int, error) {
	*c.n += len(p)
	return c.ResponseWriter.Write(p)
}

func TestTimeoutHandlerBetweenGuards(t *testing.T) {
	slow := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), stamp)
	h := guarded(http.TimeoutHandler(slow, 20*time.Millisecond, "late"), stamp)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != 503 || rec.Header().Get("X-Guard") != "on" {
		t.Errorf("answer = %d with X-Guard %q, want 503 and on", rec.Code, rec.Header().Get("X-Guard"))
	}
}

func TestInformationalAndTrailers(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Banner", "Express")
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum, X-Banner")
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "1")
		w.Header().Set("X-Banner", "Express")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	}))
	defer upstream.Close()
	target, _ := url.Parse(upstream.URL)
	proxy := httputil.NewSingleHostReverseProxy(target)
	serve(t, guarded(proxy, stamp), func(t *testing.T, base string, c *http.Client) {
		req, _ := http.NewRequest("GET", base, nil)
		var hints []textproto.MIMEHeader
		req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error { hints = append(hints, h); return nil },
		}))
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		if len(hints) != 1 || hints[0].Get("Link") == "" {
			t.Fatalf("hints = %v, want one with Link", hints)
		}
		if hints[0].Get("X-Banner") != "" || hints[0].Get("X-Guard") != "" {
			t.Errorf("103 = %v, want neither banner nor guard header", hints[0])
		}
		if resp.Header.Get("X-Guard") != "on" || resp.Header.Get("X-Banner") != "" {
			t.Errorf("200 = %v, want X-Guard and no banner", resp.Header)
		}
		if got := resp.Trailer.Get("X-Sum"); got != "1" {
			t.Errorf("trailer X-Sum = %q, want 1", got)
		}
		if got := resp.Trailer.Get("X-Late"); got != "2" {
			t.Errorf("trailer X-Late = %q, want 2", got)
		}
		if got := resp.Trailer.Get("X-Banner"); got != "" {
			t.Errorf("trailer X-Banner = %q, want it gone", got)
		}
	})
}

func TestHijackPassesAndApplyTreatsItsHeader(t *testing.T) {
	var err error
	srv := httptest.NewServer(guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := http.Header{"X-Banner": {"Express"}, "Upgrade": {"echo"}}
		x, w, _ := hook.Begin(w, r)
		x.Apply(101, h)
		x.End()
		var conn net.Conn
		conn, _, err = w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Left: %s\r\n\r\n", h.Get("Upgrade"), h.Get("X-Banner"))
		conn.Close()
		if _, werr := w.Write([]byte("late")); !errors.Is(werr, http.ErrHijacked) {
			err = fmt.Errorf("Write after Hijack = %v, want ErrHijacked", werr)
		}
	}), stamp))
	defer srv.Close()
	conn, derr := net.Dial("tcp", srv.Listener.Addr().String())
	if derr != nil {
		t.Fatal(derr)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	resp, rerr := http.ReadResponse(bufio.NewReader(conn), nil)
	if rerr != nil || err != nil {
		t.Fatalf("answer: %v, handler: %v", rerr, err)
	}
	if resp.StatusCode != 101 || resp.Header.Get("X-Left") != "" {
		t.Errorf("answer = %d %v, want 101 without the banner", resp.StatusCode, resp.Header)
	}
}

func TestFullDuplex(t *testing.T) {
	h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex() // HTTP/2 answers an error: it always is
		buf := make([]byte, 1)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				w.Write(bytes.ToUpper(buf[:n]))
				rc.Flush()
			}
			if err != nil {
				return
			}
		}
	}), stamp)
	serve(t, h, func(t *testing.T, base string, c *http.Client) {
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", base, pr)
		go func() { pw.Write([]byte("a")) }()
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		one := make([]byte, 1)
		for _, letter := range []string{"A", "B"} {
			if _, err := io.ReadFull(resp.Body, one); err != nil || string(one) != letter {
				t.Fatalf("echo = %q, %v, want %q while the request is still open", one, err, letter)
			}
			if letter == "A" {
				go pw.Write([]byte("b"))
			}
		}
		pw.Close()
	})
}

func TestHijackAsksFirst(t *testing.T) {
	refusal := errors.New("not now")
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, _ := hook.Begin(w, r)
		defer x.End()
		x.OnHijack(func(*hook.Exchange) error { asked++; return nil })
		x.OnHijack(func(*hook.Exchange) error { asked++; return refusal })
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, refusal) {
			t.Errorf("Hijack() = %v, want the refusal", err)
		}
		w.WriteHeader(http.StatusConflict)
	}))
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusConflict || asked != 2 {
		t.Errorf("answer = %d after %d were asked, want 409 and 2", res.StatusCode, asked)
	}
}
