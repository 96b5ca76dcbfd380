package caching_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/caching"
)

func TestForbid(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "no-store"},
		{"public, max-age=60", "no-store"},
		{`private="Set-Cookie"`, "no-store"},
		{"max-age=0, Private", "max-age=0, Private"},
		{"no-store", "no-store"},
		{"no-cache|no-store", "no-cache|no-store"},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(tt.in, "|") {
			if line != "" {
				h.Add("Cache-Control", line)
			}
		}
		caching.Forbid(h)
		if got := strings.Join(h["Cache-Control"], "|"); got != tt.want {
			t.Errorf("Forbid(%q) = %q, want %q", tt.in, got, tt.want)
		}
		h.Add("Cache-Control", "x") // must not reach the next answer
	}
}
