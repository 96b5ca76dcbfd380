package metrics_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/metrics"
)

func full() *metrics.Metrics {
	one := func() uint64 { return 1 }
	yes := func() bool { return true }
	return metrics.New(metrics.Sources{
		Streams: func() int { return 2 }, InFlight: func() int { return 4 }, Ready: yes, LimitKeys: func() int { return 3 }, CSRF: func(i int) uint64 { return uint64(i) }, StoreUp: yes,
		Certificates: func() []metrics.Certificate {
			return []metrics.Certificate{{"shop.example", time.Unix(2000, 0)}, {"shop.example", time.Unix(1000, 0)}, {"b.example", time.Unix(3000, 0)}}
		},
		LogDropped: one, SpansSent: one, SpansLost: one, Ledger: ledger.New(),
	})
}

// series returns all series as `name{label="value",…}`, with their values.
func series(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			out[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = value(one)
		}
	}
	return out
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	}
	return -1
}

func TestNames(t *testing.T) {
	m := full()
	shop := m.Site("shop.example")
	if m.Site("shop.example") != shop {
		t.Error("Site makes another for the same name")
	}
	m.Done(shop, "GET", 200, time.Millisecond, "")
	m.Done(shop, "GET", 200, time.Millisecond, "")
	m.Done(shop, "BREW", 418, time.Millisecond, "refused")
	m.Done(nil, "POST", 0, time.Millisecond, "")
	m.Done(nil, "POST", 999, time.Millisecond, "")
	m.Blocked(shop, "csrf", "cross-site-form", true)
	m.Blocked(nil, "headers", "csp-absent", false)
	m.Login(shop, "failure")
	m.Login(nil, "blocked")
	m.Handshake()
	m.Report("script-src")
	m.Reloaded(true)
	before := series(t, m)
	m.Reloaded(false)
	got := series(t, m)
	for name, want := range map[string]float64{
		`panoply_http_requests_total{code="200",method="GET",site="shop.example"}`:                       2,
		`panoply_http_requests_total{code="418",method="other",site="shop.example"}`:                     1,
		`panoply_http_requests_total{code="0",method="POST",site="other"}`:                               1,
		`panoply_http_requests_total{code="other",method="POST",site="other"}`:                           1,
		`panoply_http_request_duration_seconds{}`:                                                        5,
		`panoply_blocked_total{mode="block",practice="csrf",rule="cross-site-form",site="shop.example"}`: 1,
		`panoply_blocked_total{mode="observe",practice="headers",rule="csp-absent",site="other"}`:        1,
		`panoply_login_attempts_total{result="failure",site="shop.example"}`:                             1,
		`panoply_login_attempts_total{result="blocked",site="other"}`:                                    1,
		`panoply_cert_expiry_timestamp_seconds{name="shop.example"}`:                                     1000,
		`panoply_cert_expiry_timestamp_seconds{name="b.example"}`:                                        3000,
		`panoply_config_last_reload_successful{}`:                                                        0,
		`panoply_store_up{store="limits"}`:                                                               1,
		`panoply_failures_total{reason="refused"}`:                                                       1,
		`panoply_tls_handshake_failures_total{}`:                                                         1,
		`panoply_csp_reports_total{directive="script-src"}`:                                              1,
		`panoply_http_requests_in_flight{}`:                                                              4,
		`panoply_streams_open{}`:                                                                         2,
		`panoply_ready{}`:                                                                                1,
		`panoply_limit_keys{}`:                                                                           3,
		`panoply_csrf_requests_total{source="none"}`:                                                     3,
		`panoply_access_log_dropped_total{}`:                                                             1,
		`panoply_trace_spans_total{result="sent"}`:                                                       1,
		`panoply_trace_spans_total{result="dropped"}`:                                                    1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, %v, want %v", name, v, ok, want)
		}
	}
	if before[`panoply_config_last_reload_successful{}`] != 1 {
		t.Error("a reload that succeeded does not count")
	}
	if at := `panoply_config_last_reload_success_timestamp_seconds{}`; got[at] == 0 || got[at] != before[at] {
		t.Errorf("%s = %v after a reload that failed, want %v", at, got[at], before[at])
	}
	for _, prefix := range []string{`panoply_build_info{goversion="go`, "go_goroutines{", "process_open_fds{"} {
		if !slices.ContainsFunc(keys(got), func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			t.Errorf("no %s…", prefix)
		}
	}
	if m.Total() != 5 || m.Reported()["script-src"] != 1 {
		t.Errorf("Total = %d, Reported = %v", m.Total(), m.Reported())
	}
}

func keys(m map[string]float64) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// TestLint holds the names to Prometheus' own rules.
func TestLint(t *testing.T) {
	m := full()
	m.Done(nil, "GET", 200, time.Millisecond, "closed")
	m.Blocked(nil, "csrf", "x", true)
	m.Login(nil, "success")
	m.Report("script-src")
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "panoply_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestHostileClients: whatever clients send, the series stay few.
func TestHostileClients(t *testing.T) {
	m := full()
	shop := m.Site("shop.example")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 2000 {
				m.Done(shop, fmt.Sprintf("M%d-%d", i, n), 200+n%2, time.Millisecond, "")
				m.Done(nil, "GET\x00\"}", n, time.Millisecond, "")
			}
		})
	}
	wg.Wait()
	all := series(t, m)
	requests := 0
	for name := range all {
		if strings.HasPrefix(name, "panoply_http_requests_total{") {
			requests++
		}
	}
	if requests > 2+502 {
		t.Errorf("%d series of requests, want at most one for each code", requests)
	}
	for n := range 10_000 { // a guard that breaks its promise
		m.Blocked(nil, "csrf", fmt.Sprint("rule", n), true)
	}
	if n := len(series(t, m)) - len(all); n > 4097 {
		t.Errorf("%d series of verdicts, want a bound", n)
	}
}

func TestDoneAllocatesNothing(t *testing.T) {
	m := full()
	shop := m.Site("shop.example")
	done := func() {
		m.Done(shop, "GET", 200, time.Millisecond, "")
		m.Blocked(shop, "csrf", "cross-site-form", true)
	}
	done()
	if n := testing.AllocsPerRun(1000, done); n != 0 {
		t.Errorf("Done allocates %v times, want 0", n)
	}
}

func BenchmarkDone(b *testing.B) {
	m := full()
	shop := m.Site("shop.example")
	b.ReportAllocs()
	for b.Loop() {
		m.Done(shop, "GET", 200, time.Millisecond, "")
	}
}
