// Package demo is panoply demo: a small sample shop that breaks every one of the
// fifteen practices ON PURPOSE, the same shop behind the door, and the table of what
// the audit says about both.
//
//	err := demo.Run(ctx, demo.Options{Stdout: os.Stdout, Stderr: os.Stderr})
//
// # The shop is vulnerable. Do not copy from it, do not deploy it.
//
// [Shop] imitates a careless Express app in development: banners, stack traces, a
// default session cookie without flags, reviews printed as markup, queries joined
// from strings, a shell line joined from input, a pattern that backtracks, logins
// without a limit, forms without a defence, and belief in every X-Forwarded header.
// Each hole is real enough to be exploited from a browser and harmless to the machine:
// the "database" is a toy evaluator over embedded data, the "shell" knows a few words
// and executes nothing, the slow pattern stops after [slowest], and everything that a
// visitor can fill is bounded. [Listen] refuses an address beyond loopback, and the
// handler refuses a connection that came in by one.
//
// This package protects against nothing; it is what the guards are shown on.
//
// Sources: the Express page "Production Best Practices: Security"; the wording and
// markup of Express's default answers (finalhandler, serve-static, body-parser) as seen
// on the wire.
package demo
