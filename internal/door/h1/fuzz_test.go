package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// memory is a connection whose client has sent everything and closed its side.
type memory struct {
	net.Conn // for what nobody calls
	in       [][]byte
	out      bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error) {
	for len(m.in) > 0 && len(m.in[0]) == 0 {
		m.in = m.in[1:]
	}
	if len(m.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, m.in[0])
	m.in[0] = m.in[0][n:]
	return n, nil
}

func (m *memory) Write(p []byte) (int, error)      { return m.out.Write(p) }
func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// over serves a connection on which raw comes in two pieces, and returns what goes back.
func over(s *h1.Server, raw []byte, at int) []byte {
	m := &memory{in: [][]byte{raw[:at], raw[at:]}}
	s.ServeConn(m)
	return m.out.Bytes()
}

// FuzzChunked holds that a chunked body that passes is the one that net/http decodes, and
// ends in the same place.
func FuzzChunked(f *testing.F) {
	for _, seed := range []string{
		"3\r\nabc\r\n0\r\n\r\n", "3;a=b\r\nabc\r\n00\r\nX: 1\r\nY:2\r\n\r\n", "A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\nrest",
		"+3\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "0\r\n\r\n", "0\r\nX : 1\r\n\r\n", "3\r\nabcXX0\r\n\r\n",
	} {
		f.Add([]byte(seed), 5)
	}
	const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nConnection: close\r\n\r\n"
	f.Fuzz(func(t *testing.T, body []byte, at int) {
		if at < 0 || at > len(body) || len(body) > 8<<10 {
			return
		}
		var got []byte
		var trailer string
		failure := io.ErrNoProgress // not called
		s := &h1.Server{}
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, failure = io.ReadAll(r.Body)
			trailer = fmt.Sprint(r.Trailer)
		})
		over(s, append([]byte(head), body...), len(head)+at)
		if failure != nil {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + string(body))))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r.Body)
		for name := range r.Trailer {
			if name != "X" {
				delete(r.Trailer, name) // not announced
			}
		}
		if err != nil || !bytes.Equal(got, want) || trailer != fmt.Sprint(r.Trailer) {
			t.Fatalf("%q is read as %q %s, net/http reads %q %v, %v", body, got, trailer, want, r.Trailer, err)
		}
	})
}

// FuzzConn holds that arbitrary bytes get whole answers that a client can read, one a
// request that net/http would see there and no more, and never a panic.
func FuzzConn(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
		"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(seed), 7)
	}
	f.Fuzz(func(t *testing.T, raw []byte, at int) {
		if at < 0 || at > len(raw) || len(raw) > 8<<10 {
			return
		}
		var seen []string
		s := &h1.Server{Poison: true}
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Method+" "+r.RequestURI)
			if r.URL.Path != "/early" {
				if _, err := io.Copy(w, r.Body); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
		})
		out := bufio.NewReader(bytes.NewReader(over(s, raw, at)))
		in := bufio.NewReader(bytes.NewReader(raw))
		for _, one := range seen {
			want, err := http.ReadRequest(in)
			if err != nil || want.Method+" "+want.RequestURI != one {
				t.Fatalf("%q: the handler saw %q, net/http sees %v, %v", raw, one, want, err)
			}
			if _, err := io.Copy(io.Discard, want.Body); err != nil {
				return // not whole, here neither
			}
			if want.Method == http.MethodPost {
				if b, _ := in.Peek(2); string(b) == "\r\n" {
					_, _ = in.Discard(2)
				}
			}
			res, err := http.ReadResponse(out, want)
			for err == nil && res.StatusCode < 200 {
				res, err = http.ReadResponse(out, want)
			}
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
			}
			if err != nil {
				t.Fatalf("%q: the answer to %s: %v", raw, one, err)
			}
		}
	})
}
