// Command footprint measures what the door costs at rest and in flight: the time of
// panoply version, the resident memory of an idle serve, and what a 20 MB upload and
// download add to it.
//
//	cd bench && go run ./footprint
package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/proxy"
)

const (
	rounds   = 7
	transfer = 20 << 20
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "panoply-footprint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := proc.BuildPanoply(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(bin)
	if err != nil {
		return err
	}
	var version []float64
	for range 3 * rounds {
		start := time.Now()
		if err := exec.Command(bin, "version").Run(); err != nil {
			return err
		}
		version = append(version, float64(time.Since(start).Microseconds())/1000)
	}
	var idle, up, down []float64
	for range rounds {
		i, u, d, err := serve(dir, bin)
		if err != nil {
			return err
		}
		idle, up, down = append(idle, i), append(up, u), append(down, d)
	}
	fmt.Printf("%s; medians of %d rounds (low–high)\n\n| what | figure |\n|---|---|\n", proc.Machine(), rounds)
	row := func(name, unit string, values []float64) {
		m, l, h := proc.Median(values)
		fmt.Printf("| %s | %.1f %s (%.1f–%.1f) |\n", name, m, unit, l, h)
	}
	row("`panoply version`", "ms", version)
	row("`serve`, idle, resident", "MB", idle)
	row("added by a 20 MB upload, peak", "MB", up)
	row("added by a 20 MB download, peak", "MB", down)
	for _, v := range proxy.Variants {
		app := newApp()
		var adds, keeps []float64
		for i := range 3 {
			add, keep, err := many(dir, bin, v, strings.TrimPrefix(app.URL, "http://"))
			if err != nil {
				app.Close()
				return fmt.Errorf("%s, round %d: %w", v.Name, i, err)
			}
			adds, keeps = append(adds, add), append(keeps, keep)
		}
		app.Close()
		row(fmt.Sprintf("%s: added by %d uploads of %d MB at once, peak", v.Name, uploads, uploadSize>>20), "MB", adds)
		row(fmt.Sprintf("%s: with %d idle TLS connections, resident", v.Name, keptAlive), "MB", keeps)
	}
	fmt.Printf("| binary, not stripped | %.1f MB |\n", float64(info.Size())/1e6)
	return nil
}

// serve starts a door, and returns its idle memory and what each transfer added, in MB.
func serve(dir, bin string) (idle, up, down float64, err error) {
	app := newApp()
	defer app.Close()
	addr := proc.FreeAddr()
	state, err := os.MkdirTemp(dir, "state-")
	if err != nil {
		return 0, 0, 0, err
	}
	file := filepath.Join(state, "panoply.yaml")
	text := fmt.Sprintf("upstream: %s\nlisten: %s\nredirect: off\nstate: %s\nadmin:\n  listen: off\n",
		strings.TrimPrefix(app.URL, "http://"), addr, state)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return 0, 0, 0, err
	}
	p, err := proc.Start("panoply", addr, nil, bin, "serve", "--config", file)
	if err != nil {
		return 0, 0, 0, err
	}
	defer p.Stop()
	time.Sleep(2 * time.Second) // the checks at start are over, the runtime has settled
	idle = float64(p.Memory("VmRSS")) / 1e6
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the bench's own local CA
	defer client.CloseIdleConnections()
	base := strings.Replace("https://"+addr, "127.0.0.1", "localhost", 1)
	for round, do := range []func() error{
		func() error { return post(client, base, transfer) },
		func() error { return get(client, base) },
	} {
		before := float64(p.Memory("VmHWM")) / 1e6
		if err := do(); err != nil {
			return 0, 0, 0, err
		}
		added := float64(p.Memory("VmHWM"))/1e6 - before
		if round == 0 {
			up = added
		} else {
			down = added
		}
	}
	return idle, up, down, nil
}

func post(c *http.Client, base string, size int64) error {
	resp, err := c.Post(base, "application/octet-stream", io.LimitReader(zeros{}, size))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != fmt.Sprint(size) {
		return fmt.Errorf("the app received %q bytes of %d", text, size)
	}
	return nil
}

func get(c *http.Client, base string) error {
	resp, err := c.Get(base)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != transfer {
		return errors.Join(err, fmt.Errorf("received %d bytes of %d", n, transfer))
	}
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// newApp takes uploads, and answers large or small.
func newApp() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
			return
		}
		if r.URL.Path == "/small" {
			fmt.Fprint(w, "small")
			return
		}
		io.CopyN(w, zeros{}, transfer)
	}))
}

func port(url string) string {
	_, p, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ":")
	return strings.TrimSuffix(p, "/")
}
