// Package mirror keeps a copy of the archives of advisories that OSV publishes, one for
// each ecosystem, as indexes that package osv opens.
//
//	results, err := mirror.Update(ctx, mirror.Options{Dir: dir})
//	db, err := osv.Open(dir, "")
//
// An archive comes over TLS, is compared with the sums that the server gives and with
// those that the caller pins, and has to look like what it replaces: as many records, as
// new. Only then it takes the place of the old one, at once: a reader, and whoever pulls
// the plug, has the one or the other. What is broken off goes on where it was, in this
// run or in the next. Where nothing has changed, one request says so.
//
// It trusts the server for what the records say: without a signature, whoever owns the
// server decides what is a hole. What is published between two updates is not known.
//
// Sources: the data section of osv.dev's documentation for the places; RFC 9110 sections
// 13 and 14 for conditions and ranges; the x-goog-hash header of Cloud Storage; the
// formats of minisign.
package mirror
