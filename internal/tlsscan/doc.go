// Package tlsscan says what a TLS server accepts, by asking it.
package tlsscan
