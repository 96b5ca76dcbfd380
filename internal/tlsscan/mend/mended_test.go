package mend_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// A bad server is scanned, mended by the lines of one finding at a time, and scanned again.
type bad struct {
	server mend.Server
	// hybrid says that the server's library has ML-KEM.
	hybrid bool
	// want are findings that it has to show, or the test proves nothing of them.
	want []string
	// scan starts it with lines applied to its configuration, and scans it.
	scan func(t *testing.T, lines []string) *tlsscan.Report
}

// lines are those of a text that are no comments and not what stands around them. What has
// to go begins with a minus.
func lines(server mend.Server, text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if _, names, ok := strings.Cut(l, "take out, where it stands: "); ok {
			for name := range strings.SplitSeq(names, ", ") {
				out = append(out, "-"+name)
			}
		}
		if l != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "//") {
			out = append(out, l)
		}
	}
	return out
}

// advice is what the guideline does not ask for, and what the tests' own authority lacks.
func advice(name string) bool { return name == "kex.no-pq" || name == "cert.no-sct" }

func (b bad) prove(t *testing.T) {
	before := b.scan(t, nil)
	t.Logf("%v, Mozilla: %v", before.Findings, before.Mozilla["6.0/intermediate"].Reasons)
	for _, name := range b.want {
		if !slices.Contains(before.Findings, name) {
			t.Errorf("the bad server does not show %s: %v", name, before.Findings)
		}
	}
	// Findings with the same lines are mended together.
	mends := make(map[string][]string)
	for _, name := range before.Findings {
		f, ok := mend.For(name)
		if !ok {
			t.Errorf("%s has no row", name)
			continue
		}
		text := strings.Join(lines(b.server, f.Lines(b.server, false)), "\n")
		if slices.Contains(f.Settings, mend.Hybrid) && !b.hybrid {
			t.Logf("%s needs a newer library than this machine's", name)
			continue
		}
		if text == "" {
			if slices.Contains(b.want, name) {
				t.Errorf("%s has no lines for %s", name, b.server)
			}
			continue
		}
		mends[text] = append(mends[text], name)
	}
	for text, names := range mends {
		t.Run(strings.Join(names, "+"), func(t *testing.T) {
			after := b.scan(t, strings.Split(text, "\n"))
			for _, name := range names {
				if slices.Contains(after.Findings, name) {
					t.Errorf("after\n%s\n%s is still there: %s", text, name, after.Evidence[name])
				}
			}
			for _, name := range after.Findings {
				if !slices.Contains(before.Findings, name) {
					t.Errorf("after\n%s\n%s is new: %s", text, name, after.Evidence[name])
				}
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		text := mend.Snippet(b.server, before)
		all := lines(b.server, text)
		for i, l := range all {
			if slices.Contains(all[:i], l) {
				t.Errorf("%q stands twice in\n%s", l, text)
			}
		}
		after := b.scan(t, all)
		for _, name := range after.Findings {
			if !advice(name) {
				t.Errorf("%s is left: %s", name, after.Evidence[name])
			}
		}
		if v := after.Mozilla["6.0/intermediate"]; !v.Pass || len(v.Untested) > 0 {
			t.Errorf("Mozilla's intermediate level: %+v, after\n%s", v, text)
		}
	})
}
