// Package metrics counts what the door does, for Prometheus.
//
//	m := metrics.New(metrics.Sources{…})
//	shop := m.Site("shop.example") // once a configuration
//	m.Done(shop, r.Method, status, took, "")
//	promhttp.HandlerFor(m.Registry, …)
//
// No label has a value that a client chose: methods are those of a fixed set or "other",
// sites are the configured names or "other", practices and rules are the guards' own, and
// codes are numbers from 100 to 599. What a request counts is found without a lookup by
// name and without an allocation. docs/observability.md lists the names.
package metrics

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Sources are what others count and know; nil functions leave their metrics out.
type Sources struct {
	// Version is that of the program; empty means that of its build information.
	Version   string
	Streams   func() int
	InFlight  func() int
	Ready     func() bool
	LimitKeys func() int
	// CSRF counts requests by what their client said of their origin: Sec-Fetch-Site, Origin,
	// Referer, nothing.
	CSRF func(i int) uint64
	// StoreUp tells whether the store of limits answers.
	StoreUp func() bool
	// Certificates are those that are served.
	Certificates func() []Certificate
	// LogDropped, SpansSent and SpansLost count lines and spans.
	LogDropped, SpansSent, SpansLost func() uint64
	// Ledger has what the guards told.
	Ledger prometheus.Collector
}

// A Certificate is one that is served, by the first of its names.
type Certificate struct {
	Name     string
	NotAfter time.Time
}

// Metrics are one door's own: nothing global. Its methods are safe for concurrent use.
type Metrics struct {
	// Registry has all of them.
	Registry *prometheus.Registry

	total      atomic.Uint64
	requests   requests
	blocked    blocked
	durations  prometheus.Histogram
	failures   *prometheus.CounterVec
	logins     *prometheus.CounterVec
	handshakes prometheus.Counter
	reports    *prometheus.CounterVec
	reloaded   prometheus.Gauge
	reloadedAt prometheus.Gauge

	mu        sync.Mutex
	byReports map[string]uint64
}

// New returns Metrics without counts.
func New(s Sources) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), byReports: map[string]uint64{}}
	m.requests.sites = map[string]*Site{}
	m.blocked.counts = map[verdict]*atomic.Uint64{}
	m.durations = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "panoply_http_request_duration_seconds",
		Help: "From a request's head to the end of its answer.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_failures_total",
		Help: "Exchanges with the application that failed, by reason."}, []string{"reason"})
	m.logins = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_login_attempts_total",
		Help: "Attempts to log in, by what the answer said: success, failure or undecided; or blocked, when there was none."}, []string{"site", "result"})
	m.handshakes = prometheus.NewCounter(prometheus.CounterOpts{Name: "panoply_tls_handshake_failures_total", Help: "TLS handshakes that failed."})
	m.reports = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "panoply_csp_reports_total",
		Help: "Reports of browsers, by what was violated. Anyone who can load a page can send them."}, []string{"directive"})
	m.reloaded = prometheus.NewGauge(prometheus.GaugeOpts{Name: "panoply_config_last_reload_successful",
		Help: "1 when the last reading of the configuration succeeded, 0 when it failed and the one of before goes on."})
	m.reloadedAt = prometheus.NewGauge(prometheus.GaugeOpts{Name: "panoply_config_last_reload_success_timestamp_seconds",
		Help: "When the configuration in use was read, in Unix time."})
	m.Registry.MustRegister(&m.requests, &m.blocked, m.durations, m.failures, m.logins, m.handshakes, m.reports, m.reloaded, m.reloadedAt,
		buildInfo(s.Version), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.register(m.Registry)
	return m
}

