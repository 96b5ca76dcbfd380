// Package wire holds the checks that need nothing but an address: they look at what
// the target answers and change nothing.
//
//	for _, c := range wire.Checks() {
//		fmt.Println(c.ID, c.Title)
//	}
//
// One file is one check, with its rules and its verdicts as functions of the answers.
// To add one: a file with the check, a line in [Checks], and a test file with apps that
// are bad and apps that are good; the family's test fails when either is missing, or
// when no app shows one of the rules.
//
// The checks judge by what browsers and servers do with an answer, not by how it is
// spelt. They import no guard: what enforced a practice must not prove it (held by a
// test). What they cannot see: pages behind a login, pages that no link on the first
// page leads to, and anything a POST would set.
package wire

import "github.com/panoplysec/panoply/audit/check"

// Checks returns the family, in the order of the practices.
func Checks() []check.Check {
	return []check.Check{tlsCheck, headersCheck, fingerprintCheck, errorsCheck, cookiesCheck, proxyTrustCheck}
}
