package redact_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/report/redact"
)

func BenchmarkText(b *testing.B) {
	for name, in := range map[string]string{
		"line": "documents have no enforced Content-Security-Policy (2 of 3 answers)",
		"page": strings.Repeat(`<p class="a">The token of <a href="/x?y=z">this</a> page, with a cookie: none.</p>`+"\n", 200),
		"json": strings.Repeat(`{"id":1,"name":"a shoe","token":"abcdef","note":"key"},`, 300),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				redact.Text(in)
			}
		})
	}
}
