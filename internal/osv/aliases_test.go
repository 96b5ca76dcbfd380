package osv_test

import (
	"fmt"
	"testing"
)

// One hole that two databases tell of is one hit, with what only one of them knows.
func TestAliasesAreOne(t *testing.T) {
	const affected = `"affected":[{"package":{"ecosystem":"Go","name":"example.test/m"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]`
	db := open(t, file(t, "a.jsonl", `{"id":"GHSA-1","summary":"theirs","aliases":["CVE-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],`+affected+`}
{"id":"GO-1","aliases":["CVE-1","GHSA-1"],`+affected+`}
{"id":"GO-2","aliases":["CVE-2"],`+affected+`}
{"id":"CVE-2","aliases":["GHSA-2"],`+affected+`}
{"id":"GHSA-3","aliases":["CVE-3"],`+affected+`}
`))
	hits, err := db.Match("Go", "example.test/m", "1.0.0")
	var got []string
	for _, h := range hits {
		got = append(got, fmt.Sprint(h.ID, h.Aliases, h.Level, h.Score, h.Fixed, h.Summary))
	}
	want := []string{"GO-1[CVE-1 GHSA-1] high 7.5 [1.2.0]theirs", "GO-2[CVE-2 GHSA-2] unknown 0 [1.2.0]", "GHSA-3[CVE-3] unknown 0 [1.2.0]"}
	if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("Match = %q, %v, want %q", got, err, want)
	}
}