func (s *Sources) register(r *prometheus.Registry) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	counter := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	if s.Streams != nil {
		gauge("panoply_streams_open", "Open WebSockets and event streams.", nil, func() float64 { return float64(s.Streams()) })
	}
	if s.InFlight != nil {
		gauge("panoply_http_requests_in_flight", "Requests that have begun and not ended, streams included.", nil, func() float64 { return float64(s.InFlight()) })
	}
	if s.Ready != nil {
		gauge("panoply_ready", "1 while nothing keeps the door from being ready.", nil, func() float64 { return truth(s.Ready()) })
	}
	if s.LimitKeys != nil {
		gauge("panoply_limit_keys", "Records of users and addresses in this process.", nil, func() float64 { return float64(s.LimitKeys()) })
	}
	if s.StoreUp != nil {
		gauge("panoply_store_up", "1 while the store answers; without it each door counts its share alone.", prometheus.Labels{"store": "limits"},
			func() float64 { return truth(s.StoreUp()) })
	}
	if s.LogDropped != nil {
		counter("panoply_access_log_dropped_total", "Lines of the access log that were lost: a full disk, or a slow reader.", nil,
			func() float64 { return float64(s.LogDropped()) })
	}
	if s.SpansSent != nil && s.SpansLost != nil {
		const help = "Spans, by what became of them."
		counter("panoply_trace_spans_total", help, prometheus.Labels{"result": "sent"}, func() float64 { return float64(s.SpansSent()) })
		counter("panoply_trace_spans_total", help, prometheus.Labels{"result": "dropped"}, func() float64 { return float64(s.SpansLost()) })
	}
	if s.CSRF != nil {
		for i, source := range [...]string{"fetch-metadata", "origin", "referer", "none"} {
			counter("panoply_csrf_requests_total", "Requests that are not safe, by what their client said of where they come from.",
				prometheus.Labels{"source": source}, func() float64 { return float64(s.CSRF(i)) })
		}
	}
	if s.Certificates != nil {
		r.MustRegister(expiry(s.Certificates))
	}
	if s.Ledger != nil {
		r.MustRegister(s.Ledger)
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// buildInfo is the usual metric of value 1 that says what runs.
func buildInfo(version string) prometheus.Collector {
	labels := prometheus.Labels{"version": "devel", "revision": "", "goversion": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			labels["version"] = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				labels["revision"] = setting.Value
			}
		}
	}
	if version != "" {
		labels["version"] = version
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "panoply_build_info", Help: "1, with what this program was built from.", ConstLabels: labels})
	g.Set(1)
	return g
}

// expiry tells when certificates end, asked at each scrape.
type expiry func() []Certificate

var expiryDesc = prometheus.NewDesc("panoply_cert_expiry_timestamp_seconds",
	"When a certificate ends, in Unix time, by the first of its names.", []string{"name"}, nil)

func (e expiry) Describe(ch chan<- *prometheus.Desc) { ch <- expiryDesc }

func (e expiry) Collect(ch chan<- prometheus.Metric) {
	first := map[string]time.Time{} // several of one name, such as an RSA and an ECDSA one: the one that ends first
	for _, c := range e() {
		if end, ok := first[c.Name]; !ok || c.NotAfter.Before(end) {
			first[c.Name] = c.NotAfter
		}
	}
	for name, end := range first {
		ch <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(end.Unix()), name)
	}
}

// Done counts a request; s is nil for a host that is not served. Failure is the fixed
// reason of a failed exchange, empty for none.
func (m *Metrics) Done(s *Site, method string, status int, took time.Duration, failure string) {
	m.total.Add(1)
	if s == nil {
		s = &m.requests.other
	}
	s.count(method, status)
	m.durations.Observe(took.Seconds())
	if failure != "" {
		m.failures.WithLabelValues(failure).Inc()
	}
}

// Total is how many requests are done.
func (m *Metrics) Total() uint64 { return m.total.Load() }

// CountFrom has Total go on where the door before has stopped.
func (m *Metrics) CountFrom(total uint64) { m.total.Store(total) }

// Login counts an attempt. Result is of a fixed set.
func (m *Metrics) Login(s *Site, result string) { m.logins.WithLabelValues(s.Name(), result).Inc() }

// Handshake counts a TLS handshake that failed.
func (m *Metrics) Handshake() { m.handshakes.Inc() }

// Reloaded notes how reading the configuration went.
func (m *Metrics) Reloaded(ok bool) {
	m.reloaded.Set(truth(ok))
	if ok {
		m.reloadedAt.SetToCurrentTime()
	}
}

// Report counts one CSP report.
func (m *Metrics) Report(directive string) {
	m.reports.WithLabelValues(directive).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byReports[directive]++
}

// Reported returns the reports by directive.
func (m *Metrics) Reported() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]uint64, len(m.byReports))
	for directive, n := range m.byReports {
		out[directive] = n
	}
	return out
}
