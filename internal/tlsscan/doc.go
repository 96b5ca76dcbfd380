// Package tlsscan says what a TLS server accepts, by asking it: protocols from SSLv2 to
// TLS 1.3, cipher suites and whose order counts, groups with all forms of ML-KEM,
// certificates by every offer, features, faults of implementations, and the verdicts of
// Mozilla's guideline or a profile of one's own, of SSL Labs' guide, and on what recorded
// connections are worth when quantum computers exist.
//
//	r, err := tlsscan.Scan(ctx, "shop.example:443", tlsscan.Options{})
//	fmt.Println(r.Protocols, r.Findings, r.Mozilla["6.0/intermediate"])
//
// It writes its own hellos (package wire) and makes its own connections (package
// session), for crypto/tls neither offers nor shows most of what is asked for here. A
// suite is found by offering all and striking out what the server chooses; a group of
// TLS 1.3 by offering no key, so that the HelloRetryRequest names the choice. Both lists
// are struck out on the same connections. Files: enumerate (protocols, suites, groups),
// chains (certificates, names), modern and older (whole connections: protocols of the
// application, tickets, renegotiation, resumption), page (HSTS), probes (fallback,
// primes, intolerance), vulnerable (faults), certificate, stores, issuance, weakkey,
// revocation and sct (the judge), fetch (authorities), profile, guideline and mozilla (what a server may
// do), grade, postquantum.
//
// What was not tested stands in Report.NotTested and never counts as clean. A server
// that hangs up is asked again, slower, with a hello between that it is known to accept;
// what stays unanswered is in Report.Incomplete. Everything is bounded: connections,
// time, bytes, the work of foreign numbers.
//
// What it does not do: unless told to, it asks nobody but the server; it asks no DNS, makes
// no connection over QUIC, and does not compute CCM, Camellia, ARIA, GOST, SM2, X448 or
// ML-KEM-512; servers with nothing else are enumerated, and the rest is named as not
// tested.
//
// It is held by tests against crypto/tls with exact results, by servers with faults and
// their mended twins, and by fuzz targets for every reader of foreign bytes.
//
// Practice: tls.
package tlsscan
