package conceal_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/conceal"
)

// sample is one file of testdata: "status content-type", an empty line, the body.
type sample struct {
	name string
	reply
}

func samples(t testing.TB, folder string, least int) []sample {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(names) < least {
		t.Fatalf("testdata/%s has %d files, %v, want at least %d", folder, len(names), err, least)
	}
	var list []sample
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head, body, ok := strings.Cut(string(text), "\n\n")
		var s sample
		var contentType string
		if _, err := fmt.Sscanf(head, "%d %s", &s.status, &contentType); err != nil || !ok {
			t.Fatalf("%s begins with %q, want \"status type\" and an empty line", name, head)
		}
		_, contentType, _ = strings.Cut(head, " ")
		s.name, s.body = strings.TrimSuffix(filepath.Base(name), ".txt"), body
		s.header = header("Content-Type", contentType)
		list = append(list, s)
	}
	return list
}

// stacks counts the file names' first words: languages and frameworks.
func stacks(list []sample) int {
	seen := map[string]bool{}
	for _, s := range list {
		first, _, _ := strings.Cut(s.name, "-")
		seen[first] = true
	}
	return len(seen)
}

// tells are what must not be in any answer that a sample became.
var tells = []string{"/srv/", "/var/www", "/usr/", `C:\`, "Exception", "Traceback", "goroutine", "nginx/", "Apache", "Jetty", "Werkzeug",
	"Cannot GET", "panicked", "Whitelabel", "Redirecting", "/nope", "DEBUG"}

func TestDefaultPagesAreReplaced(t *testing.T) {
	list := samples(t, "default", 50)
	if n := stacks(list); n < 25 {
		t.Errorf("samples of %d stacks, want at least 25", n)
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) { wantReplaced(t, s, "fingerprint/default-page mended") })
	}
}

func TestTracesAreReplaced(t *testing.T) {
	list := samples(t, "stack", 30)
	if n := stacks(list); n < 14 {
		t.Errorf("samples of %d languages, want at least 14", n)
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) { wantReplaced(t, s, "errors/stack mended") })
	}
}

func wantReplaced(t *testing.T, s sample, rule string) {
	for accept, contentType := range map[string]string{browser: "text/html; charset=utf-8", "application/json": "application/problem+json", "*/*": "text/plain; charset=utf-8"} {
		var told events
		g := mustNew(t, conceal.Options{Sink: told.sink})
		w := exchange(g, s.reply, header("Accept", accept))
		if w.Code != s.status {
			t.Errorf("status = %d, want %d", w.Code, s.status)
		}
		if got := told.rules(); !slices.Equal(got, []string{rule}) {
			t.Fatalf("told %v, want %s; body %q", got, rule, w.Body)
		}
		for _, tell := range tells {
			if strings.Contains(w.Body.String(), tell) {
				t.Errorf("body %q tells %q", w.Body, tell)
			}
		}
		if own := s.header.Get("Content-Type"); strings.Contains(own, "json") || strings.Contains(own, "xml;") {
			contentType = own // whoever parses it counts on the type
		}
		if got := w.Header().Get("Content-Type"); got != contentType {
			t.Errorf("Content-Type for Accept %q = %q, want %q", accept, got, contentType)
		}
	}
}

func TestRedirectBodiesAreEmptied(t *testing.T) {
	for _, s := range samples(t, "redirect", 10) {
		t.Run(s.name, func(t *testing.T) {
			s.header.Set("Location", "/x")
			if s.name == "express-static" {
				s.header.Set("Content-Security-Policy", "default-src 'none'")
			}
			var told events
			w := exchange(mustNew(t, conceal.Options{Sink: told.sink}), s.reply, header("Accept", browser))
			if w.Code != s.status || w.Body.Len() != 0 || w.Header().Get("Location") != "/x" || w.Header().Get("Content-Type") != "" ||
				w.Header().Get("Content-Security-Policy") != "" {
				t.Errorf("answer = %d %v %q, want %d with Location alone", w.Code, w.Header(), w.Body, s.status)
			}
			if got, want := told.rules(), []string{"fingerprint/redirect-body mended"}; !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
		})
	}
	own := reply{302, header("Location", "/x", "Content-Type", "text/html"), "<h1>Off you go to our new home</h1>"}
	if w := exchange(mustNew(t, conceal.Options{}), own, nil); w.Body.String() != own.body {
		t.Errorf("own redirect page became %q, want it kept", w.Body)
	}
}

func TestOwnPagesPass(t *testing.T) {
	for _, s := range samples(t, "own", 20) {
		t.Run(s.name, func(t *testing.T) {
			for _, accept := range []string{browser, "*/*"} {
				var told events
				w := exchange(mustNew(t, conceal.Options{Sink: told.sink}), s.reply, header("Accept", accept))
				if w.Body.String() != s.body || w.Header().Get("Content-Type") != s.header.Get("Content-Type") || len(told.rules()) > 0 {
					t.Errorf("own page became %q, told %v", w.Body, told.rules())
				}
			}
		})
	}
}

// Every sample is judged the same when compressed, and the mended answer is not.
func TestCompressedErrorsAreJudged(t *testing.T) {
	codings := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	}
	var told events
	g := mustNew(t, conceal.Options{Sink: told.sink})
	for coding, writer := range codings {
		for _, s := range slices.Concat(samples(t, "stack", 30), samples(t, "default", 50)) {
			var b bytes.Buffer
			z := writer(&b)
			io.WriteString(z, s.body)
			z.Close()
			app := reply{s.status, s.header.Clone(), b.String()}
			app.header.Set("Content-Encoding", coding)
			w := exchange(g, app, header("Accept", browser))
			if w.Header().Get("Content-Encoding") != "" || bytes.Equal(w.Body.Bytes(), b.Bytes()) {
				t.Errorf("%s in %s passed", s.name, coding)
			}
		}
		for _, s := range samples(t, "own", 20) {
			var b bytes.Buffer
			z := writer(&b)
			io.WriteString(z, s.body)
			z.Close()
			app := reply{s.status, s.header.Clone(), b.String()}
			app.header.Set("Content-Encoding", coding)
			if w := exchange(g, app, header("Accept", browser)); w.Header().Get("Content-Encoding") != coding || !bytes.Equal(w.Body.Bytes(), b.Bytes()) {
				t.Errorf("own page %s in %s did not pass byte for byte", s.name, coding)
			}
		}
	}
}

// A bomb costs the bound of decoding, not its size.
func TestCompressedBombIsBounded(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	chunk := make([]byte, 1<<20)
	for range 64 {
		z.Write(chunk)
	}
	z.Close()
	app := reply{500, header("Content-Type", "text/plain", "Content-Encoding", "gzip"), b.String()}
	g := mustNew(t, conceal.Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := exchange(g, app, nil)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("a bomb of 64 MiB takes %d bytes, want at most 4 MiB", got)
	}
	if w.Body.String() != app.body {
		t.Error("a bomb without a trace did not pass as it was")
	}
}
