package bounds_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/panoplysec/panoply/internal/door/bounds"
)

// reads serves a handler that reads the body under limits and says what came of it.
func reads(t *testing.T, limits bounds.Body, h2 bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		b := bounds.Watch(w, r.Body, limits)
		defer b.Done()
		n, err := io.Copy(io.Discard, b)
		if !errors.Is(err, b.Err()) {
			t.Errorf("Err() = %v, want what Read returned: %v", b.Err(), err)
		}
		fmt.Fprint(w, n, " ", err)
	}))
	s.EnableHTTP2 = h2
	if h2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// drip yields one byte each interval, n times.
func drip(n int, interval time.Duration) io.Reader {
	r, w := io.Pipe()
	go func() {
		for range n {
			if _, err := w.Write([]byte{'x'}); err != nil {
				return
			}
			time.Sleep(interval)
		}
		w.Close()
	}()
	return r
}

func TestPace(t *testing.T) {
	// A piece is 20 bytes in 200 ms.
	limits := bounds.Body{Grace: 200 * time.Millisecond, MinRate: 100}
	tests := []struct {
		name string
		body func() io.Reader
		want string
	}{
		{"fast enough", func() io.Reader { return drip(100, time.Millisecond) }, "100 <nil>"},
		{"slow", func() io.Reader { return drip(100, 50*time.Millisecond) }, bounds.ErrSlow.Error()},
		{"fast, then slow", func() io.Reader {
			return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), drip(100, 50*time.Millisecond))
		}, bounds.ErrSlow.Error()},
		{"silent", func() io.Reader { r, _ := io.Pipe(); return r }, bounds.ErrSlow.Error()},
	}
	for _, h2 := range []bool{false, true} {
		s := reads(t, limits, h2)
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, h2 %v", tt.name, h2), func(t *testing.T) {
				t.Parallel()
				res, err := s.Client().Post(s.URL, "text/plain", tt.body())
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if got, _ := io.ReadAll(res.Body); !strings.HasSuffix(string(got), tt.want) {
					t.Errorf("handler saw %q, want %q", got, tt.want)
				}
			})
		}
	}
}

func TestSlowConsumerIsNotTheClientsFault(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := bounds.Watch(w, r.Body, bounds.Body{Grace: 50 * time.Millisecond, MinRate: 1 << 20})
		defer b.Done()
		buf := make([]byte, 16<<10)
		for {
			if _, err := b.Read(buf); err != nil {
				fmt.Fprint(w, err)
				return
			}
			time.Sleep(30 * time.Millisecond) // four reads take longer than the grace
		}
	}))
	defer s.Close()
	res, err := http.Post(s.URL, "text/plain", strings.NewReader(strings.Repeat("x", 128<<10)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); string(got) != "EOF" {
		t.Errorf("read ended with %q, want EOF", got)
	}
}

func TestMax(t *testing.T) {
	tests := []struct {
		size int
		want error
	}{{0, nil}, {9, nil}, {10, nil}, {11, bounds.ErrTooLarge}, {1000, bounds.ErrTooLarge}}
	for _, tt := range tests {
		for name, body := range map[string]io.Reader{
			"whole": strings.NewReader(strings.Repeat("x", tt.size)), "bytes": iotest.OneByteReader(strings.NewReader(strings.Repeat("x", tt.size))),
			"end with data": iotest.DataErrReader(strings.NewReader(strings.Repeat("x", tt.size))),
		} {
			b := bounds.Watch(httptest.NewRecorder(), io.NopCloser(body), bounds.Body{Max: 10})
			n, err := io.Copy(io.Discard, b)
			if !errors.Is(err, tt.want) || n != int64(min(tt.size, 10)) {
				t.Errorf("%d bytes (%s): read %d, %v, want %v", tt.size, name, n, err, tt.want)
			}
		}
	}
}

func TestConnectionServesTheNextRequestAfterAWatchedBody(t *testing.T) {
	s := reads(t, bounds.Body{Grace: 150 * time.Millisecond, MinRate: 10}, false)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for i := range 3 {
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != "3 <nil>" {
			t.Errorf("request %d: handler saw %q", i, body)
		}
		time.Sleep(200 * time.Millisecond) // a deadline left behind would strike now
	}
}

func TestHeadSize(t *testing.T) {
	head := "GET /a?b=1 HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bounds.HeadSize(r), len(head); got != want {
		t.Errorf("HeadSize = %d, want %d", got, want)
	}
}

// TestStreamPace: in a conversation a byte now and then is enough, and silence is not.
func TestStreamPace(t *testing.T) {
	limits := bounds.Body{Grace: 400 * time.Millisecond, MinRate: 1 << 20, Stream: true}
	for _, h2 := range []bool{false, true} {
		s := reads(t, limits, h2)
		for interval, want := range map[time.Duration]string{50 * time.Millisecond: "20 <nil>", 5 * time.Second: "1 " + bounds.ErrSlow.Error()} {
			res, err := s.Client().Post(s.URL, "text/plain", drip(20, interval))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if string(got) != want {
				t.Errorf("HTTP/2 %v, a byte each %v: %q, want %q", h2, interval, got, want)
			}
		}
	}
}
