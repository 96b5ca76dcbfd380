// Package block has the block ciphers of old suites of TLS that the standard library does
// not have: Camellia (RFC 3713), ARIA (RFC 5794), SEED (RFC 4269) and IDEA (RFC 5469).
//
// The scan of TLS needs them to finish a handshake with a server that has nothing else.
// They look keys and text up in tables, so that their time tells of both, and are slow.
// Never use them to protect anything.
//
// They are held by the vectors of their specifications, and Camellia, ARIA and SEED by
// OpenSSL's.
package block
