// Package caching keeps answers that belong to one client from caches.
//
//	caching.Forbid(w.Header())
//
// Sources: RFC 9111 sections 5.2.2.5 and 5.2.2.7; OWASP Session Management Cheat Sheet,
// "Web Content Caching".
package caching

import (
	"net/http"
	"strings"
)

// noStore is shared between answers: nobody appends to a value in place.
var noStore = []string{"no-store"}[:1:1]

// Forbid forbids to store an answer that holds, or was made of, a session, unless it
// already says that no shared cache may.
func Forbid(h http.Header) {
	for _, line := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(line, ",") {
			directive = strings.TrimSpace(directive)
			if strings.EqualFold(directive, "no-store") || strings.EqualFold(directive, "private") {
				return
			}
		}
	}
	h["Cache-Control"] = noStore
}
