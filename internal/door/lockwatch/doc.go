// Package lockwatch looks a lockfile up in advisories, each day and whenever one of the two
// has changed, and tells what is new.
//
//	w := lockwatch.New(lockwatch.Hooks{Tell: tell})
//	w.Set(lockwatch.Options{Lockfile: "/srv/shop/package-lock.json", Advisories: "/var/lib/osv"})
//	w.Run(ctx) // until ctx is done
//
// A lockfile or advisories that cannot be read are something to tell as well, and end
// nothing: the next look is made as if nothing had been. It never writes to either.
//
// The webhook gets what has changed since it last took something, as JSON: at most
// MaxTold entries of each kind, over TLS or to loopback. It follows no redirects. One that
// does not take it is asked again with pauses from a minute to an hour, and after the
// last of these at the next look.
//
// It knows what is locked, not what is installed or reached.
package lockwatch
