package fleet

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A queue gives out targets in the order of the list, save those of a host that is busy:
// a host with many names or ports gets one job at a time. This machine is its owner's
// own, and not spared.
type queue struct {
	mu   sync.Mutex
	cond *sync.Cond
	// waiting are indices of the list, lowest first.
	waiting []int
	// hosts has the host of each target, or nobody where none is asked.
	hosts []string
	busy  map[string]bool
	// keys are the addresses that the hosts lead to, once they were looked up.
	keys map[string][]string
	// full says that too much waits to be given back; then only the first that is
	// missing may begin.
	full func() (bool, int)
}

func newQueue(targets []Target, known func(Target) bool, full func() (bool, int)) *queue {
	q := &queue{busy: make(map[string]bool), keys: make(map[string][]string), full: full}
	q.cond = sync.NewCond(&q.mu)
	for i, t := range targets {
		host := nobody
		if known == nil || !known(t) {
			host = t.Host()
		}
		q.waiting, q.hosts = append(q.waiting, i), append(q.hosts, host)
	}
	return q
}

// next waits for a target that may begin. It returns false when there is none left or
// the context ended; done has to be called for what it returns.
func (q *queue) next(ctx context.Context) (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ctx.Err() == nil && len(q.waiting) > 0 {
		i, host, ok := q.pick()
		if !ok {
			q.cond.Wait()
			continue
		}
		if _, known := q.keys[host]; known {
			return i, true
		}
		// The name is held meanwhile, so that nobody looks it up beside.
		q.mu.Unlock()
		found := lookUp(ctx, host)
		q.mu.Lock()
		q.keys[host] = found
		delete(q.busy, host)
		if q.take(host) {
			return i, true
		}
		q.putBack(i)
		q.cond.Broadcast()
	}
	return 0, false
}

// pick takes the first waiting target whose host is free.
func (q *queue) pick() (index int, host string, ok bool) {
	full, first := q.full()
	for at, i := range q.waiting {
		if full && i != first {
			break
		}
		host := q.hosts[i]
		if !q.take(host) {
			continue
		}
		q.waiting = append(q.waiting[:at], q.waiting[at+1:]...)
		return i, host, true
	}
	return 0, "", false
}

// take marks a host and its addresses as busy, if they are free.
func (q *queue) take(host string) bool {
	if own(host) {
		q.keys[host] = nil
		return true
	}
	all := append([]string{host}, q.keys[host]...)
	for _, k := range all {
		if q.busy[k] {
			return false
		}
	}
	for _, k := range all {
		q.busy[k] = true
	}
	return true
}

func (q *queue) putBack(i int) {
	at := 0
	for at < len(q.waiting) && q.waiting[at] < i {
		at++
	}
	q.waiting = append(q.waiting[:at], append([]int{i}, q.waiting[at:]...)...)
}

// done frees the host of a target.
func (q *queue) done(i int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	host := q.hosts[i]
	if !own(host) {
		delete(q.busy, host)
		for _, k := range q.keys[host] {
			delete(q.busy, k)
		}
	}
	q.cond.Broadcast()
}

// wake lets those that wait look again.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cond.Broadcast()
}

const nobody = ""

// own says that a host is this machine, without asking anybody, or nobody.
func own(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == nobody || host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// lookUp returns the addresses of a host, none when that cannot be told: then the name
// alone is spared, and the job says what is wrong with it.
func lookUp(ctx context.Context, host string) []string {
	found := []string{} // looked up, other than nil
	if addr, err := netip.ParseAddr(host); err == nil {
		return append(found, "="+addr.Unmap().String())
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return found
	}
	for _, a := range addrs {
		found = append(found, "="+a.Unmap().String())
	}
	return found
}
