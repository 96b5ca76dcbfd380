package mirror_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/osv/mirror"
)

func TestMain(m *testing.M) {
	mirror.Hurry()
	os.Exit(m.Run())
}

// zipOf makes an archive of n records of npm, the newest of a day.
func zipOf(t testing.TB, n int, newest string, more ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range n {
		more = append(more, fmt.Sprintf(`{"id":"T-%d","modified":"%sT00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"p-%d"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}`, i, newest, i))
	}
	for i, text := range more {
		f, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("T-%d.json", i), Method: zip.Store}) // as large as it looks
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func googHash(text []byte) string {
	sum := crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
	return "crc32c=" + base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// honest serves a text as Cloud Storage does.
func honest(w http.ResponseWriter, r *http.Request, text []byte) {
	w.Header().Set("ETag", tagOf(text))
	w.Header().Set("X-Goog-Hash", googHash(text)+",md5=AAAAAAAAAAAAAAAAAAAAAA==")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// cut serves as if the text were whole, and resets after n bytes of it.
func cut(w http.ResponseWriter, text []byte, n int) {
	w.Header().Set("ETag", tagOf(text))
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = w.Write(text[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// A liar serves npm/all.zip as its function likes, which hears how often it was asked.
type liar struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // the requests, with the headers that matter
	do   func(w http.ResponseWriter, r *http.Request, n int)
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	line := r.URL.Path
	for _, name := range []string{"If-None-Match", "Range", "If-Range"} {
		if v := r.Header.Get(name); v != "" {
			line += " " + name
		}
	}
	l.seen = append(l.seen, line)
	n := len(l.seen)
	do := l.do
	l.mu.Unlock()
	do(w, r, n)
}

// says changes what is served, and forgets what was asked.
func (l *liar) says(do func(w http.ResponseWriter, r *http.Request, n int)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do, l.seen = do, nil
}

func (l *liar) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seen)
}

func serve(t *testing.T) (*liar, mirror.Options) {
	t.Helper()
	l := new(liar)
	l.Server = httptest.NewUnstartedServer(l)
	l.Config.ErrorLog = nil
	l.StartTLS()
	t.Cleanup(l.Close)
	roots := x509.NewCertPool()
	roots.AddCert(l.Certificate())
	return l, mirror.Options{Dir: filepath.Join(t.TempDir(), "osv"), Source: l.URL, Ecosystems: []string{"npm"}, Roots: roots, MinRecords: 2}
}

// whole serves a text honestly.
func whole(text []byte) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, r *http.Request, _ int) { honest(w, r, text) }
}

func update(t *testing.T, o mirror.Options) mirror.Result {
	t.Helper()
	results, err := mirror.Update(t.Context(), o)
	if err != nil || len(results) != 1 {
		t.Fatalf("Update = %+v, %v, want one result", results, err)
	}
	return results[0]
}

