// Package session makes whole connections of TLS 1.0 to 1.3 by itself, as far as a
// scanner needs them: to read the certificate, the extensions and the tickets that TLS
// 1.3 encrypts, to ask for a page, to renegotiate, to resume.
//
// It proves nothing about the server: certificates and signatures are handed on, not
// judged, and randomness and timing are not what a client with secrets needs. Never use
// it to send anything that must stay secret.
//
// It is held by tests against crypto/tls, in every version, suite and group that both
// know, and by fuzz targets that play a hostile server.
package session
