// Command limit measures package limit in memory beside sethvargo/go-limiter: one decision
// on one of 1,000,000 keys, by one goroutine and by two, the memory a key takes at the cap,
// and a flood of 10,000,000 fresh keys. Peer and Panoply take turns within one run.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sethvargo/go-limiter/memorystore"

	"github.com/panoplysec/panoply/limit"
)

func main() {
	keys := flag.Int("keys", 1_000_000, "how many keys")
	calls := flag.Int("calls", 2_000_000, "calls a round")
	rounds := flag.Int("rounds", 7, "rounds")
	flood := flag.Int("flood", 10_000_000, "fresh keys of the flood; 0 for none")
	flag.Parse()
	if err := run(*keys, *calls, *rounds, *flood); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

// policy never refuses, and forgets no key, within a run: as the peer is set.
var policy = limit.Policy{Name: "bench", Algorithm: limit.GCRA, Points: 1_000_000, Duration: limit.MaxDuration}

func run(keys, calls, rounds, flood int) error {
	name := func(i int) string { return "203.0." + strconv.Itoa(i>>8) + "." + strconv.Itoa(i&255) }
	// As from requests: each key is a text of its own that was just made, in no order.
	asked := make([]string, calls)
	for i := range asked {
		asked[i] = name(rand.IntN(keys))
	}
	ctx := context.Background()

	if err := size(keys, name); err != nil {
		return err
	}
	memory, err := limit.NewMemory(limit.MemoryOptions{MaxKeys: 2 * keys})
	if err != nil {
		return err
	}
	ours, err := limit.New(limit.Options{Policies: []limit.Policy{policy}, Store: memory})
	if err != nil {
		return err
	}
	own := func(key string) { _, _ = ours.Consume(ctx, key, 1) }
	for i := range keys {
		own(name(i))
	}

	peer, err := memorystore.New(&memorystore.Config{Tokens: 1_000_000, Interval: time.Hour, SweepInterval: 24 * time.Hour})
	if err != nil {
		return err
	}
	theirs := func(key string) { _, _, _, _, _ = peer.Take(ctx, key) }
	for i := range keys {
		theirs(name(i))
	}
	now := time.Now()
	passed := func(key string) { _, _ = ours.ConsumeAt(ctx, now, key, 1) }

	table := []struct {
		name string
		call func(string)
		ns   [3][]float64 // by goroutines
	}{{name: "go-limiter", call: theirs}, {name: "panoply, own clock", call: own}, {name: "panoply, clock passed in", call: passed}}
	for range rounds {
		for i := range table {
			for _, goroutines := range []int{1, 2} {
				ns := measure(table[i].call, asked, goroutines)
				table[i].ns[goroutines] = append(table[i].ns[goroutines], ns)
			}
		}
	}
	base := median(table[0].ns[1])
	for _, row := range table {
		one, two := median(row.ns[1]), median(row.ns[2])
		fmt.Printf("%-26s %5.0f ns, %.2f × go-limiter; two goroutines %5.0f ns a call, %.2f × as fast as one, %.2f × go-limiter's two\n",
			row.name, one, one/base, two, one/two, two/median(table[0].ns[2]))
	}
	var stats [2]runtime.MemStats
	runtime.ReadMemStats(&stats[0])
	for _, key := range asked {
		passed(key)
	}
	runtime.ReadMemStats(&stats[1])
	fmt.Printf("allocations in %d calls: %d\n", len(asked), stats[1].Mallocs-stats[0].Mallocs)
	if flood > 0 {
		return flooded(flood)
	}
	return nil
}

// size fills a memory to its cap: keys of which each has a record of its own.
func size(keys int, name func(int) string) error {
	before := heap()
	memory, err := limit.NewMemory(limit.MemoryOptions{MaxKeys: keys})
	if err != nil {
		return err
	}
	l, err := limit.New(limit.Options{Policies: []limit.Policy{policy}, Store: memory})
	if err != nil {
		return err
	}
	for i := 0; i < 2*keys; i++ {
		if _, err := l.Consume(context.Background(), name(i), 1); err != nil {
			return err
		}
	}
	after := heap()
	fmt.Printf("%d records at a cap of %d: %.1f B each, with what counts the keys beyond\n", memory.Len(), keys, float64(after-before)/float64(memory.Len()))
	return nil
}

func measure(call func(string), asked []string, goroutines int) float64 {
	var wg sync.WaitGroup
	began := time.Now()
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < len(asked); i += goroutines {
				call(asked[i])
			}
		})
	}
	wg.Wait()
	return float64(time.Since(began).Nanoseconds()) / float64(len(asked))
}

// flooded fills a memory of the default size, with blocks and counts in it, and floods it.
func flooded(fresh int) error {
	ctx := context.Background()
	memory, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		return err
	}
	l, err := limit.New(limit.Options{Store: memory, Policies: []limit.Policy{{Name: "guess", Points: 5, Duration: time.Hour, Blocks: []time.Duration{time.Hour}}}})
	if err != nil {
		return err
	}
	const known = 10_000
	for i := range known {
		for range 3 + 3*(i%2) { // every second one is blocked
			_, _ = l.Consume(ctx, "known"+strconv.Itoa(i), 1)
		}
	}
	began := time.Now()
	for range fresh {
		_, _ = l.Consume(ctx, strconv.FormatUint(rand.Uint64(), 36), 1)
	}
	took := time.Since(began)
	lost := 0
	for i := range known {
		d, err := l.Get(ctx, "known"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		if d.Blocked != (i%2 == 1) || !d.Blocked && d.Consumed != 3 {
			lost++
		}
	}
	fmt.Printf("flood of %d fresh keys: %d ns each; %d of %d counted or blocked keys lost\n", fresh, took.Nanoseconds()/int64(fresh), lost, known)
	return nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
