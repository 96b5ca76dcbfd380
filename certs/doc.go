// Package certs is where the door's certificates come from: files that you have, and a
// local CA for the names that no public CA certifies.
//
//	ca, err := certs.OpenLocalCA(stateDir) // made on the first start
//	if err != nil {
//		return err
//	}
//	config := tlspolicy.Intermediate()
//	config.GetCertificate = ca.GetCertificate
//
// or, for files of your own, certs.Files, which chooses by server name and can Reload.
//
// The local CA can certify localhost, names under .localhost, 127.0.0.1 and ::1, and
// nothing else: that is written into its certificate as a critical name constraint, so
// that a stolen key of it is of no use for any other site. Nothing is put into a trust
// store by itself: Trust and Untrust return the steps, and the caller shows them before
// it runs them.
//
// It does not protect against: someone who can read the state folder as the same user,
// and so can speak as localhost to browsers that trust the CA; files whose certificate
// was revoked (nothing asks); clients that ignore name constraints.
//
// Practice: tls. Sources: RFC 5280 sections 4.2.1.9 (basic constraints), 4.2.1.10 (name
// constraints) and 4.2.1.12 (extended key usage); RFC 6761 section 6.3 (.localhost);
// CA/Browser Forum Baseline Requirements 6.1.5 (key sizes).
package certs
