package headers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

const practice = "headers"

// report sets the report-only headers that are due, with the address when there is one.
func (g *Guard) report(h http.Header, r *http.Request, present uint32, document bool, observed []string) {
	due := observed != nil && g.observed.reports
	if document {
		for i := range g.reported {
			due = due || g.reported[i].replace || present&g.reported[i].bit == 0
		}
	}
	address := ""
	if due && g.reportURI != nil {
		address = g.address(r)
	}
	if observed != nil {
		if address != "" && g.observed.reports {
			observed = single(observed[0] + ";report-uri " + address + ";report-to " + endpointName)
		}
		g.observed.put(h, observed)
	}
	if document {
		for i := range g.reported {
			row := &g.reported[i]
			switch {
			case !row.replace && present&row.bit != 0:
			case address != "":
				h[row.key] = row.endpoint
			default:
				h[row.key] = row.value
			}
		}
	}
	if address != "" {
		// A dictionary may be spread over fields, so the app's own endpoints stay.
		app := h[endpointsName]
		h[endpointsName] = append(app[:len(app):len(app)], endpointName+`="`+address+`"`)
	}
}

// address asks for the report address and refuses one that would break the headers.
func (g *Guard) address(r *http.Request) string {
	address := g.reportURI(r)
	for _, c := range []byte(address) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"\,;`, c) >= 0 {
			ctx := r.Context()
			g.sink.Tell(ctx, guard.Event{Practice: practice, Rule: "report-address", Action: guard.Failed, Request: hook.RequestID(ctx),
				Err: fmt.Errorf("headers: ReportURI gave an address with the character %q; percent-encode it", c)})
			return ""
		}
	}
	return address
}

// listens tells whether anybody hears an event of that action, so that none is made for
// nobody.
func (g *Guard) listens(ctx context.Context, a guard.Action) bool {
	return g.sink != nil || slog.Default().Enabled(ctx, a.Level())
}

// tellWould tells what Apply would change, under Observe.
func (g *Guard) tellWould(r *http.Request, h http.Header, status int) {
	ctx := r.Context()
	if !g.listens(ctx, guard.WouldMend) {
		return
	}
	after := maps.Clone(h)
	e := guard.Event{Practice: practice, Rule: "would-set", Action: guard.WouldMend}
	if err := g.applyObserved(after, r, status); err != nil {
		e.Rule, e.Action, e.Err = "policy-failed", guard.Failed, err
	}
	var set []string
	for _, s := range g.settings {
		key := http.CanonicalHeaderKey(s.Header)
		if _, kept := after[key]; kept && !slices.Equal(after[key], h[key]) {
			set = append(set, s.Header)
		} else if !kept && h[key] != nil {
			set = append(set, "no "+s.Header)
		}
	}
	if len(set) == 0 && e.Err == nil {
		return
	}
	e.Request, e.Detail = hook.RequestID(ctx), strings.Join(set, ", ")
	g.sink.Tell(ctx, e)
}

// applyObserved is Apply where no handler was promised a nonce.
func (g *Guard) applyObserved(h http.Header, r *http.Request, status int) error {
	if g.nonce {
		r = r.WithContext(csp.WithNonce(r.Context()))
	}
	return g.Apply(h, r, status)
}

// tellResource tells of an answer that Cross-Origin-Resource-Policy would have kept from
// the page that asked for it.
//
// Source: Fetch, cross-origin resource policy check (requests of mode no-cors).
func (g *Guard) tellResource(r *http.Request) {
	site := one(r.Header["Sec-Fetch-Site"])
	if site != "cross-site" && (site != "same-site" || g.corp != "same-origin") {
		return
	}
	if g.corp == "cross-origin" || one(r.Header["Sec-Fetch-Mode"]) != "no-cors" {
		return
	}
	ctx := r.Context()
	if !g.listens(ctx, guard.WouldDeny) {
		return
	}
	dest := one(r.Header["Sec-Fetch-Dest"])
	if !slices.Contains(destinations, dest) {
		dest = "other"
	}
	g.sink.Tell(ctx, guard.Event{Practice: practice, Rule: "cross-origin-resource", Action: guard.WouldDeny,
		Request: hook.RequestID(ctx), Detail: dest + " for a " + site + " page"})
}

// destinations are the values of Sec-Fetch-Dest that are told by name.
var destinations = []string{"audio", "audioworklet", "embed", "empty", "font", "image", "manifest", "object", "paintworklet",
	"report", "script", "serviceworker", "sharedworker", "style", "track", "video", "worker", "xslt"}

func one(fields []string) string {
	if len(fields) != 1 {
		return ""
	}
	return fields[0]
}