// holds tells how many records of npm a folder has, by a lookup too.
func holds(t *testing.T, dir string, want int) {
	t.Helper()
	db, err := osv.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hits, err := db.Match("npm", "p-1", "1.0.0")
	if err != nil || len(hits) != 1 || db.Meta.Records != want {
		t.Errorf("the index has %d records and tells %v, %v of p-1, want %d and one", db.Meta.Records, hits, err, want)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 { // the index and the lock
		t.Errorf("the folder holds %v, %v, want the index and the lock", left, err)
	}
}

func TestUpdate(t *testing.T) {
	l, o := serve(t)
	first, second := zipOf(t, 20, "2026-01-01"), zipOf(t, 30, "2026-01-02")
	l.says(whole(first))
	var last int64
	o.Tell = func(_ string, done, total int64) {
		if done < last || total != int64(len(first)) {
			t.Errorf("Tell hears %d of %d after %d", done, total, last)
		}
		last = done
	}
	sum := sha256.Sum256(first)
	r := update(t, o)
	if f := r.Meta.Fetched; r.Unchanged || f == nil || f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(first)) || f.URL != l.URL+"/npm/all.zip" || time.Since(f.At) > time.Minute {
		t.Errorf("Update = %+v with %+v, want what was fetched", r, f)
	}
	if last != int64(len(first)) {
		t.Errorf("Tell heard %d at last, want %d", last, len(first))
	}
	holds(t, o.Dir, 20)
	o.Tell = nil
	// Nothing new costs one request.
	l.says(whole(first))
	if r := update(t, o); !r.Unchanged || r.Meta.Records != 20 {
		t.Errorf("Update = %+v, want nothing new", r)
	}
	if got := l.asked(); !slices.Equal(got, []string{"/npm/all.zip If-None-Match"}) {
		t.Errorf("asked %q, want once, with the tag", got)
	}
	l.says(whole(second))
	update(t, o)
	holds(t, o.Dir, 30)
	all, err := mirror.Status(o.Dir)
	if err != nil || len(all) != 1 || all[0].Ecosystem != "npm" || all[0].Meta.Records != 30 || time.Since(all[0].Checked) > time.Minute {
		t.Errorf("Status = %+v, %v, want the index of npm", all, err)
	}
	// A damaged index is told by name, and mended by the next update.
	if err := os.WriteFile(all[0].File, []byte("PNPLOSV3 and nothing more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Status(o.Dir); !errors.Is(err, osv.ErrDamaged) || !strings.Contains(err.Error(), all[0].File) {
		t.Errorf("Status = %v, want a damaged index by name", err)
	}
	update(t, o)
	holds(t, o.Dir, 30)
}

func TestWhatLiesIsNotUsed(t *testing.T) {
	old, good := zipOf(t, 100, "2026-01-20"), zipOf(t, 110, "2026-01-21")
	padded := zipOf(t, 110, "2026-01-21", strings.Repeat("x", 1<<20))
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { honest(w, r, good) }))
	defer plain.Close()
	for name, c := range map[string]struct {
		do   func(w http.ResponseWriter, r *http.Request, n int)
		want string
	}{
		"cut short always": {func(w http.ResponseWriter, _ *http.Request, _ int) { cut(w, good, 0) }, "EOF"},
		"too short without a length": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(good[:len(good)-30])
		}, "is not used: osv: "},
		"wrong sum": {func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("X-Goog-Hash", googHash(old))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(good))
		}, "(crc32c)"},
		"garbled sum": {func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("X-Goog-Hash", "crc32c=?")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(good))
		}, "(crc32c)"},
		"gzip": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(good)
		}, `encoding "gzip"`},
		"huge by its length": {func(w http.ResponseWriter, _ *http.Request, _ int) { w.Header().Set("Content-Length", "1099511627776") }, "are the most that is taken"},
		"huge without":       {func(w http.ResponseWriter, _ *http.Request, _ int) { w.(http.Flusher).Flush(); _, _ = w.Write(padded) }, "beyond the 1000000 bytes"},
		"redirect to http": {func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, plain.URL+"/npm/all.zip", http.StatusFound)
		}, "which is not https"},
		"redirects forever": {func(w http.ResponseWriter, r *http.Request, n int) {
			http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusFound)
		}, "more than 5 redirects"},
		"not there": {func(w http.ResponseWriter, r *http.Request, _ int) { http.NotFound(w, r) }, "answers 404"},
		"down":      {func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusServiceUnavailable) }, "answers 503"},
		"unasked 206": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(good)-1, len(good)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(good)
		}, "answers 206"},
		"a page":            {whole([]byte("<!doctype html><title>Sign in</title>")), "not a valid zip"},
		"empty":             {whole(nil), "not a valid zip"},
		"few records":       {whole(zipOf(t, 1, "2026-01-21")), "it has 1 advisories of npm, and 2 are the least"},
		"shrunk":            {whole(zipOf(t, 80, "2026-01-21")), "it has 80 advisories, and there were 100; if that is meant, remove "},
		"older":             {whole(zipOf(t, 100, "2026-01-10")), "its newest record is of 2026-01-10, and there was one of 2026-01-20"},
		"future":            {whole(zipOf(t, 100, "2999-01-01")), "in the future"},
		"broken records":    {whole(zipOf(t, 100, "2026-01-21", "{", `{"id":""}`, "nothing")), "2 of its 102 records cannot be read; the first is no whole JSON document"},
		"another ecosystem": {whole(zipOf(t, 0, "", `{"id":"G","affected":[{"package":{"ecosystem":"Go","name":"x"}}]}`)), "it has 0 advisories of npm"},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := serve(t)
			l.says(whole(old))
			update(t, o)
			l.says(c.do)
			o.MaxBytes = 1_000_000
			results, err := mirror.Update(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "npm: "+l.URL+"/npm/all.zip") || len(results) > 0 {
				t.Errorf("Update = %+v, %v, want an error with the address and %q", results, err, c.want)
			}
			if n := len(l.asked()); n > 7 {
				t.Errorf("asked %d times", n)
			}
			db, err := osv.Open(o.Dir, "")
			if err != nil || db.Meta.Records != 100 {
				t.Fatalf("Open = %v, want the old 100 records", err)
			}
			db.Close()
			// The next honest answer is taken.
			l.says(whole(good))
			update(t, o)
			holds(t, o.Dir, 110)
		})
	}
}
