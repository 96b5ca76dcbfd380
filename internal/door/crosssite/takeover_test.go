package crosssite_test

import (
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/crosssite"
)

// TestAddTakesOver has one memory learn what another one learns.
func TestAddTakesOver(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	var kept []crosssite.Learnt
	m := crosssite.NewMemory(crosssite.MemoryOptions{Keep: func(all crosssite.Learnt) { kept = append(kept, all) }})
	one := func(grant crosssite.Grant, seen time.Time) crosssite.Learnt {
		return crosssite.Learnt{Approvals: []crosssite.Approval{{Host: "shop.example", Origin: "https://partner.example", Grant: grant, Seen: seen}}, Cookies: []string{"state"}}
	}
	m.Eager(true)
	m.Add(one(crosssite.Reads, now))
	m.Add(one(crosssite.Sends, now.Add(-time.Hour)))
	m.Add(one(crosssite.Any, now)) // says less
	m.Add(one(crosssite.Sends+1, now))
	if len(kept) != 4 {
		t.Fatalf("kept %d times, want each time", len(kept))
	}
	last := kept[3]
	if len(last.Approvals) != 1 || last.Approvals[0].Grant != crosssite.Sends || len(last.Cookies) != 1 {
		t.Errorf("kept %+v, want the one origin that may send, and the cookie", last)
	}
	m.Eager(false)
	m.Add(one(crosssite.Sends, now))
	if len(kept) != 4 {
		t.Error("kept at once, want now and then")
	}
	m.Close()
	if len(kept) != 5 || !kept[4].Approvals[0].Seen.Equal(now) {
		t.Error("what was not kept yet is not at the end")
	}
}
