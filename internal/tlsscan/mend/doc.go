// Package mend says how to mend what a scan of a TLS server found: for each finding what
// is wrong, why it matters, and the lines for nginx, Apache, Caddy, HAProxy, Node and Go.
//
// A finding is mended by settings ([Setting]), a setting is written once for each server
// program, and suites and groups come from the one list by which the scan judges. So
// several findings together need each line once: [Snippet] is what a whole report needs,
// and what Mozilla's intermediate level needs besides.
//
// What no configuration mends (a certificate, a library with a hole) has words instead of
// lines. Nothing that a scanned server said stands in any text of this package.
//
// The lines are for nginx from 1.19.4, Apache from 2.4.36, Caddy from 2.6, HAProxy from 2.2,
// Node from 18 and Go from 1.24; what needs more says so. The tests start bad servers of
// nginx, Node and Go, apply the lines of each finding and scan again.
package mend
