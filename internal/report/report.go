// Package report writes an audit's report: as text for people and as JSON for programs.
//
//	err := report.Text(os.Stdout, r, report.ForTerminal(os.Stdout, os.LookupEnv))
//	err := report.JSON(os.Stdout, r)
//
// Text is a table of the practices with one line on each, then the findings with
// evidence, command and fix. Colour only repeats what the words say. JSON has a version
// in its member schema and is described by the JSON Schema that [Schema] returns.
//
// The report has passed the redactor when it is made (package redact); the writers here
// take control characters out once more, for reports that came from elsewhere. They
// do not judge what else in a report its readers may see.
package report
