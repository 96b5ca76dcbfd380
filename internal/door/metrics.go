package door

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the door's own registry: nothing global, and no label that a client could
// choose.
type metrics struct {
	registry   *prometheus.Registry
	classes    [6]prometheus.Counter // by status/100; 0 for connections cut
	durations  prometheus.Histogram
	failures   *prometheus.CounterVec
	handshakes prometheus.Counter
	reports    *prometheus.CounterVec
	total      atomic.Uint64

	mu        sync.Mutex
	byReports map[string]uint64
}

func newMetrics(d *Door) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), byReports: map[string]uint64{}}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_requests_total",
		Help: "Requests by the class of their answer; none where the connection was cut."}, []string{"class"})
	for i := range m.classes {
		class := "none"
		if i > 0 {
			class = strconv.Itoa(i) + "xx"
		}
		m.classes[i] = requests.WithLabelValues(class)
	}
	m.durations = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "panoply_request_duration_seconds",
		Help: "From a request's head to the end of its answer.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_failures_total",
		Help: "Exchanges with the application that failed, by reason."}, []string{"reason"})
	m.handshakes = prometheus.NewCounter(prometheus.CounterOpts{Name: "panoply_tls_handshake_failures_total", Help: "TLS handshakes that failed."})
	m.reports = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_csp_reports_total",
		Help: "Reports of browsers, by what was violated. Anyone who can load a page can send them."}, []string{"directive"})
	streams := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "panoply_streams_open", Help: "Open WebSockets and event streams."},
		func() float64 { return float64(d.streams.Open()) })
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "panoply_ready", Help: "1 while no hard check has a problem."},
		func() float64 {
			if len(d.checks.problems()) > 0 {
				return 0
			}
			return 1
		})
	keys := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "panoply_limit_keys", Help: "Records of users and addresses in this process."},
		func() float64 { return float64(d.limitKeys()) })
	for i, source := range [...]string{"fetch-metadata", "origin", "referer", "none"} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "panoply_csrf_requests_total",
			Help: "Requests that are not safe, by what their client said of where they come from.", ConstLabels: prometheus.Labels{"source": source}},
			func() float64 { return float64(d.csrfSource(i)) }))
	}
	m.registry.MustRegister(requests, keys, m.durations, m.failures, m.handshakes, m.reports, streams, ready, d.ledger, upstreamMetrics{d},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) request(status int, took time.Duration, failure string) {
	m.total.Add(1)
	class := status / 100
	if class < 0 || class >= len(m.classes) {
		class = 0
	}
	m.classes[class].Inc()
	m.durations.Observe(took.Seconds())
	if failure != "" {
		m.failures.WithLabelValues(failure).Inc()
	}
}

func (m *metrics) handshake() { m.handshakes.Inc() }

func (m *metrics) report(directive string) {
	m.reports.WithLabelValues(directive).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byReports[directive]++
}

// reported returns the reports by directive.
func (m *metrics) reported() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]uint64, len(m.byReports))
	for directive, n := range m.byReports {
		out[directive] = n
	}
	return out
}
