package doctor

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// A Verdict is what a line comes to.
type Verdict string

const (
	OK         Verdict = "ok"
	Warning    Verdict = "warning"
	Problem    Verdict = "problem"
	NotChecked Verdict = "not checked"
)

// A Line is one thing that was looked at.
type Line struct {
	// Check is the name of the check, such as "dns".
	Check string `json:"check"`
	// Subject is what it looked at, such as a site; "" where there is one only.
	Subject string  `json:"subject,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Found says what is there, or why nothing was looked at.
	Found string `json:"found"`
	// Do says what to do; "" for nothing.
	Do string `json:"do,omitempty"`
}

// Options are what Examine looks at, and by what. Only Config is needed.
type Options struct {
	// Config is valid.
	Config *config.Config
	// File is where it came from, "" for no file.
	File string
	// Running is what the door of this configuration says, nil where none runs or does not
	// say; Unheard is then why, and nil where none runs.
	Running *admin.Status
	Unheard error
	// Socket is that of the door that runs.
	Socket string
	// Resolver asks for names; nil: what needs it is not checked.
	Resolver *Resolver
	// Online allows one request to DateURL.
	Online bool

	// DateURL is an address whose answers carry the right time; "" means DefaultDateURL.
	DateURL string
	// Client asks it; nil means one of its own.
	Client *http.Client
	// Addresses are those at which others reach this machine; nil means
	// hardcheck.Addresses.
	Addresses func() ([]netip.Addr, error)
	// Roots are the CAs that browsers trust; nil means those of the system.
	Roots *x509.CertPool
	// Now is the time; nil means time.Now.
	Now func() time.Time
	// FileLimit is how many files a process that is started from here may have open; nil
	// means that of this one.
	FileLimit func() (uint64, error)
}

// checkTime bounds each check.
const checkTime = 20 * time.Second

// checks in the order in which their lines are shown.
var checks = []func(context.Context, *Options) []Line{
	checkConfig, checkDoor, checkPorts, checkPlain, checkDNS, checkCAA, checkCertificates, checkClock,
	checkUpstream, checkTrustProxy, checkAround, checkForwarded, checkStore, checkState, checkFiles, checkRelease,
}

// Examine looks at everything, at once. It returns when all is known or ctx ends, in which
// case what was not reached is not checked. Nothing foreign in a line can move a terminal.
func Examine(ctx context.Context, o Options) []Line {
	if o.Addresses == nil {
		o.Addresses = hardcheck.Addresses
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FileLimit == nil {
		o.FileLimit = fileLimit
	}
	all := make([][]Line, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			defer cancel()
			all[i] = check(ctx, &o)
		})
	}
	wg.Wait()
	var lines []Line
	for _, some := range all {
		for _, l := range some {
			l.Subject, l.Found, l.Do = ledger.Clean(l.Subject, 300), ledger.Clean(l.Found, 500), ledger.Clean(l.Do, 500)
			lines = append(lines, l)
		}
	}
	return lines
}

// public are the sites that the world asks a resolver for.
func (o *Options) public() []string {
	var all []string
	for _, site := range o.Config.Sites {
		if _, err := netip.ParseAddr(site); err != nil && !config.LocalName(site) {
			all = append(all, site)
		}
	}
	return all
}
