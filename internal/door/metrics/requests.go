package metrics

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// otherSite is the label of requests for hosts that are not served.
const otherSite = "other"

// methods are the labels; the last stands for all that are not named.
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "other"}

func methodIndex(method string) int {
	switch method {
	case "GET":
		return 0
	case "HEAD":
		return 1
	case "POST":
		return 2
	case "PUT":
		return 3
	case "PATCH":
		return 4
	case "DELETE":
		return 5
	case "OPTIONS":
		return 6
	case "CONNECT":
		return 7
	case "TRACE":
		return 8
	}
	return len(methods) - 1
}

const (
	firstCode = 100
	lastCode  = 599
	// codes has two places more: for a connection that was cut before an answer, and for
	// statuses that HTTP does not have.
	codes   = lastCode - firstCode + 3
	cutCode = codes - 2
	oddCode = codes - 1
)

func codeIndex(status int) int {
	switch {
	case status >= firstCode && status <= lastCode:
		return status - firstCode
	case status == 0:
		return cutCode
	}
	return oddCode
}

func codeLabel(i int) string {
	switch i {
	case cutCode:
		return "0"
	case oddCode:
		return "other"
	}
	return strconv.Itoa(firstCode + i)
}

// A Site counts the requests of one configured name. What one method costs, 4 KB, is spent
// when it is first used. A nil Site is that of all hosts that are not served.
type Site struct {
	name   string
	counts [len(methods)]atomic.Pointer[[codes]atomic.Uint64]
}

// Name is the label.
func (s *Site) Name() string {
	if s == nil {
		return otherSite
	}
	return s.name
}

func (s *Site) count(method string, status int) {
	at := &s.counts[methodIndex(method)]
	all := at.Load()
	if all == nil {
		at.CompareAndSwap(nil, new([codes]atomic.Uint64))
		all = at.Load()
	}
	all[codeIndex(status)].Add(1)
}

// requests collects all sites.
type requests struct {
	other Site

	mu    sync.Mutex
	sites map[string]*Site
}

// Site returns the counters of a configured name, the same for the life of the Metrics.
func (m *Metrics) Site(name string) *Site {
	r := &m.requests
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[name]
	if s == nil {
		s = &Site{name: name}
		r.sites[name] = s
	}
	return s
}

var requestsDesc = prometheus.NewDesc("panoply_http_requests_total",
	"Requests by site, method and status; code 0 where the connection was cut before an answer.", []string{"site", "method", "code"}, nil)

func (r *requests) Describe(ch chan<- *prometheus.Desc) { ch <- requestsDesc }

func (r *requests) Collect(ch chan<- prometheus.Metric) {
	r.other.collect(otherSite, ch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, s := range r.sites {
		s.collect(name, ch)
	}
}

func (s *Site) collect(name string, ch chan<- prometheus.Metric) {
	for m := range s.counts {
		all := s.counts[m].Load()
		if all == nil {
			continue
		}
		for i := range all {
			if n := all[i].Load(); n > 0 {
				ch <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), name, methods[m], codeLabel(i))
			}
		}
	}
}

// maxBlocked bounds the series of blocked: rules are of fixed sets, and a guard that broke
// that would be counted under the rule "other".
const maxBlocked = 4096

type verdict struct {
	site, practice, rule string
	enforced             bool
}

// blocked counts what was refused, or would have been.
type blocked struct {
	mu     sync.RWMutex
	counts map[verdict]*atomic.Uint64
}

// Blocked counts a refusal, or one that was only observed.
func (m *Metrics) Blocked(s *Site, practice, rule string, enforced bool) {
	m.blocked.count(verdict{s.Name(), practice, rule, enforced})
}

func (b *blocked) count(v verdict) {
	b.mu.RLock()
	n, full := b.counts[v], len(b.counts) >= maxBlocked
	b.mu.RUnlock()
	if n == nil {
		if full {
			v.rule = "other"
		}
		b.mu.Lock()
		if n = b.counts[v]; n == nil {
			n = new(atomic.Uint64)
			b.counts[v] = n
		}
		b.mu.Unlock()
	}
	n.Add(1)
}

var blockedDesc = prometheus.NewDesc("panoply_blocked_total",
	"Verdicts against requests, by site, practice, rule and mode: block refused them, observe would have.",
	[]string{"site", "practice", "rule", "mode"}, nil)

func (b *blocked) Describe(ch chan<- *prometheus.Desc) { ch <- blockedDesc }

func (b *blocked) Collect(ch chan<- prometheus.Metric) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for v, n := range b.counts {
		mode := "observe"
		if v.enforced {
			mode = "block"
		}
		ch <- prometheus.MustNewConstMetric(blockedDesc, prometheus.CounterValue, float64(n.Load()), v.site, v.practice, v.rule, mode)
	}
}
