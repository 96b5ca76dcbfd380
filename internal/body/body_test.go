package body_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/panoplysec/panoply/internal/body"
)

// source counts what is read of it and whether it was closed.
type source struct {
	io.Reader
	read   int
	calls  int
	closed bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += n
	s.calls++
	return n, err
}

func (s *source) Close() error {
	s.closed = true
	return nil
}

// request has a body of unknown length unless length is 0 or more.
func request(src *source, length int64) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.Body, r.ContentLength = src, length
	return r
}

func TestLookSeesUpToTheLimitAndReplaysAll(t *testing.T) {
	const text = "the quick brown fox"
	size := int64(len(text))
	tests := []struct {
		name   string
		limit  int64
		length int64 // announced
		want   string
		whole  bool
		read   int
	}{
		{"larger limit, length unknown", 100, -1, text, true, len(text)},
		{"larger limit, length known", 100, size, text, true, len(text)},
		{"limit is the length, unknown", size, -1, text, true, len(text)},
		{"limit is the length, known", size, size, text, true, len(text)},
		{"one less, unknown", size - 1, -1, text[:len(text)-1], false, len(text)},
		{"one less, known", size - 1, size, text[:len(text)-1], false, len(text) - 1},
		{"small limit, known", 3, size, "the", false, 3},
		{"small limit, unknown", 3, -1, "the", false, 4},
		{"nothing asked", 0, -1, "", false, 0},
		{"negative", -1, size, "", false, 0},
	}
	for _, test := range tests {
		for _, chunk := range []string{"whole", "byte by byte", "data with EOF"} {
			t.Run(test.name+", "+chunk, func(t *testing.T) {
				var reader io.Reader = strings.NewReader(text)
				switch chunk {
				case "byte by byte":
					reader = iotest.OneByteReader(reader)
				case "data with EOF":
					reader = iotest.DataErrReader(reader)
				}
				src := &source{Reader: reader}
				r := request(src, test.length)
				b, err := body.Look(r, test.limit)
				if err != nil {
					t.Fatalf("Look(r, %d) error = %v", test.limit, err)
				}
				if string(b.Bytes) != test.want || b.Whole != test.whole {
					t.Errorf("Look(r, %d) = %q whole %v, want %q %v", test.limit, b.Bytes, b.Whole, test.want, test.whole)
				}
				if src.read != test.read {
					t.Errorf("read %d bytes, want %d", src.read, test.read)
				}
				got, err := io.ReadAll(r.Body)
				if string(got) != text || err != nil {
					t.Errorf("replay = %q, %v, want %q", got, err, text)
				}
				if n, err := r.Body.Read(make([]byte, 8)); n != 0 || err != io.EOF {
					t.Errorf("Read after the end = %d, %v, want 0, EOF", n, err)
				}
			})
		}
	}
}

func TestSecondLookCostsNothing(t *testing.T) {
	src := &source{Reader: strings.NewReader("name=a&pass=b")}
	r := request(src, -1)
	first, _ := body.Look(r, 100)
	calls := src.calls
	for _, limit := range []int64{100, 5, 1000} {
		var second *body.Body
		allocs := testing.AllocsPerRun(10, func() { second, _ = body.Look(r, limit) })
		if second != first || allocs != 0 {
			t.Errorf("Look(r, %d) = another %v with %v allocations, want the same with 0", limit, second != first, allocs)
		}
	}
	if src.calls != calls {
		t.Errorf("later looks read %d times, want 0", src.calls-calls)
	}
	// A copy of the request, as guards pass on, finds it too.
	if again, _ := body.Look(r.WithContext(t.Context()), 100); again != first {
		t.Error("Look of a copied request made another Body")
	}
}

func TestLargerLookReadsOn(t *testing.T) {
	src := &source{Reader: strings.NewReader("abcdefgh")}
	r := request(src, -1)
	b, _ := body.Look(r, 2)
	if string(b.Bytes) != "ab" || src.read != 3 {
		t.Fatalf("first look = %q after %d bytes, want \"ab\" after 3", b.Bytes, src.read)
	}
	one := make([]byte, 1)
	r.Body.Read(one) // within what is held: no harm
	if _, err := body.Look(r, 100); err != nil || string(b.Bytes) != "abcdefgh" || !b.Whole {
		t.Errorf("larger look = %q whole %v, %v, want all", b.Bytes, b.Whole, err)
	}
	if rest, _ := io.ReadAll(r.Body); string(one)+string(rest) != "abcdefgh" {
		t.Errorf("replay = %q, want abcdefgh", string(one)+string(rest))
	}
}

func TestLookBehindTheAppReadsNothing(t *testing.T) {
	r := request(&source{Reader: iotest.OneByteReader(strings.NewReader("abcdefgh"))}, -1)
	b, _ := body.Look(r, 2)
	io.ReadFull(r.Body, make([]byte, 5))
	if _, err := body.Look(r, 100); err != nil || string(b.Bytes) != "ab" || b.Whole {
		t.Errorf("look after the app = %q whole %v, %v, want \"ab\" false", b.Bytes, b.Whole, err)
	}
	if rest, _ := io.ReadAll(r.Body); string(rest) != "fgh" {
		t.Errorf("rest = %q, want fgh", rest)
	}
}

