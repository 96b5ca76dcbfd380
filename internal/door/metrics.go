package door

import (
	"github.com/panoplysec/panoply/internal/door/metrics"
)

// newMetrics counts for d.
func newMetrics(d *Door) *metrics.Metrics {
	s := metrics.Sources{
		Version:      d.opts.Version,
		Streams:      d.streams.Open,
		InFlight:     func() int { return int(d.inFlight.Load()) },
		Ready:        func() bool { return d.readiness().Ready },
		LimitKeys:    d.limitKeys,
		CSRF:         d.csrfSource,
		StoreUp:      d.storeUp,
		Certificates: d.servedCertificates,
		LogDropped:   func() uint64 { return d.access.Dropped() },
		Ledger:       d.ledger,
	}
	if d.tracer != nil {
		s.SpansSent, s.SpansLost = d.tracer.Sent, d.tracer.Lost
	}
	m := metrics.New(s)
	m.Registry.MustRegister(upstreamMetrics{d}, lockMetrics{d})
	return m
}

// storeUp tells whether limits are counted where the configuration says.
func (d *Door) storeUp() bool {
	l := d.limits
	return l == nil || l.shared == nil || !l.shared.Away()
}

// servedCertificates are those of the configuration at hand.
func (d *Door) servedCertificates() []metrics.Certificate {
	g := d.current.Load()
	if g == nil {
		return nil
	}
	var all []metrics.Certificate
	if g.files != nil {
		for _, c := range g.files.Status() {
			name := c.Pair.Cert
			if len(c.Names) > 0 {
				name = c.Names[0]
			}
			all = append(all, metrics.Certificate{Name: name, NotAfter: c.NotAfter})
		}
	}
	if g.ca != nil {
		all = append(all, metrics.Certificate{Name: localCA, NotAfter: g.ca.Root().NotAfter})
	}
	return all
}

// localCA is the label of the local CA, whose leaves are made as they are needed.
const localCA = "local-ca"
