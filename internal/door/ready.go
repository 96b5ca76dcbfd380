package door

import (
	"fmt"
	"math"
	"time"

	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// expiresSoon is how many days before its end a certificate is mentioned.
const expiresSoon = 14

// readiness is what /-/ready says: what keeps the door from being ready, and what is worse
// than it should be while it goes on. A store that is away is of the second kind, since
// limits go on without it: were it the first, all doors that share it would leave their
// balancer at once.
func (d *Door) readiness() admin.Readiness {
	now := time.Now()
	r := admin.Readiness{Problems: d.checks.problems(), Degraded: []string{}, Certificates: []admin.Certificate{}}
	ended := 0
	for _, c := range d.servedCertificates() {
		days := int(math.Floor(c.NotAfter.Sub(now).Hours() / 24))
		r.Certificates = append(r.Certificates, admin.Certificate{Name: c.Name, NotAfter: c.NotAfter.UTC(), Days: days})
		switch {
		case days < 0:
			ended++
			r.Degraded = append(r.Degraded, fmt.Sprintf("the certificate of %s has ended on %s", c.Name, c.NotAfter.UTC().Format(time.DateOnly)))
		case days < expiresSoon:
			r.Degraded = append(r.Degraded, fmt.Sprintf("the certificate of %s ends in %d days", c.Name, days))
		}
	}
	if ended == len(r.Certificates) {
		r.Problems = append(r.Problems, "no certificate is valid")
	}
	if !d.storeUp() {
		r.Degraded = append(r.Degraded, "the store of limits does not answer; this door counts its share alone")
	}
	if err := d.access.Err(); err != nil {
		r.Degraded = append(r.Degraded, "the access log cannot be written: "+ledger.Clean(err.Error(), 200))
	}
	if failed := d.reloadFailed.Load(); failed != nil {
		r.Degraded = append(r.Degraded, "the last reload failed on "+failed.UTC().Format(time.RFC3339)+"; the configuration of before goes on")
	}
	r.Ready = len(r.Problems) == 0
	return r
}

// reloaded notes how reading the configuration went.
func (d *Door) reloaded(err error) {
	d.metrics.Reloaded(err == nil)
	if err == nil {
		d.reloadFailed.Store(nil)
		return
	}
	now := time.Now()
	d.reloadFailed.Store(&now)
}