func TestReadErrorIsRememberedAndReplayed(t *testing.T) {
	cause := errors.New("the client went away")
	src := &source{Reader: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cause))}
	r := request(src, 100)
	for i := range 2 {
		b, err := body.Look(r, 50)
		if !errors.Is(err, cause) || string(b.Bytes) != "half" || b.Whole {
			t.Errorf("look %d = %q whole %v, %v, want \"half\" false, %v", i, b.Bytes, b.Whole, err, cause)
		}
	}
	got, err := io.ReadAll(r.Body)
	if string(got) != "half" || !errors.Is(err, cause) {
		t.Errorf("replay = %q, %v, want \"half\", %v", got, err, cause)
	}
}

func TestMaxBytesErrorPasses(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("0123456789"))
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 4)
	r.ContentLength = -1
	_, err := body.Look(r, 100)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); !ok || tooLarge.Limit != 4 {
		t.Errorf("Look error = %v, want *http.MaxBytesError with limit 4", err)
	}
}

func TestReaderWithoutProgressEnds(t *testing.T) {
	r := request(&source{Reader: stuck{}}, -1)
	if _, err := body.Look(r, 10); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Look error = %v, want io.ErrNoProgress", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestNoBodyStaysNoBody(t *testing.T) {
	for _, none := range []io.ReadCloser{nil, http.NoBody} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Body = none
		b, err := body.Look(r, 10)
		if err != nil || !b.Whole || len(b.Bytes) != 0 || r.Body != none {
			t.Errorf("Look of %v = %q whole %v, %v, body now %v", none, b.Bytes, b.Whole, err, r.Body)
		}
	}
}

func TestCloseReachesTheSource(t *testing.T) {
	src := &source{Reader: strings.NewReader("abc")}
	r := request(src, -1)
	b, _ := body.Look(r, 10)
	if err := r.Body.Close(); err != nil || !src.closed {
		t.Errorf("Close() = %v, source closed %v, want nil, true", err, src.closed)
	}
	if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("Read after Close error = %v, want http.ErrBodyReadAfterClose", err)
	}
	if string(b.Bytes) != "abc" {
		t.Errorf("Bytes after Close = %q, want abc", b.Bytes)
	}
}

// What Content-Length promises must not become memory before it has come.
func TestPromisedLengthIsNotSetAside(t *testing.T) {
	src := &source{Reader: strings.NewReader("x")}
	r := request(src, 1<<30)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			src.Reader.(*strings.Reader).Reset("x")
			r.Body = src
			body.Look(r, 1<<30)
		}
	})
	if got := result.AllocedBytesPerOp(); got > 8<<10 {
		t.Errorf("a look at one byte of 1 GiB promised takes %d bytes, want at most 8192", got)
	}
}

func TestThroughAServer(t *testing.T) {
	const size = 300 << 10
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := body.Look(r, 64<<10)
		if err != nil {
			t.Error(err)
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, len(b.Bytes), " ", b.Whole, " ", n, " ", err)
	}))
	defer server.Close()
	for name, reader := range map[string]io.Reader{
		"length known":   bytes.NewReader(make([]byte, size)),
		"length unknown": io.LimitReader(bytes.NewReader(make([]byte, size)), size),
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := server.Client().Post(server.URL, "application/octet-stream", reader)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			got, _ := io.ReadAll(answer.Body)
			if want := "65536 false 307200 <nil>"; string(got) != want {
				t.Errorf("handler saw %q, want %q", got, want)
			}
		})
	}
}

// However a body arrives and however it is looked at and read, the app gets it whole.
func FuzzReplay(f *testing.F) {
	f.Add([]byte("name=value&other=1"), int64(4), int64(9), uint8(3), uint8(5), true)
	f.Add([]byte{}, int64(0), int64(1), uint8(1), uint8(1), false)
	f.Add(bytes.Repeat([]byte("x"), 9000), int64(4096), int64(8192), uint8(200), uint8(0), false)
	f.Fuzz(func(t *testing.T, text []byte, first, second int64, chunk, before uint8, known bool) {
		src := &source{Reader: &chunks{text, int(chunk)%64 + 1}}
		length := int64(-1)
		if known {
			length = int64(len(text))
		}
		r := request(src, length)
		first, second = first%(1<<20), second%(1<<20)
		b, err := body.Look(r, first)
		if err != nil {
			t.Fatal(err)
		}
		check := func(limit int64) {
			if !bytes.HasPrefix(text, b.Bytes) {
				t.Fatalf("Bytes = %q, not the beginning of %q", b.Bytes, text)
			}
			if b.Whole && len(b.Bytes) != len(text) {
				t.Fatalf("Whole with %d of %d bytes", len(b.Bytes), len(text))
			}
			if !b.Whole && limit > int64(len(text)) {
				t.Fatalf("not Whole with limit %d of %d bytes", limit, len(text))
			}
		}
		check(first)
		head := make([]byte, min(int(before), len(b.Bytes)))
		if _, err := io.ReadFull(r.Body, head); err != nil {
			t.Fatal(err)
		}
		if _, err := body.Look(r, second); err != nil {
			t.Fatal(err)
		}
		check(max(first, second))
		rest, err := io.ReadAll(r.Body)
		if got := append(head, rest...); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("replay = %q, %v, want %q", got, err, text)
		}
	})
}

// chunks gives at most size bytes a read.
type chunks struct {
	text []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.text[:min(c.size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}
