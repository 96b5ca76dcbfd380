package upstream

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// fed is a connection on which an application has said something and closed.
type fed struct {
	net.Conn
	io.Reader
}

func (f fed) Read(p []byte) (int, error) { return f.Reader.Read(p) }
func (fed) Close() error                 { return nil }

// pieces reads at most n bytes at a time.
type pieces struct {
	io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }

// readAll reads one final answer with our reader.
func readAll(c *conn, method string) (*head, *body, []byte, error) {
	h, b, all := &head{}, &body{}, []byte(nil)
	for h.status < 200 {
		if err := c.readHead(h); err != nil {
			return nil, nil, nil, err
		}
	}
	b.begin(c, method, h)
	for {
		p, err := b.next()
		if err == io.EOF {
			return h, b, all, nil
		}
		if err == nil && len(p) == 0 {
			err = io.ErrNoProgress
		}
		if err != nil {
			return nil, nil, nil, err
		}
		all = append(all, p...)
	}
}

// FuzzAnswer: what our reader takes, net/http reads the same.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.0 200\r\nA: b\r\n\r\nuntil close",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: \"a\"\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\nx-y:\t z \r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\na",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\n\n",
		"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\n",
	} {
		f.Add([]byte(s), byte(0), false)
		f.Add([]byte(s), byte(7), true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, step byte, isHead bool) {
		method := http.MethodGet
		if isHead {
			method = http.MethodHead
		}
		var in io.Reader = bytes.NewReader(answer)
		if step > 0 {
			in = pieces{in, int(step)}
		}
		c := newConn(fed{Reader: in})
		h, b, body, err := readAll(c, method)
		if len(c.buf) > 4*maxHead {
			t.Fatalf("the buffer grew to %d", len(c.buf))
		}
		if err != nil {
			return // stricter is fine
		}
		std := bufio.NewReader(iotest.OneByteReader(bytes.NewReader(answer)))
		var res *http.Response
		for {
			res, err = http.ReadResponse(std, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("net/http refuses what we took: %v", err)
			}
			if res.StatusCode >= 200 {
				break
			}
		}
		want, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("net/http finds the body broken: %v", err)
		}
		if res.StatusCode != h.status || !bytes.Equal(want, body) {
			t.Fatalf("ours: %d %q, net/http: %d %q", h.status, body, res.StatusCode, want)
		}
		got := http.Header{}
		h.drop = nil
		h.copyTo(got)
		for name, values := range res.Header {
			if hop(name) || h.both && name == "Content-Length" {
				continue
			}
			if name == "Content-Length" && len(values) > 1 {
				values = values[:1]
			}
			if !slices.Equal(got[name], values) {
				t.Fatalf("%s: ours %q, net/http %q", name, got[name], values)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Fatalf("ours has also %v", got)
		}
		trailer := http.Header{}
		for _, f := range b.trailers {
			trailer.Add(f.name, f.value)
		}
		maps.DeleteFunc(res.Trailer, func(_ string, v []string) bool { return len(v) == 0 })
		if !maps.EqualFunc(trailer, res.Trailer, slices.Equal) {
			t.Fatalf("trailers: ours %v, net/http %v", trailer, res.Trailer)
		}
		if b.framing == byLength || b.framing == byChunks {
			rest, _ := io.ReadAll(std)
			more, _ := io.ReadAll(in)
			ours := append(slices.Clone(c.unread()), more...)
			if !bytes.Equal(rest, ours) {
				t.Fatalf("behind the answer: ours %q, net/http %q", ours, rest)
			}
		}
	})
}

// FuzzRequest: what our writer writes is one request, and net/http reads the one that was
// asked for.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a?b=c", "example.com", "X-A", "1", "keep-alive")
	f.Add("POST", "/a%2fb;c?%zz", "[::1]:80", "Cookie", "a=b\r\nX: y", "X-A, close")
	f.Add("G T", "/ b", "a b", "X A", "\x00", "upgrade")
	f.Fuzz(func(t *testing.T, method, target, host, name, value, connection string) {
		r, err := http.NewRequest("GET", "http://x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if u, err := r.URL.Parse(target); err == nil {
			r.URL = u
		}
		r.Method, r.Host = method, host
		r.Header = http.Header{name: {value, value}, "Connection": {connection}}
		x := &exchange{p: &Proxy{host: "x"}, in: r}
		out, err := x.appendHead(nil)
		if err != nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(append(out, "rest"...)))
		got, err := http.ReadRequest(in)
		if err != nil {
			if head, _, _ := strings.Cut(string(out), "\r\n\r\n"); len(head)+4 == len(out) {
				return // one head still, which the application refuses as a whole
			}
			t.Fatalf("two heads: %q", out)
		}
		if rest, _ := io.ReadAll(in); string(rest) != "rest" {
			t.Fatalf("the head ends elsewhere: %q, rest %q", out, rest)
		}
		if got.Method != method {
			t.Fatalf("method %q, want %q", got.Method, method)
		}
		if len(got.Header["Connection"]) > 0 || got.ContentLength > 0 {
			t.Fatalf("%q: a hop-by-hop field went on", out)
		}
	})
}
