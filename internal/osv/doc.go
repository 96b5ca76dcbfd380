// Package osv reads advisories in the Open Source Vulnerability format, keeps them in an
// indexed file, and says which of them a package of a version is under.
//
//	db, err := osv.Open("advisories/npm.osv.jsonl", cache)
//	if err != nil {
//		return err
//	}
//	defer db.Close()
//	hits, err := db.Match("npm", "express", "4.17.1")
//
// Open takes a folder of records (ID.json), a file with one record a line (.jsonl, also
// .jsonl.gz), a zip of records as OSV publishes them (all.zip), or an index that it wrote
// before, or a folder of those. What is no index is read once and indexed in the cache
// folder, until the source changes; opening an index costs two reads, whatever its size.
//
// What is foreign is bounded: a record has at most 4 MiB, a source a million records and
// 4 GiB unpacked. A record that cannot be read is an error with its file and line, and so
// is a version that cannot be compared: neither is a package without advisories.
//
// An index is made beside a temporary file: of each package's part of a record 16 bytes
// are held in memory. What of an index is not as it was written ends in ErrDamaged.
//
// It contacts nobody. It matches exact names, upper and lower case apart, as registries
// do. Records that were withdrawn are left out.
//
// Sources: the OSV schema 1.7 and its evaluation algorithm; CVSS 3.1 and CVSS 4.0 by
// FIRST.
package osv
