// Command audit measures what panoply audit needs for a site of 300 pages with assets,
// an API and a login on loopback: its time, its memory and its requests.
//
//	cd bench && go run ./audit
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
)

const (
	rounds = 5
	pages  = 300
	// weight is the size of each page, that of an ordinary shop's.
	weight = 60 << 10
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "panoply-audit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := proc.BuildPanoply(dir)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var served atomic.Int64
	srv := &http.Server{Handler: site(&served), ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(ln) // ends with Close
	defer srv.Close()
	fmt.Printf("# %s\n# median (lowest–highest) of %d audits of %d pages of %d kB\n\n", proc.Machine(), rounds, pages, weight>>10)
	fmt.Println("| audit | seconds | peak memory | requests | pages |\n|---|---|---|---|---|")
	address := "http://" + ln.Addr().String()
	for _, how := range []struct {
		name string
		args []string
	}{
		{"as a visitor", nil},
		{"as a visitor and as a user", []string{"--header", "Cookie: id=3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b"}},
	} {
		var took, memory []float64
		var seen, asked int64
		for range rounds {
			served.Store(0)
			var out bytes.Buffer
			cmd := exec.Command(bin, append([]string{"audit", "--format", "json", "--pages", fmt.Sprint(pages), address}, how.args...)...)
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			start := time.Now()
			if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
				return fmt.Errorf("panoply audit: %w", err)
			}
			took = append(took, time.Since(start).Seconds())
			memory = append(memory, float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)
			asked = served.Load()
			if seen, err = count(&out); err != nil {
				return err
			}
		}
		t, tl, th := proc.Median(took)
		m, ml, mh := proc.Median(memory)
		fmt.Printf("| %s | %.1f (%.1f–%.1f) | %.0f MB (%.0f–%.0f) | %d | %d |\n", how.name, t, tl, th, m, ml, mh, asked, seen)
	}
	return nil
}

// count is how many answers the report has judged.
func count(r io.Reader) (int64, error) {
	var doc struct {
		Targets []struct {
			Pages []struct{ Count int64 }
		}
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return 0, err
	}
	var n int64
	for _, t := range doc.Targets {
		for _, c := range t.Pages {
			n += c.Count
		}
	}
	return n, nil
}

// site is a shop: items that link to their neighbours, assets, an API, an account.
func site(served *atomic.Int64) http.Handler {
	filler := strings.Repeat("<p>A chair is a piece of furniture with a raised surface.</p>\n", weight/60)
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><link rel="stylesheet" href="/static/app.css"><script src="/static/app.js"></script>%s%s`, body, filler)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<a href="/item/0">Items</a> <a href="/account">Account</a>`)
	})
	mux.HandleFunc("/item/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.PathValue("n"), "%d", &n)
		var links strings.Builder
		for i := 1; i <= 10; i++ {
			fmt.Fprintf(&links, `<a href="/item/%d">next</a> `, (n*10+i)%(2*pages))
		}
		page(w, links.String())
	})
	mux.HandleFunc("/account", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("id"); err != nil {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		page(w, "<p>Your orders")
	})
	mux.HandleFunc("/static/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", map[bool]string{true: "text/css", false: "text/javascript"}[strings.HasSuffix(r.URL.Path, ".css")])
		io.WriteString(w, "/* nothing */")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		mux.ServeHTTP(w, r)
	})
}
