package ledger_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

func TestCounts(t *testing.T) {
	l := ledger.New()
	l.Seen("cookies").Add(7)
	l.Seen("headers").Add(1)
	for i := range 5 {
		l.Note("cookies", guard.Event{Practice: "cookies", Rule: "secure-absent", Action: guard.Mended, Detail: fmt.Sprintf("name%d\x1b[31m", i%4)})
	}
	l.Note("cookies", guard.Event{Practice: "cookies", Rule: "size", Action: guard.Noted})
	l.Note("cookies", guard.Event{Practice: "cookies", Rule: "x", Action: guard.WouldDeny})
	all := l.Guards()
	if len(all) != 2 || all[0].Name != "cookies" || all[1].Name != "headers" {
		t.Fatalf("Guards() = %+v, want cookies and headers", all)
	}
	g := all[0]
	if g.Seen != 7 || g.Mended != 5 || g.Noted != 1 || g.WouldDeny != 1 {
		t.Errorf("cookies = %+v", g)
	}
	top := g.Rules[0]
	if top.Rule != "secure-absent" || top.Count != 5 || strings.Join(top.Examples, " ") != "name0?[31m name1?[31m name2?[31m" {
		t.Errorf("first rule = %+v, want the most told, with three clean examples", top)
	}
}

func TestKeysAreBounded(t *testing.T) {
	l := ledger.New()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				l.Note("g", guard.Event{Practice: "p", Rule: fmt.Sprint(g, i), Action: guard.Denied})
			}
		})
	}
	wg.Wait()
	got := l.Guards()[0]
	if got.Denied != 4000 || len(got.Rules) > 520 {
		t.Errorf("%d denied under %d rules, want 4000 under at most 512 and some", got.Denied, len(got.Rules))
	}
}

func TestCollector(t *testing.T) {
	l := ledger.New()
	l.Note("headers", guard.Event{Practice: "headers", Rule: "r", Action: guard.Denied})
	reg := prometheus.NewRegistry()
	reg.MustRegister(l)
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("Gather = %v, %v, want the one count", families, err)
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{"plain": "plain", "a\x1b[2Jb\n": "a?[2Jb?", "ä\u202ex": "ä?x", "\xff": "?", "0123456789ab": "0123456789…", "012345678ä": "012345678…"} {
		if got := ledger.Clean(text, 10); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNoteAllocatesNothing(t *testing.T) {
	l := ledger.New()
	e := guard.Event{Practice: "fingerprint", Rule: "banner", Action: guard.Mended, Detail: "X-Powered-By"}
	l.Note("conceal", e)
	if n := testing.AllocsPerRun(100, func() { l.Note("conceal", e) }); n > 0 {
		t.Errorf("Note allocates %v times", n)
	}
}

func TestAddTakesOver(t *testing.T) {
	before, after := ledger.New(), ledger.New()
	before.Seen("cookies").Add(7)
	for _, a := range []guard.Action{guard.Noted, guard.Mended, guard.Denied, guard.WouldMend, guard.WouldDeny, guard.Failed} {
		before.Note("cookies", guard.Event{Practice: "cookies", Rule: "r", Action: a, Detail: "x"})
	}
	after.Note("cookies", guard.Event{Practice: "cookies", Rule: "r", Action: guard.Denied, Detail: "y"})
	after.Add(before.Guards())
	after.Add([]ledger.Guard{{Name: "odd", Rules: []ledger.Rule{{Rule: "r", Action: "no action", Count: 1}}}})
	g := after.Guards()[0]
	if g.Seen != 7 || g.Noted+g.Mended+g.WouldMend+g.WouldDeny+g.Failed != 5 || g.Denied != 2 || len(g.Rules) != 6 {
		t.Errorf("Guards = %+v, want both sums", g)
	}
	if got := strings.Join(g.Rules[0].Examples, " "); got != "y x" {
		t.Errorf("examples = %q, want both", got)
	}
}
