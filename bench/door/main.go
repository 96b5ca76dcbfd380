// Command door measures the door beside Caddy: requests a second and CPU time a request
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
)

func main() {
	role := flag.String("role", "", "internal: upstream")
	addr := flag.String("addr", "", "internal: address of the upstream")
	rounds := flag.Int("rounds", 7, "interleaved rounds")
	duration := flag.Duration("duration", 5*time.Second, "time of one wrk run")
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
	b := bench{rounds: *rounds, duration: *duration, conns: *conns, rate: *rate}
	if err := b.run(ctx, *panoply, *caddy); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// upstream answers a small JSON document with two headers of its own, as an API would.
func upstream(addr string) {
	body := []byte(`{"id":42,"name":"Tea pot","price":1999,"tags":["kitchen","steel"],"stock":7}`)
	http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		h["X-Powered-By"] = []string{"Express"}
		w.Write(body)
	}))
}

type bench struct {
	rounds, conns, rate int
	duration            time.Duration
}

// A contender is a proxy under measurement and what was seen of it.
type contender struct {
	name    string
	proc    *proc.Process
	url     string
	rps     []float64
	p99     []float64 // ms
	cpu     []float64 // µs a request
	open50  []float64 // ms
	open99  []float64 // ms
	errors  int
	skipped string
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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	upAddr := proc.FreeAddr()
	up, err := proc.Start("upstream", upAddr, nil, self, "-role", "upstream", "-addr", upAddr)
	if err != nil {
		return err
	}
	defer up.Stop()

	door, err := startPanoply(dir, panoplyBin, upAddr, cert, key)
	if err != nil {
		return err
	}
	defer door.proc.Stop()
	all := []*contender{door}
	if caddyBin != "none" {
		c, err := startCaddy(ctx, dir, caddyBin, upAddr, cert, key)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: caddy is left out:", err)
		} else {
			defer c.proc.Stop()
			all = append(all, c)
		}
	}
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)] // take turns at going first
			if err := b.closed(ctx, c); err != nil {
				return err
			}
			if b.rate > 0 {
				b.open(ctx, c)
			}
			fmt.Fprintf(os.Stderr, "round %d %-8s %8.0f req/s\n", round+1, c.name, c.rps[len(c.rps)-1])
		}
	}
	b.print(all)
	return ctx.Err()
}

func startPanoply(dir, bin, upstream, cert, key string) (*contender, error) {
	addr := proc.FreeAddr()
	_, port, _ := splitPort(addr)
	file := filepath.Join(dir, "panoply.yaml")
	text := fmt.Sprintf(`upstream: %s
listen: 127.0.0.1:%s
redirect: off
sites: [localhost]
state: %s
tls:
  certificates:
    - cert: %s
      key: %s
admin:
  listen: off
`, upstream, port, filepath.Join(dir, "state"), cert, key)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := proc.Start("panoply", addr, nil, bin, "serve", "--config", file)
	if err != nil {
		return nil, err
	}
	return &contender{name: "panoply", proc: p, url: "https://localhost:" + port + "/"}, nil
}
