// Package wire writes and reads what TLS and SSL peers say in clear: records, handshake
// messages and SSLv2 hellos, with the registries of suites, groups and signature
// schemes. It has no keys and does no input or output but reading records.
//
// Everything that a server sends is foreign: readers return errors, never panic, and
// refuse what is longer than they were told. They are held by the fuzz targets of this
// package, and against crypto/tls by the tests of package tlsscan.
//
// Sources: RFC 5246, RFC 8446, RFC 6101, draft-hickman-netscape-ssl-00, and IANA's
// registries of TLS parameters.
package wire
