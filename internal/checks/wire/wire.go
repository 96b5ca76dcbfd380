// Package wire holds the checks that need nothing but an address: they look at what
// the target answers, and change nothing unless active probes are permitted.
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
// test). What they cannot see: pages that nothing leads to, pages behind a login when
// no way in is given, and what a POST would set.
package wire

import "github.com/panoplysec/panoply/audit/check"

// Checks returns the family, in the order of the practices.
func Checks() []check.Check {
	return []check.Check{tlsCheck, headersCheck, corsCheck, contentCheck, cachingCheck, fingerprintCheck, errorsCheck, leftoversCheck, methodsCheck, cookiesCheck, sessionsCheck, proxyTrustCheck}
}

// Rules returns the rules with these ids, whichever check they belong to: a problem that
// the source shows as well is the same finding, under the same rule. An id that is not
// there is a programmer's error, and panics.
func Rules(ids ...string) check.Rules {
	var rules check.Rules
	for _, id := range ids {
		before := len(rules)
		for _, c := range Checks() {
			for _, r := range c.Rules {
				if r.ID == id {
					rules = append(rules, r)
				}
			}
		}
		if len(rules) == before {
			panic("wire: no rule " + id)
		}
	}
	return rules
}
