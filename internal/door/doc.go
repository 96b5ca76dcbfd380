// Package door is the program's reverse proxy: it takes HTTPS, puts the guards around
// every request, and passes it to the application behind.
//
//	d, err := door.New(door.Options{Config: cfg})
//	if err != nil {
//		return err // every problem at once
//	}
//	return d.Run(ctx) // until a signal, or ctx is done
//
// A request's way: TLS (package tlsport) → id, log, recover → headers and conceal
// register → bounds → clientip strips and resolves → package sanity → the door's own
// addresses (package reports) → cookie names in → package routes → package upstream. Its
// answer's way is that of the phases in internal/hook.
//
// Everything that a configuration decides is one [generation]: built whole, then put in
// place of the old one at once, so that a reload that fails changes nothing and one that
// succeeds is never half done. Everything that must outlive a configuration belongs to
// the [Door]: listeners, counts, what is known of cookies and of HSTS, of the addresses of
// applications (package balance), open streams.
//
// The server side is package h1, and net/http for HTTP/2, behind [httpServer]; the upstream
// side is package upstream behind [application]. What net/http answers by itself, before
// any handler, is not the door's page; docs/threat-model.md lists it.
//
// It does not protect an application that can be reached around it (package hardcheck
// tells when it can), nor against a flood within the bounds.
package door
