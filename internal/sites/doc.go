// Package sites is a corpus of small sites, bad ones and their good twins, in Go and in
// Node with the real packages, each audited whole: source where there is some, and wire.
// Its tests hold that an audit gives exactly the findings written beside each site, and
// no more.
//
//	go test ./internal/sites                 # all
//	go test ./internal/sites -run /express   # some
//	go test ./internal/sites -update         # write what was found; read the difference
//
// It holds nothing for programs. The bad sites are weak on purpose and listen on
// loopback only, while their test runs.
package sites
