package refusals_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/door/refusals"
)

func TestFind(t *testing.T) {
	l := refusals.New()
	for _, id := range []string{"abcdef01", "abcdef02", "123456ff"} {
		l.Note(refusals.Refusal{ID: id, Rule: id})
	}
	tests := []struct {
		id, want string
	}{
		{"abcdef01", "abcdef01"}, {" ABCDEF01 ", "abcdef01"}, {"123456", "123456ff"}, {"abcdef", ""}, {"abcdef0", ""}, {"12345", ""}, {"", ""}, {"zzzzzz", ""},
	}
	for _, test := range tests {
		got, ok := l.Find(test.id)
		if got.Rule != test.want && ok || ok != (test.want != "") {
			t.Errorf("Find(%q) = %q, %v, want %q", test.id, got.Rule, ok, test.want)
		}
	}
	l.Note(refusals.Refusal{ID: "abcdef01", Rule: "again"})
	if got, _ := l.Find("abcdef01"); got.Rule != "again" {
		t.Errorf("Find after a second Note = %q, want the later", got.Rule)
	}
	if got := l.Recent(2); len(got) != 2 || got[0].ID != "123456ff" || got[1].ID != "abcdef02" {
		t.Errorf("Recent(2) = %+v, want the last two, the latest first", got)
	}
}

func TestBound(t *testing.T) {
	l := refusals.New()
	if got := l.Recent(10); got == nil || len(got) != 0 {
		t.Errorf("Recent of an empty log = %v, want an empty list", got)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range refusals.Max {
				l.Note(refusals.Refusal{ID: fmt.Sprintf("%d-%06d", g, i)})
				l.Find("0-0000")
			}
		})
	}
	wg.Wait()
	l.Note(refusals.Refusal{ID: "last"})
	if got := l.Recent(2 * refusals.Max); len(got) != refusals.Max || got[0].ID != "last" {
		t.Errorf("Recent = %d, first %q, want %d and the last", len(got), got[0].ID, refusals.Max)
	}
	found := 0
	for g := range 4 {
		for i := range refusals.Max {
			if _, ok := l.Find(fmt.Sprintf("%d-%06d", g, i)); ok {
				found++
			}
		}
	}
	if found != refusals.Max-1 {
		t.Errorf("%d are found, want %d", found, refusals.Max-1)
	}
}
