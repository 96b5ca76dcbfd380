package audit_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// TestThreeHundredPages bounds the time and the memory of an ordinary site. The figures
// of record are in docs/performance.md; these leave room for a busy machine.
func TestThreeHundredPages(t *testing.T) {
	filler := strings.Repeat("<p>A chair is a piece of furniture with a raised surface.\n", 1000)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		var n int
		if r.URL.Path != "/" {
			if _, err := fmt.Sscanf(r.URL.Path, "/item/%d", &n); err != nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
		}
		for i := range 10 {
			fmt.Fprintf(w, `<a href="/item/%d">next</a> `, (n*10+i+1)%1000)
		}
		fmt.Fprint(w, filler)
	}))
	defer app.Close()
	var before, after runtime.MemStats
	collect()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, standardChecks(), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	collect()
	runtime.ReadMemStats(&after)
	pages := 0
	for _, c := range r.Targets[0].Pages {
		pages += c.Count
	}
	if pages < audit.DefaultPages {
		t.Errorf("%d pages, want %d", pages, audit.DefaultPages)
	}
	if took > time.Minute {
		t.Errorf("took %v, want a minute at most", took)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("%d MB are still held, want 64 at most", grown>>20)
	}
	if skipped := fmt.Sprint(r.Targets[0].Skipped); !strings.Contains(skipped, "beyond the bound of 300 pages") {
		t.Errorf("skipped = %s, want the pages beyond the bound told", skipped)
	}
}

// collect runs the collector twice: what pools hold survives one run.
func collect() {
	runtime.GC()
	runtime.GC()
}

func TestCredentialsGoToTheTargetAndIntoNoReport(t *testing.T) {
	const secret = "3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b"
	asked := make(chan bool, 1000)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/logout" {
			t.Error("the audit logged out")
		}
		c, err := r.Cookie("id")
		if err != nil || c.Value != secret {
			fmt.Fprint(w, `<a href="/me">me</a>`)
			return
		}
		asked <- true
		w.WriteHeader(http.StatusOK)
		fmt.Fprintf(w, `<a href="/me">me</a> <a href="/logout">out</a> your session is %s, at /srv/app/views/%s.ejs`, secret, secret)
	}))
	defer app.Close()
	record := func(x *check.Exchange) {
		if bytes.Contains(x.Body, []byte(secret)) {
			t.Errorf("the recording of %s holds the session", x.URL)
		}
	}
	r := run(t, audit.Options{Rate: 1000, ListSent: true, Record: record}, check.Target{URL: app.URL, Credentials: "Cookie: id=" + secret})
	if len(asked) == 0 {
		t.Fatal("nothing was asked as a user")
	}
	if !r.Targets[0].LoggedIn {
		t.Error("LoggedIn is false")
	}
	if text := fmt.Sprintf("%+v", r); strings.Contains(text, secret) {
		t.Errorf("the report holds the session: …%s…", text[max(0, strings.Index(text, secret)-200):][:240])
	}
	if len(r.Sent) == 0 {
		t.Error("Sent is empty")
	}
}
