// Package npmsemver compares versions and matches ranges as npm does.
//
//	v, _ := npmsemver.Parse("4.17.1", npmsemver.Options{})
//	r, _ := npmsemver.ParseRange("^4.16.0 || >=5.0.0-beta.1", npmsemver.Options{})
//	r.Contains(v) // true
//
// What npm does is what the package semver does, and that is more than its
// documentation: "1.2.3*" is a range, "= v1.2.3" a version where junk is let pass, and a
// numeric part of a prerelease above 2^53 is compared as a floating-point number. So the
// tests hold this package to answers recorded from semver itself (testdata/record.cjs),
// for versions, order, ranges, canonical forms and lowest versions.
//
// It does not resolve: tags such as "latest", addresses and aliases are no ranges. Go's
// versions are the business of golang.org/x/mod/semver.
//
// Sources: https://semver.org, the README of semver 7, and the recorded answers.
package npmsemver
