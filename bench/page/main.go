// Command page measures the whole page: the door in front of a bare Express app, beside nginx
// in front of the same app with helmet, express-session, csurf and rate-limiter-flexible
// inside. The npm packages are found by NODE_PATH.
//
//	cd bench && NODE_PATH=… go run ./page -rounds 7
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/proxy"
	"github.com/panoplysec/panoply/bench/internal/wrk"
)

func main() {
	rounds := flag.Int("rounds", 7, "interleaved rounds")
	duration := flag.Duration("duration", 5*time.Second, "time of one wrk run")
	conns := flag.Int("conns", 64, "connections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *conns, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A way is a proxy with an app of its own behind.
type way struct {
	*proxy.Proxy
	app      *proc.Process
	cookie   string // of somebody who is logged in
	rps, cpu []float64
	p99      []float64
	failed   int
}

func run(ctx context.Context, rounds, conns int, duration time.Duration) error {
	dir, err := os.MkdirTemp("", "panoply-page-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cert, key, err := proc.Certificate(dir)
	if err != nil {
		return err
	}
	bin, err := proc.BuildPanoply(dir)
	if err != nil {
		return err
	}
	var ways []*way
	defer func() {
		for _, w := range ways {
			w.Proc.Stop()
			w.app.Stop()
		}
	}()
	add := func(kind string, start func(upstream string) (*proxy.Proxy, error)) error {
		addr := proc.FreeAddr()
		app, err := proc.Start("express", addr, []string{"NODE_ENV=production"}, "node", "page/app.cjs", kind, addr[strings.LastIndexByte(addr, ':')+1:])
		if err != nil {
			return err
		}
		p, err := start(addr)
		if err != nil {
			app.Stop()
			return err
		}
		p.Name += ", " + kind
		w := &way{Proxy: p, app: app}
		ways = append(ways, w)
		w.cookie, err = login(p.URL)
		return err
	}
	door := func(upstream string) (*proxy.Proxy, error) {
		return proxy.Panoply(filepath.Join(dir, "door"), bin, proxy.Variants[0], upstream, cert, key)
	}
	nginx := func(name string) func(string) (*proxy.Proxy, error) {
		return func(upstream string) (*proxy.Proxy, error) {
			return proxy.Nginx(filepath.Join(dir, name), upstream, cert, key)
		}
	}
	for _, step := range []struct {
		kind  string
		start func(string) (*proxy.Proxy, error)
	}{{"bare", door}, {"stack", nginx("stack")}, {"bare", nginx("bare")}} {
		if err := add(step.kind, step.start); err != nil {
			return err
		}
	}
	for round := range rounds {
		for i := range ways {
			if err := ways[(i+round)%len(ways)].measure(ctx, conns, duration); err != nil {
				return err
			}
		}
	}
	report(ways, conns, duration, rounds)
	return nil
}

// login returns the Cookie field of somebody who has a session, empty where the app has none.
func login(base string) (string, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the bench's own throw-away certificate
	defer client.CloseIdleConnections()
	resp, err := client.Get(base + "login")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%slogin: %s", base, resp.Status)
	}
	var pairs []string
	for _, c := range resp.Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; "), nil
}

func (w *way) measure(ctx context.Context, conns int, duration time.Duration) error {
	var header []string
	if w.cookie != "" {
		header = append(header, "Cookie: "+w.cookie)
	}
	before := w.Proc.CPU() + w.app.CPU()
	r, err := wrk.Run(ctx, w.URL, conns, duration, header...)
	if err != nil {
		return err
	}
	used := w.Proc.CPU() + w.app.CPU() - before
	w.rps, w.p99, w.failed = append(w.rps, r.Rate), append(w.p99, r.P99), w.failed+r.Failed
	w.cpu = append(w.cpu, float64(used.Microseconds())/r.Total)
	fmt.Fprintf(os.Stderr, "%-20s %8.0f req/s\n", w.Name, r.Rate)
	return nil
}

func report(ways []*way, conns int, duration time.Duration, rounds int) {
	spread := func(values []float64, digits int) string {
		m, low, high := proc.Median(values)
		return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, m, digits, low, digits, high)
	}
	fmt.Printf("%s; wrk -t2, TLS, %d connections, %v; medians of %d interleaved rounds (low–high)\n\n", proc.Machine(), conns, duration, rounds)
	fmt.Println("| | requests/s | CPU µs/request, proxy and app | p99 ms | failed | panoply, bare / it |\n|---|---|---|---|---|---|")
	for _, w := range ways {
		ratios := make([]float64, len(w.rps))
		for i := range ratios {
			ratios[i] = ways[0].rps[i] / w.rps[i]
		}
		fmt.Printf("| %s | %s | %s | %s | %d | %s |\n", w.Name, spread(w.rps, 0), spread(w.cpu, 0), spread(w.p99, 1), w.failed, spread(ratios, 2))
	}
}
