// Package report writes an audit's report in the forms that its readers take: text for
// people, JSON for programs, SARIF for code scanning, JUnit for test boards, workflow
// commands for GitHub, and an HTML page for whoever signs it off.
//
//	err := report.Write(os.Stdout, "html", r, report.Options{Checks: checks, Version: "1.0.0"})
//
// [Formats] lists them. [HAR] writes what was exchanged, which no report holds.
//
// The report has passed the redactor when it is made (package redact); the writers here
// take control characters out once more, for reports that came from elsewhere, and each
// escapes for its own form. They do not judge what else in a report its readers may
// see. No form holds a time of day: equal reports give equal bytes, and two runs over
// the same answers differ in the duration only.
//
// Sources: JSON Schema 2020-12 ([Schema] describes the form json), SARIF 2.1.0 (OASIS),
// HAR 1.2, GitHub's documentation of workflow commands and of SARIF for code scanning.
package report
