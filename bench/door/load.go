package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/panoplysec/panoply/bench/internal/proc"
	"github.com/panoplysec/panoply/bench/internal/wrk"
)

// closed drives c with as many requests as the connections carry.
func (b *bench) closed(ctx context.Context, c *contender) error {
	run := func() (wrk.Result, error) { return wrk.Run(ctx, c.URL, b.conns, b.duration) }
	if b.http2 {
		run = func() (wrk.Result, error) { return wrk.Run2(ctx, c.URL, b.conns, b.duration) }
	}
	before := c.Proc.CPU()
	r, err := run()
	if err != nil {
		return err
	}
	used := c.Proc.CPU() - before
	c.errors += r.Failed
	c.rps = append(c.rps, r.Rate)
	c.cpu = append(c.cpu, float64(used.Microseconds())/r.Total)
	if r.P99 > 0 {
		c.p99 = append(c.p99, r.P99)
	}
	return nil
}

// open sends at a fixed rate whatever the answers do, and counts each latency from the
// moment the request was due, so that a stall is not hidden by waiting for it.
func (b *bench) open(ctx context.Context, c *contender) {
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // the bench's own throw-away certificate
		MaxIdleConnsPerHost: b.conns, MaxConnsPerHost: b.conns,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	total := int(b.duration.Seconds() * float64(b.rate))
	latency := make([]float64, total)
	start := time.Now().Add(10 * time.Millisecond)
	var wg sync.WaitGroup
	for i := range total {
		if ctx.Err() != nil {
			return
		}
		due := start.Add(time.Duration(i) * time.Second / time.Duration(b.rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			resp, err := client.Get(c.URL)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			latency[i] = float64(time.Since(due).Microseconds()) / 1000
			if err != nil {
				latency[i] = -1
			}
		})
	}
	wg.Wait()
	good := slices.DeleteFunc(latency, func(v float64) bool { return v < 0 })
	c.errors += total - len(good)
	if len(good) == 0 {
		return
	}
	slices.Sort(good)
	c.open50 = append(c.open50, good[len(good)/2])
	c.open99 = append(c.open99, good[len(good)*99/100])
}

func (b *bench) print(all []*contender) {
	load := "wrk -t2, HTTP/1.1"
	if b.http2 {
		load = "h2load -t2 -m8, HTTP/2"
	}
	fmt.Printf("%s; %s, TLS, %d connections, %v, small JSON from %s; medians of %d interleaved rounds (low–high)\n\n", proc.Machine(), load, b.conns, b.duration, b.upstream, b.rounds)
	fmt.Println("| proxy | requests/s | CPU µs/request | p99 ms, closed | p50 ms, open | p99 ms, open | failed |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, c := range all {
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %d |\n", c.Name, spread(c.rps, 0), spread(c.cpu, 0), spread(c.p99, 1), spread(c.open50, 2), spread(c.open99, 1), c.errors)
	}
	fmt.Printf("\nOpen loop: %d requests/s. Of the same round:\n\n| | requests/s | CPU a request |\n|---|---|---|\n", b.rate)
	for _, c := range all[1:] {
		rps, cpu := ratios(all[0].rps, c.rps), ratios(all[0].cpu, c.cpu)
		fmt.Printf("| %s / %s | %s | %s |\n", all[0].Name, c.Name, spread(rps, 2), spread(cpu, 2))
	}
}

// ratios are those of a to b, round by round.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func spread(values []float64, digits int) string {
	if len(values) == 0 {
		return "–" // was not measured
	}
	m, low, high := proc.Median(values)
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, m, digits, low, digits, high)
}
