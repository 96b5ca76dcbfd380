package door

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/balance"
)

// upstreams is what panoply status shows of the applications.
func (d *Door) upstreams() []admin.UpstreamStatus {
	a := d.current.Load().apps
	all := make([]admin.UpstreamStatus, len(a.of))
	for i, b := range a.of {
		one := admin.UpstreamStatus{Name: b.Name, Balance: b.Balance, Repeated: a.groups[i].Repeated()}
		for _, m := range a.groups[i].Members() {
			s := m.Standing()
			one.Members = append(one.Members, admin.MemberStatus{
				Address: m.Address(), Up: s.Up, Why: s.Why, InFlight: s.InFlight, Requests: s.Requests, Failures: s.Failures,
			})
		}
		all[i] = one
	}
	return all
}

// upstreamMetrics collects what is known of the addresses of the configuration at hand. Its
// labels are what the configuration says and nothing else.
type upstreamMetrics struct{ d *Door }

var (
	memberLabels   = []string{"upstream", "member"}
	memberUp       = prometheus.NewDesc("panoply_upstream_up", "1 while requests go to the address, 0 while it is put aside.", memberLabels, nil)
	memberInFlight = prometheus.NewDesc("panoply_upstream_in_flight", "Requests under way at the address.", memberLabels, nil)
	memberRequests = prometheus.NewDesc("panoply_upstream_requests_total", "Requests sent to the address.", memberLabels, nil)
	memberFailures = prometheus.NewDesc("panoply_upstream_failures_total", "Requests that the address failed: no connection, no answer, no HTTP.", memberLabels, nil)
	groupRepeated  = prometheus.NewDesc("panoply_upstream_repeated_total", "Requests sent to a second address after the first had failed, since the last reload.", memberLabels[:1], nil)
)

// Describe implements prometheus.Collector.
func (upstreamMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{memberUp, memberInFlight, memberRequests, memberFailures, groupRepeated} {
		ch <- one
	}
}

// Collect implements prometheus.Collector.
func (u upstreamMetrics) Collect(ch chan<- prometheus.Metric) {
	g := u.d.current.Load()
	if g == nil {
		return
	}
	for i, b := range g.apps.of {
		ch <- prometheus.MustNewConstMetric(groupRepeated, prometheus.CounterValue, float64(g.apps.groups[i].Repeated()), b.Name)
		for _, m := range g.apps.groups[i].Members() {
			collectMember(ch, b.Name, m)
		}
	}
}

func collectMember(ch chan<- prometheus.Metric, group string, m *balance.Member) {
	s, up := m.Standing(), 0.0
	if s.Up {
		up = 1
	}
	for _, one := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{memberUp, prometheus.GaugeValue, up},
		{memberInFlight, prometheus.GaugeValue, float64(s.InFlight)},
		{memberRequests, prometheus.CounterValue, float64(s.Requests)},
		{memberFailures, prometheus.CounterValue, float64(s.Failures)},
	} {
		ch <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value, group, m.Address())
	}
}
