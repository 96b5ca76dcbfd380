// Command limitredis measures a decision of redisstore.Limits beside go-redis with the same
// script and the same arguments, and beside redis_rate, against one redis-server on
// loopback: at 1 and at 32 callers, each in turn, several rounds, and the medians' ratio.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

const (
	rounds  = 7
	callers = 32
	keys    = 1024
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "limitredis:", err)
		os.Exit(1)
	}
}

// startRedis starts a server on a free port of loopback.
func startRedis() (addr string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	check(l.Close())
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--loglevel", "warning")
	check(cmd.Start())
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for range 1000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			check(c.Close())
			return addr, stop
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	check(fmt.Errorf("redis-server does not answer at %s", addr))
	return "", nil
}

// sent returns the arguments of the first EVAL that f has sent to the server, which is what
// a store sends to a server that lacks its script. So the peer runs what Panoply runs.
func sent(server string, f func(addr string)) []string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	found := make(chan []string, 1)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			check(err)
			go func() { _, _ = io.Copy(client, up) }()
			r, w := io.Pipe()
			go func() { _, _ = io.Copy(io.MultiWriter(up, w), client) }()
			go func() {
				for in := bufio.NewReader(r); ; {
					args, err := command(in)
					if err != nil {
						return
					}
					if len(args) > 0 && args[0] == "EVAL" {
						select {
						case found <- args[1:]:
						default:
						}
					}
				}
			}()
		}
	}()
	f(l.Addr().String())
	return <-found
}

// command reads one command as clients send it: an array of bulk strings.
func command(in *bufio.Reader) (args []string, err error) {
	number := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(line[1 : len(line)-2])
	}
	n, err := number()
	for range n {
		size, err := number()
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		args = append(args, string(b[:size]))
	}
	return args, err
}

type peer struct {
	name string
	call func(ctx context.Context, i int) error
}

func run(p peer, callers int) testing.BenchmarkResult {
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		if callers == 1 {
			for i := 0; b.Loop(); i++ {
				check(p.call(ctx, i%keys))
			}
			return
		}
		var next atomic.Int64
		b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for i := int(next.Add(37)); pb.Next(); i++ {
				check(p.call(ctx, i%keys))
			}
		})
	})
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func main() {
	testing.Init()
	addr, stop := startRedis()
	defer stop()

	rule, err := limit.Compile(limit.Policy{Name: "api", Algorithm: limit.GCRA, Points: 1000, Duration: time.Minute, Burst: 1 << 30})
	check(err)
	opOf := func(i int) limit.Op { return limit.Op{Rule: rule, Key: limit.Key{Tag: uint64(i), ID: 1}, Points: 1} }
	decide := func(l *redisstore.Limits) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			ops, results := [1]limit.Op{opOf(i)}, [1]limit.Result{}
			err := l.Decide(ctx, time.Time{}, ops[:], results[:])
			if err == nil && !results[0].Allowed {
				err = fmt.Errorf("refused")
			}
			return err
		}
	}
	eval := sent(addr, func(proxy string) {
		l, err := redisstore.NewLimits(redisstore.Options{Address: []string{proxy}, Timeout: 10 * time.Second})
		check(err)
		check(decide(l)(context.Background(), 0))
		check(l.Close())
	})
	text, args := eval[0], []any{eval[3], eval[4]}

	limits, err := redisstore.NewLimits(redisstore.Options{Address: []string{addr}, Timeout: 10 * time.Second})
	check(err)
	client := redis.NewClient(&redis.Options{Addr: addr, PoolSize: callers})
	script := redis.NewScript(text)
	rate := redis_rate.NewLimiter(client)
	perMinute := redis_rate.Limit{Rate: 1000, Period: time.Minute, Burst: 1 << 30}
	var names [keys]string
	for i := range names {
		names[i] = fmt.Sprintf("peer:{%016x}:%016x", i, 1)
	}
	peers := []peer{
		{"redisstore.Limits", decide(limits)},
		{"go-redis, same script", func(ctx context.Context, i int) error {
			_, err := script.Run(ctx, client, []string{names[i]}, args...).Text()
			return err
		}},
		{"redis_rate", func(ctx context.Context, i int) error {
			_, err := rate.Allow(ctx, names[i], perMinute)
			return err
		}},
	}
	for _, n := range []int{1, callers} {
		times, allocs := make([][]float64, len(peers)), make([]int64, len(peers))
		for range rounds {
			for i, p := range peers {
				r := run(p, n)
				times[i] = append(times[i], float64(r.T.Nanoseconds())/float64(r.N)/1000)
				allocs[i] = r.AllocsPerOp()
			}
		}
		base := median(times[0])
		for i, p := range peers {
			m := median(times[i])
			fmt.Printf("%2d callers  %-22s %7.2f µs  %8.0f/s  %3d allocs  %.2f ×  (%.2f to %.2f)\n",
				n, p.name, m, 1e6/m, allocs[i], m/base, times[i][0], times[i][len(times[i])-1])
		}
	}
}
