// Package hardcheck looks at what no guard can mend from the door: a way around it, an
// application that does not know it stands behind a proxy, and one that runs in
// development mode.
//
//	found := hardcheck.Around(ctx, "localhost:3000", hardcheck.Addresses)
//	found = append(found, hardcheck.Probe(ctx, base, site)...)
//	w := hardcheck.NewWatch(tell)
//	w.Answer(r, status, header) // on each answer of the application
//
// Each finding is one line with the exact mend. The probes are two GETs of addresses
// that an application hardly has, sent to the application alone. What is not found is
// not proved absent: an application may show its mode elsewhere.
package hardcheck

// A Finding is one thing to mend.
type Finding struct {
	// ID is fixed: "around", "trust-proxy", "node-env", "no-cookie".
	ID string
	// Line says what is wrong and the exact mend.
	Line string
	// Degrades tells that the door cannot protect the application until it is mended.
	Degrades bool
}

const (
	Bypass      = "around"
	TrustProxy  = "trust-proxy"
	Development = "node-env"
	NoCookie    = "no-cookie"
)
