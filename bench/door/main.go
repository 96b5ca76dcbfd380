// Command door measures the door beside nginx and Caddy: requests a second and CPU time a request
// under 64 connections with TLS (wrk), and latency at a fixed open-loop rate, both in
// front of the same small JSON upstream, in interleaved rounds. Everything runs on
// loopback, for a bounded time, and is ended at the end.
//
//	cd bench && go run ./door -rounds 7
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/proxy"
)

func main() {
	role := flag.String("role", "", "internal: upstream")
	addr := flag.String("addr", "", "internal: address of the upstream")
	kind := flag.String("upstream", "go", "what is behind: go (net/http), or nginx, which takes the least time")
	rounds := flag.Int("rounds", 7, "interleaved rounds")
	duration := flag.Duration("duration", 5*time.Second, "time of one wrk run")
	http2 := flag.Bool("http2", false, "HTTP/2, by h2load, and no open-loop run")
	conns := flag.Int("conns", 64, "connections")
	rate := flag.Int("rate", 1500, "requests a second of the open-loop run; 0 to leave it out")
	panoply := flag.String("panoply", "", "the panoply binary; built when empty")
	caddy := flag.String("caddy", "", "the caddy binary; built outside the tree when empty, \"none\" to leave it out")
	flag.Parse()
	if *role == "upstream" {
		upstream(*addr)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := bench{rounds: *rounds, duration: *duration, conns: *conns, rate: *rate, upstream: *kind, http2: *http2}
	if err := b.run(ctx, *panoply, *caddy); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// answer is the small JSON document of an API.
const answer = `{"id":42,"name":"Tea pot","price":1999,"tags":["kitchen","steel"],"stock":7}`

// startUpstream runs what answers, with two headers of its own, as an API would.
func startUpstream(dir, kind string) (*proc.Process, string, error) {
	if kind == "nginx" {
		return proxy.NginxUpstream(dir, answer)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	addr := proc.FreeAddr()
	up, err := proc.Start("upstream", addr, nil, self, "-role", "upstream", "-addr", addr)
	return up, addr, err
}

func upstream(addr string) {
	body := []byte(answer)
	http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		h["X-Powered-By"] = []string{"Express"}
		w.Write(body)
	}))
}

type bench struct {
	rounds, conns, rate int
	upstream            string
	http2               bool
	duration            time.Duration
}

// A contender is a proxy under measurement and what was seen of it.
type contender struct {
	*proxy.Proxy
	rps    []float64
	p99    []float64 // ms
	cpu    []float64 // µs a request
	open50 []float64 // ms
	open99 []float64 // ms
	errors int
}

func (b *bench) run(ctx context.Context, panoplyBin, caddyBin string) error {
	dir, err := os.MkdirTemp("", "panoply-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cert, key, err := proc.Certificate(dir)
	if err != nil {
		return err
	}
	if panoplyBin == "" {
		if panoplyBin, err = proc.BuildPanoply(dir); err != nil {
			return err
		}
	}
	up, upAddr, err := startUpstream(filepath.Join(dir, "upstream"), b.upstream)
	if err != nil {
		return err
	}
	defer up.Stop()
	var all []*contender
	add := func(p *proxy.Proxy, err error) error {
		if err == nil {
			all = append(all, &contender{Proxy: p})
		}
		return err
	}
	defer func() {
		for _, c := range all {
			c.Proc.Stop()
		}
	}()
	for _, v := range proxy.Variants {
		if err := add(proxy.Panoply(filepath.Join(dir, "door-"+v.Name), panoplyBin, v, upAddr, cert, key)); err != nil {
			return err
		}
	}
	if err := add(proxy.Nginx(filepath.Join(dir, "nginx"), upAddr, cert, key)); err != nil {
		return err
	}
	if caddyBin != "none" {
		if err := add(proxy.Caddy(ctx, dir, caddyBin, upAddr, cert, key)); err != nil {
			fmt.Fprintln(os.Stderr, "bench: caddy is left out:", err)
		}
	}
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)] // take turns at going first
			if err := b.closed(ctx, c); err != nil {
				return err
			}
			if b.rate > 0 && !b.http2 {
				b.open(ctx, c)
			}
			fmt.Fprintf(os.Stderr, "round %d %-8s %8.0f req/s\n", round+1, c.Name, c.rps[len(c.rps)-1])
		}
	}
	b.print(all)
	return ctx.Err()
}
