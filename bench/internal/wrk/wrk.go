// Package wrk drives a server with wrk, or with h2load for HTTP/2, and reads what they say.
package wrk

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// A Result is what one run reports.
type Result struct {
	Rate   float64 // requests a second
	Total  float64 // requests
	P99    float64 // ms; 0 where it is not told
	Failed int
}

var (
	rate  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	total = regexp.MustCompile(`(\d+) requests in`)
	p99   = regexp.MustCompile(`99%\s+([0-9.]+)(us|ms|s)`)
	bad   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)

	rate2  = regexp.MustCompile(`finished in [^,]+, ([0-9.]+) req/s`)
	total2 = regexp.MustCompile(`(\d+) done`)
	bad2   = regexp.MustCompile(`(\d+) failed`)
)

// Run sends as many requests as conns connections carry for the time, over HTTP/1.1.
func Run(ctx context.Context, to string, conns int, time time.Duration, header ...string) (Result, error) {
	args := []string{"-t2", "-c", strconv.Itoa(conns), "-d", time.String(), "--latency"}
	for _, h := range header {
		args = append(args, "-H", h)
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, to)...).CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("wrk: %v\n%s", err, out)
	}
	r := Result{Rate: number(rate, out), Total: number(total, out), Failed: int(number(bad, out))}
	if m := p99.FindSubmatch(out); m != nil {
		v, _ := strconv.ParseFloat(string(m[1]), 64)
		r.P99 = v * map[string]float64{"us": 0.001, "ms": 1, "s": 1000}[string(m[2])]
	}
	return r, r.check(to, out)
}

// Run2 does so over HTTP/2, with eight streams on each connection.
func Run2(ctx context.Context, to string, conns int, time time.Duration) (Result, error) {
	u, err := url.Parse(to)
	if err != nil {
		return Result{}, err
	}
	args := []string{"-t2", "-c", strconv.Itoa(conns), "-m8", "-D", strconv.Itoa(int(time.Seconds())), "--connect-to", "127.0.0.1:" + u.Port(), to}
	out, err := exec.CommandContext(ctx, "h2load", args...).CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("h2load: %v\n%s", err, out)
	}
	r := Result{Rate: number(rate2, out), Total: number(total2, out), Failed: int(number(bad2, out))}
	return r, r.check(to, out)
}

func (r Result) check(to string, out []byte) error {
	if r.Rate == 0 || r.Total == 0 {
		return fmt.Errorf("nothing was said of %s:\n%s", to, out)
	}
	return nil
}

func number(re *regexp.Regexp, text []byte) float64 {
	m := re.FindSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(string(m[1]), 64)
	return v
}
